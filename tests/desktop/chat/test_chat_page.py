"""A person talks with a model: the page, its jobs and a real worker process with the scripted back end."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from desktop.faults import Do
from desktop.theme.colours import DARK
from desktop.widgets.chat.keys import ALSO, KEYS, KeysDialog
from desktop.widgets.chat.question import Question
from desktop.widgets.chat.question_editor import QuestionEditor
from engine.catalog.library import Library
from engine.settings import DEFAULTS
from tests.helpers.hands import words_on
from tests.helpers.scripts import recorded, script

MARKDOWN = "# Title\n\nSome **bold** text.\n\n```python\nx = 1\n```\n\n- one\n- two\n"


def pieces(text, size=3):
    return [text[at : at + size] for at in range(0, len(text), size)]


def test_an_answer_streams_in_order_and_says_what_it_took(talk):
    talk.load(chunks=pieces(MARKDOWN), tokens_per_s=200)
    talk.ask("hello there")
    assert talk.answer.split("\n")[:4] == ["Title", "Some bold text.", "python", "x = 1"]
    assert talk.page.answer.view.whole_text == MARKDOWN
    assert "tokens/s · 21 tokens · first token" in talk.footer
    assert talk.page.composer.gauge.words.text() == "23 of 4,096 tokens"
    assert recorded(talk.model)[0]["messages"] == [{"role": "user", "content": "hello there"}]


def test_it_is_on_the_screen_while_it_comes(talk):
    talk.load(chunks=pieces("word " * 100), tokens_per_s=100)
    talk.ask("go", ended=False)
    talk.until(lambda: "word word" in talk.answer)
    assert talk.page.room.state == "answering"
    talk.press(Qt.Key.Key_Escape)
    talk.until_ended()


def test_the_next_question_goes_on_with_the_conversation(talk):
    talk.load(turns=[{"chunks": ["one"]}, {"chunks": ["two"]}])
    talk.ask("first")
    talk.ask("second")
    assert [message["content"] for message in recorded(talk.model)[1]["messages"]] == ["first", "one", "second"]
    assert "prompt tokens reused" in talk.footer


@pytest.mark.parametrize("how", ["button", "escape"])
def test_an_answer_can_be_stopped_and_another_asked_for(talk, how):
    talk.load(turns=[{"chunks": ["Begun. ", "never"], "fail": "stall", "after": 1}, {"chunks": ["Second."]}])
    talk.ask("first", ended=False)
    talk.until(lambda: "Begun" in talk.answer)
    assert talk.page.composer.deed.text() == "Stop"
    if how == "button":
        talk.click(talk.page.composer.deed)
    else:
        talk.press(Qt.Key.Key_Escape)
    talk.until_ended()
    assert talk.footer == "Stopped by you"
    assert talk.page.composer.deed.text() == "Send"
    assert talk.page.room.conversation.messages[-1].ending == "cancelled"
    talk.ask("second")
    assert talk.answer == "Second."


def test_a_crash_in_mid_answer_is_told_and_the_next_question_works(talk):
    talk.load(turns=[{"chunks": ["Part", "never"], "fail": "crash", "after": 1}, {"chunks": ["Alive."]}])
    talk.ask("first")
    answer = talk.page.answer
    assert answer.view.toPlainText() == "Part"
    assert answer.fault.fault.title == "The engine stopped"
    assert "SIGSEGV" in answer.fault.fault.sentence
    assert talk.footer == "Broken off by an error"
    talk.click(answer.details.button)
    assert answer.details.content.isVisible()
    assert "Segmentation fault" in answer.details.content.toPlainText()
    talk.ask("second")
    assert talk.answer == "Alive."
    assert not answer.fault.isVisible() and not answer.details.isVisible()


def test_a_failed_answer_can_be_tried_again(talk):
    talk.load(turns=[{"chunks": ["x"], "fail": "memory", "after": 1}, {"chunks": ["Fine."]}])
    talk.ask("question")
    assert talk.page.answer.fault.fault.title == "Not enough memory"
    talk.choose(talk.page.answer.fault, "Try again")
    talk.until_ended()
    assert talk.answer == "Fine."
    assert [message.content for message in talk.page.room.conversation.messages] == ["question", "Fine."]
    assert len(talk.page.transcript) == 2


def test_our_own_bug_in_a_worker_is_told_with_a_report(talk):
    talk.load(turns=[{"chunks": ["x"], "fail": "error", "after": 1}, {"chunks": ["Fine."]}])
    talk.ask("question")
    assert talk.page.answer.fault.fault.title == "Halfbyte made a mistake"
    assert "the script asked for a bug" in talk.page.answer.details.content.toPlainText()


def test_a_full_context_leads_to_a_new_conversation(talk):
    talk.load(context_tokens=3, chunks=["x"])
    talk.ask("one two three four")
    assert talk.page.answer.fault.fault.title == "The conversation is too long"
    talk.choose(talk.page.answer.fault, "New conversation")
    assert len(talk.page.transcript) == 0


def test_what_was_left_out_is_said_above_the_answer(talk):
    talk.load(context_tokens=60, chunks=["one two three four five six seven eight nine ten"])
    talk.page.show_settings(talk.page.room.settings.changed(when_full="drop_oldest"))
    for _ in range(6):
        talk.ask("one more question for you " * 3)
    assert talk.page.answer.gap.text().endswith("earlier messages were left out of what the model was shown.")
    assert len(talk.page.transcript) == 12


def test_a_way_to_another_page_is_told(talk, qtbot):
    talk.load(chunks=["x"], fail="memory", after=1)
    talk.ask("one two three four")
    with qtbot.waitSignal(talk.page.way_chosen) as told:
        talk.choose(talk.page.answer.fault, "See what fits")
    assert told.args[0].do is Do.SUGGESTION


def test_thoughts_stand_apart_and_open_on_demand(talk):
    talk.load(chunks=[{"thinking": "I **wonder**. "}, {"thinking": "Yes."}, "The answer."], tokens_per_s=100)
    talk.ask("question")
    thinking = talk.page.answer.thinking
    assert talk.answer == "The answer."
    assert thinking.button.text().startswith("Thought for 0.0")
    assert not thinking.view.isVisible()
    talk.click(thinking.button)
    talk.until(lambda: not thinking.view.is_behind)
    assert thinking.view.isVisible()
    assert thinking.view.toPlainText() == "I wonder. Yes."
    assert talk.page.room.conversation.last_answer.thinking == "I **wonder**. Yes."


def test_an_answer_that_was_cut_says_so(talk):
    talk.load(chunks=["a", "b", "c"], finish_reason="context")
    talk.ask("question")
    assert talk.footer.startswith("The context is full · ")


def test_messages_and_code_can_be_copied(talk, clipboard):
    talk.load(chunks=pieces(MARKDOWN))
    talk.ask("hello")
    talk.click(talk.page.answer.copy)
    assert clipboard.text() == MARKDOWN
    talk.click(talk.page.transcript.views[0].copy)
    assert clipboard.text() == "hello"
    copy, save = talk.page.answer.view.code_buttons.buttons
    talk.click(copy)
    assert clipboard.text() == "x = 1"
    assert [copy.accessibleName(), save.accessibleName()] == ["Copy python code", "Save python code…"]
    assert save.geometry().right() < copy.geometry().left()
    wanted = []
    talk.page.transcript.save_wanted.connect(lambda *told: wanted.append(told))
    talk.click(save)
    assert wanted == [("x = 1", "python")]


def test_code_gets_its_colours(talk):
    talk.load(chunks=["```python\nreturn 1\n```\n\nSettled before the rules are loaded.\n\nEnd."])
    talk.ask("code")
    view = talk.page.answer.view

    def colours():
        block = view.document().findBlock(view.toPlainText().index("return"))
        return {layout.format.foreground().color().name() for layout in block.textFormats()}

    talk.until(lambda: len(colours()) == 3)


def test_a_new_conversation_can_be_undone(talk):
    talk.load(turns=[{"chunks": ["one"]}, {"chunks": ["two"]}, {"chunks": ["three"]}])
    talk.ask("first")
    talk.press(Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert len(talk.page.transcript) == 0
    assert talk.page.welcome.isVisible()
    talk.click(talk.page.strip.undo)
    assert not talk.page.strip.isVisible()
    assert talk.answer == "one"
    talk.ask("second")
    assert [message["content"] for message in recorded(talk.model)[-1]["messages"]] == ["first", "one", "second"]
    talk.click(talk.page.new)
    talk.ask("afresh")
    assert not talk.page.strip.isVisible()
    assert [message["content"] for message in recorded(talk.model)[-1]["messages"]] == ["afresh"]


def test_a_new_conversation_ends_the_answer_that_comes(talk):
    talk.load(turns=[{"chunks": ["Begun. ", "never"], "fail": "stall", "after": 1}, {"chunks": ["Second."]}])
    talk.ask("first", ended=False)
    talk.until(lambda: "Begun" in talk.answer)
    talk.click(talk.page.new)
    assert talk.page.room.state == "ready"
    talk.click(talk.page.strip.undo)
    assert talk.footer == "Stopped by you"
    talk.ask("second")
    assert talk.answer == "Second."


def test_what_shows_follows_the_theme(talk, theme):
    talk.load(chunks=pieces(MARKDOWN))
    talk.ask("hello")
    theme.choose("dark")
    view = talk.page.answer.view
    talk.until(lambda: DARK.text in view.document().toHtml())
    assert view.toPlainText().startswith("Title\nSome bold text.")


def test_a_model_that_cannot_be_loaded_is_told_and_another_works(talk):
    talk.load(load_fail="memory", chunks=["x"])
    assert talk.page.room.state == "empty"
    assert talk.page.banner.fault.title == "Not enough memory"
    assert not talk.page.composer.deed.isEnabled()
    talk.load(chunks=["Here."])
    talk.ask("question")
    assert talk.answer == "Here."


def test_loading_can_be_given_up(talk):
    talk.load(load_s=60, loaded=False)
    talk.until(lambda: "Loading" in talk.page.progress.words.text())
    talk.click(talk.page.cancel)
    assert talk.page.room.state == "empty"
    assert not talk.page.cancel.isVisible()
    talk.load("other", chunks=["Here."])
    talk.ask("question")
    assert talk.answer == "Here."
    assert not talk.page.banner.isVisible()


def test_another_choice_while_a_model_loads_counts(talk, monkeypatch):
    talk.load(load_s=60, loaded=False)
    talk.until(lambda: "Loading" in talk.page.progress.words.text())
    states = []
    find = Library.find

    def find_slowly(library, name):
        time.sleep(1)  # the load that was given up fails meanwhile
        return find(library, name)

    monkeypatch.setattr(Library, "find", find_slowly)
    talk.page.room.changed.connect(lambda: states.append(talk.page.room.state))
    talk.load("other", chunks=["Here."])
    talk.ask("question")
    assert talk.answer == "Here."
    assert states == ["ready", "answering", "ready"]
    assert not talk.page.banner.isVisible()


def test_a_model_that_is_not_there_is_told(talk, tmp_path):
    talk.page.choose(tmp_path / "gone.gguf")
    talk.until(lambda: talk.page.room.state == "empty")
    assert talk.page.banner.fault.title == "Not found"


def test_another_model_goes_on_with_the_conversation(talk):
    talk.load(chunks=["one"])
    talk.ask("first")
    talk.page.close_room()
    talk.load(turns=[{}, {"chunks": ["two"]}])
    talk.ask("second")
    assert [message["content"] for message in recorded(talk.model)[-1]["messages"]] == ["first", "one", "second"]


def test_nothing_is_sent_while_there_is_no_model_or_no_text(talk):
    talk.ask("too early", ended=False)
    assert talk.page.composer.field.toPlainText() == "too early"
    assert talk.page.composer.hint.text() == "Choose a model first"
    talk.load(chunks=["x"])
    talk.page.composer.field.clear()
    talk.press(Qt.Key.Key_Return)
    assert talk.page.room.state == "ready"


def test_it_fits_a_narrow_window(talk):
    talk.load(chunks=["x"])
    talk.page.resize(500, 500)
    assert talk.page.width() == 500
    assert talk.page.new.text() == ""
    assert talk.page.new.accessibleName() == "New conversation"


def test_an_example_asks(talk):
    talk.load(chunks=["Half a byte."])
    assert talk.page.welcome.isVisible()
    talk.click(talk.page.welcome.examples[0])
    assert talk.page.composer.field.hasFocus()
    talk.until_ended()
    assert talk.answer == "Half a byte."
    assert recorded(talk.model)[0]["messages"][0]["content"] == talk.page.welcome.examples[0].text()


def test_the_button_leaves_the_focus_to_the_field(talk):
    talk.load(chunks=["Fine."])
    talk.page.composer.field.setPlainText("question")
    talk.page.composer.deed.setFocus()
    talk.click(talk.page.composer.deed)
    talk.until_ended()
    assert talk.page.composer.field.hasFocus()


def test_settings_hold_from_the_next_question_on(talk):
    talk.load(chunks=list("abcdef"))
    talk.page.show_settings(DEFAULTS.changed(temperature=0.0, max_tokens=2, system_prompt="Be brief."))
    talk.ask("question")
    assert talk.answer == "ab"
    assert talk.footer.startswith("The longest answer was reached")
    asked = recorded(talk.model)[0]
    assert asked["sampling"]["temperature"] == 0.0
    assert asked["messages"][0] == {"role": "system", "content": "Be brief."}


def test_the_tab_key_goes_from_top_to_bottom(talk, qtbot):
    talk.load(
        turns=[{"chunks": [{"thinking": "t"}, *pieces(MARKDOWN)]}, {"chunks": ["x"], "fail": "crash", "after": 1}]
    )
    talk.ask("first")
    answer = talk.page.answer
    talk.ask("second")
    wanted = ["New conversation", "Search conversations", "More about", "No system prompt"]
    wanted += [
        "Edit question",
        "Copy question",
        "Your question",
        "Thought for",
        "Answer",
        "Copy python code",
        "Save python code",
    ]
    wanted += [
        "Copy answer",
        "Answer again",
        "About this answer",
        "Edit question",
        "Copy question",
        "Your question",
        "Answer",
        "Dismiss",
    ]
    wanted += [
        "Try again",
        "Copy details",
        "Details, closed",
        "Copy answer",
        "Answer again",
        "Continue the answer",
        "About this answer",
    ]
    wanted += ["Your question"]
    assert answer is not talk.page.answer
    reached = [talk.page.new]
    while len(reached) < len(wanted):
        widget = reached[-1].nextInFocusChain()
        while not (widget.isVisible() and widget.isEnabled() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus):
            widget = widget.nextInFocusChain()
        reached.append(widget)
    names = [widget.accessibleName() for widget in reached]
    assert all(name.startswith(start) for name, start in zip(names, wanted, strict=True)), names
    assert reached[-1] is talk.page.composer.field


def test_every_control_has_a_name_and_takes_the_keyboard(talk):
    talk.load(chunks=[{"thinking": "t"}, *pieces(MARKDOWN)])
    talk.ask("hello")
    page = talk.page
    reached, widget = set(), page.composer.field
    while widget not in reached:
        reached.add(widget)
        widget = widget.nextInFocusChain()
    controls = [page.picker.list, page.new, page.composer.field, page.answer.copy, page.answer.view]
    controls += [page.answer.thinking.button, *page.answer.view.code_buttons.buttons]
    for control in controls:
        assert control in reached
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus
        assert control.accessibleName()
    for control in reached:
        if isinstance(control, QWidget) and control.isVisible() and control.focusPolicy() & Qt.FocusPolicy.TabFocus:
            assert control.accessibleName(), control


def test_the_help_tells_every_key_of_the_page(page):
    told = {sequence for keys, _ in KEYS for sequence in (keys, ALSO.get(keys, keys))}
    made = {shortcut.key().toString() for shortcut in page.findChildren(QShortcut)}
    assert len(made) >= 12
    assert made <= {QKeySequence(keys).toString() for keys in told}
    page.show_keys()
    (dialog,) = page.findChildren(KeysDialog)
    assert "Copy the latest answer" in words_on(dialog)
    assert dialog.height() < 30 * len(KEYS) + 150, "it has to fit on a small screen"
    dialog.accept()


def test_the_last_question_is_edited_copied_and_answered_again_by_keys(talk, clipboard):
    talk.load(turns=[{"chunks": ["One."]}, {"chunks": ["Two."]}, {"chunks": ["Three."]}])
    talk.ask("first")
    talk.press(Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert clipboard.text() == "One."
    talk.press(Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    talk.until(lambda: talk.answer == "Two.")
    talk.until_ended()
    talk.page.composer.field.setPlainText("x")
    talk.press(Qt.Key.Key_Up)
    (question,) = [view for view in talk.page.transcript.views if isinstance(view, Question)]
    assert question.editor is None, "Up moves the cursor where something is written"
    talk.page.composer.field.clear()
    talk.press(Qt.Key.Key_Up)
    assert question.editor.field.toPlainText() == "first"
    talk.page.edit_last()
    assert len(question.findChildren(QuestionEditor)) == 1
    question.editor.field.setPlainText("second")
    question.editor.send.click()
    talk.until(lambda: talk.answer == "Three.")
    talk.until_ended()
    assert recorded(talk.model)[2]["messages"][-1]["content"] == "second"


def test_the_words_below_an_answer_are_cut_off_with_dots_and_read_whole(talk):
    talk.load(chunks=["Yes."])
    talk.ask("question")
    words = talk.page.answer.words
    whole = words.text()
    assert words.toolTip() == ""
    talk.page.resize(420, 600)
    talk.until(lambda: words.toolTip() == whole)
    assert words.width() < words.fontMetrics().horizontalAdvance(whole)
    assert words.mapTo(talk.page, words.rect().topRight()).x() < talk.page.width()


@pytest.mark.parametrize("width", [500, 620, 700, 720, 760, 820, 984, 1100])
def test_no_button_at_the_head_cuts_its_words_off(talk, width):
    page = talk.page
    talk.load(name="SmolLM2-135M-Instruct-of-a-long-name.Q4_1")
    page.resize(width, 600)
    words_on(page)
    for button in (page.new, page.picker.open, page.composer.deed):
        assert not button.text() or button.width() >= button.sizeHint().width(), button.text()
    assert page.new.geometry().right() < page.width()
    if width in (500, 984):  # a narrow window, and the page of a new one
        assert bool(page.new.text()) is (width == 984)


def test_the_model_used_last_is_loaded_again_among_several(page, talk, tmp_path, qtbot):
    models = [script(tmp_path, name, chunks=["Yes."]) for name in ("one", "two")]
    used = []
    page.model_used.connect(used.append)
    page.show_library(models)
    assert page.room.state == "empty", "nobody has chosen yet"
    page.choose(models[1].path)
    talk.until(lambda: page.room.state == "ready")
    assert used == [models[1].path]
    talk.ask("Well?")
    assert used == [models[1].path]


def test_a_remembered_model_is_loaded_when_the_page_is_seen_if_it_is_still_there(page, talk, tmp_path):
    models = [script(tmp_path, name, chunks=["Yes."]) for name in ("one", "two")]
    page.remember(tmp_path / "gone.gguf")
    page.show_library(models)
    assert page.room.state == "empty"
    page.remember(models[1].path)
    page.hide()
    page.show()
    talk.until(lambda: page.room.state == "ready")
    assert page.room.path == models[1].path
