"""Talk with a model of the library."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from desktop.faults import Button, Do, broken_off, fault_of
from desktop.jobs import Jobs
from desktop.language import QT_TR_NOOP, tr
from desktop.models.chat_room import ChatRoom
from desktop.models.context_words import narrowed_words
from desktop.models.server_rows import leaving_of
from desktop.widgets.chat import keys
from desktop.widgets.chat.answer import Answer
from desktop.widgets.chat.branch import Branch
from desktop.widgets.chat.chat_frame import PUT_AWAY, ChatFrame
from desktop.widgets.chat.finding import Finding
from desktop.widgets.chat.link_dialog import LinkDialog
from desktop.widgets.chat.live_rate import LiveRate
from desktop.widgets.chat.question import Question
from desktop.widgets.chat.words import rate, reused_words
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.servers.listing import server_of
from engine.chat.conversation import Message
from engine.chat.history.rows import Entry
from engine.chat.history.tree import Tree
from engine.events import Notice, Progress, PromptRead, Token
from engine.settings import Settings

_STEPS = {"load": QT_TR_NOOP("Loading the model"), "prompt": QT_TR_NOOP("Reading the conversation")}
_OBSTACLES = {"empty": QT_TR_NOOP("Choose a model first"), "loading": QT_TR_NOOP("The model is being loaded…")}


class ChatPage(ChatFrame):
    """Show a :class:`ChatRoom`, and at its left the kept conversations, which :mod:`desktop.flows.chat` joins to it.

    ``way_chosen`` tells a fault's button that leads to another page, ``undo_wanted`` the wish to undo what
    :meth:`show_undoable` told, ``about_wanted`` (the answer's id) to see what is known of an answer. ``model_used``: a
    model of this machine was loaded; see :meth:`remember`.
    """

    way_chosen = Signal(object)
    undo_wanted = Signal()
    about_wanted = Signal(object)
    model_used = Signal(Path)

    def __init__(self, jobs: Jobs, settings: Settings) -> None:
        super().__init__(Branch(jobs))
        self.setAccessibleName(self.tr("Chat"))
        self.room = ChatRoom(jobs, settings, self)
        self._rate = LiveRate()
        self._used_tokens = 0
        self._goes_on = False  # once the model is loaded
        self._remembered: Path | None = None
        self._picked = False  # the model that is being loaded, by the person
        self.models: tuple[Checkpoint, ...] = ()
        self.finding = Finding(self.finder, self.transcript, lambda: self.room.conversation.messages)
        self.instructed.show_prompt(self.room.system_prompt)
        self._wire()
        self._on_changed()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._choose_only()
        if self.room.state != "empty":
            self.focus_first()

    def show_library(self, entries: Sequence[Checkpoint]) -> None:
        self.picker.show_library(entries)
        self.models = tuple(entries)
        if self.isVisible():
            self._choose_only()

    def show_settings(self, settings: Settings) -> None:
        """Take settings on: sampling holds from the next question on, how a model is loaded from its next loading."""
        self.room.settings = settings
        self.instructed.show_prompt(self.room.system_prompt)

    def remember(self, path: Path) -> None:
        """Load this model, if it is still in the library, when the page is seen: it was used last."""
        self._remembered = path

    @Slot(Path)
    def choose(self, path: Path) -> None:
        """Load a model, as if the person had chosen it. The one that is loaded already stays."""
        self.picker.choose(path)
        self._open(path)

    @Slot(Exception)
    def show_error(self, error: BaseException) -> None:
        self.banner.show_error(error)

    def close_room(self) -> None:
        """End the model's process."""
        self.room.close()

    @property
    def answer(self) -> Answer | None:
        """The newest answer."""
        return self.transcript.answer

    @property
    def failed_for_room(self) -> bool:
        """Whether the newest answer failed because the context was full."""
        fault = self.answer.fault.fault if self.answer and self.answer.fault else None
        return fault is not None and any(way.do is Do.MAKE_ROOM for way in fault.buttons)

    def enlarge(self, context_tokens: int) -> None:
        """Load the model with a context of the conversation's own, and then go on with what broke off for want of it.

        0: with the settings'.
        """
        self._goes_on = self.failed_for_room
        self.progress.restart(self.tr("Opening the model…"))
        self.room.enlarge(context_tokens)

    def load_again(self) -> None:
        """Load the model once more, as the settings are now."""
        if self.room.path:
            self.progress.restart(self.tr("Opening the model…"))
            self.room.open(self.room.path)

    @Slot()
    def edit_last(self) -> None:
        """Write the last question anew, in its place."""
        questions = [view for view in self.transcript.views if isinstance(view, Question)]
        if self.room.state == "ready" and questions:
            questions[-1].begin_edit()

    @Slot()
    def ask_again(self) -> None:
        """Answer the last question anew."""
        if self.room.state == "ready" and self.answer:
            self.room.ask_again()
            self._begin_answer()

    def _go_on(self) -> None:
        """Go on with what broke off for want of room, or begin it anew."""
        leaf = self.room.tree.leaf
        if leaf and leaf.message.ending == "context" and leaf.message.content:
            self.room.go_on(leaf.id)
            self._begin_answer()
        else:
            self.ask_again()

    @Slot(str)
    def instruct(self, system_prompt: str) -> None:
        """Give the conversation another system prompt."""
        self.room.instruct(system_prompt)
        self.instructed.show_prompt(system_prompt)

    @Slot(str)
    def ask(self, question: str) -> None:
        self.room.ask(question)
        self._begin_answer()

    @Slot()
    def begin_anew(self) -> None:
        """Put the conversation away; where it is not kept it can be brought back until the next question."""
        self.room.begin_anew()
        self._show_tree()
        if self.room.put_away and not self.room.keeps:
            self.strip.show_sentence(tr(PUT_AWAY))
        self.focus_first()

    @Slot()
    def bring_back(self) -> None:
        if self.room.keeps:
            self.strip.hide()
            self.undo_wanted.emit()
        else:
            self.room.bring_back()
            self._show_tree()
        self.focus_first()

    def leave(self) -> None:
        """End the answer that comes: another conversation is about to be shown."""
        if self.room.state == "answering":
            self.begin_anew()

    def show_conversation(self, entry: Entry, tree: Tree, message_id: int | None = None) -> None:
        """Show a kept conversation from its end, or at a message."""
        if message_id is not None:
            tree = tree.showing(message_id)
        self.room.enter(entry, tree)
        self._show_tree()
        if self.room.fit_context():
            self.progress.restart(self.tr("Opening the model…"))
        self.panel.select(entry.id)
        if message_id is not None:
            self.show_message(message_id)
        if not self.is_wide:
            self.leave_panel()
        elif message_id is None and not self.panel.isAncestorOf(self.focusWidget() or self):
            self.focus_first()

    def show_message(self, message_id: int | None) -> None:
        """Scroll to a message of the conversation, on whatever branch it is."""
        if message_id is None:
            return
        if message_id not in self.transcript and self.room.state != "answering":
            self.room.show_version(message_id)
            self._show_tree()
        self.transcript.focus_message(message_id)

    def show_undoable(self, sentence: str) -> None:
        """Tell what was done with kept conversations, and offer to undo it."""
        self.strip.show_sentence(sentence)

    def _show_tree(self) -> None:
        """Show the room's conversation from its end."""
        branch = self.room.tree.branch
        self.strip.hide()
        self.instructed.show_prompt(self.room.system_prompt)
        self.transcript.show_tree(self.room.tree)
        self.panel.select(self.room.entry.id if self.room.entry else None)
        usage = branch[-1].message.usage if branch else None
        self._show_use(usage.prompt_tokens + usage.answer_tokens if usage else 0)
        self._show_middle()

    # What the room tells

    @Slot(Checkpoint)
    def _on_opened(self, model: Checkpoint) -> None:
        leaving = leaving_of(model)
        self.leaving.show_words(leaving)
        self.welcome.show_leaving(bool(leaving))
        self.instructed.show_prompt(self.room.system_prompt)

    @Slot()
    def _on_changed(self) -> None:
        state = self.room.state
        self.loading.setVisible(state == "loading")
        self.composer.set_answering(state == "answering")
        self.composer.set_obstacle(tr(_OBSTACLES.get(state, "")), passes=state == "loading")
        self.welcome.show_state(state)
        self._show_places()
        if state == "ready":
            self._show_use(self._used_tokens)
            self._note_model()
            picked, self._picked = self._picked, False
            if self.focusWidget() is None or (picked and self.picker.isAncestorOf(self.focusWidget())):
                self.focus_first()  # who has just chosen a model wants to write
        self._show_note()
        goes_on, self._goes_on = self._goes_on and state == "ready", self._goes_on and state == "loading"
        if goes_on:
            self._go_on()

    def _note_model(self) -> None:
        """Tell once which model of this machine is in use; one of a server is never loaded without being asked for."""
        path = self.room.path
        known = next((model for model in self.models if model.path == path), None)
        if path and path != self._remembered and known and server_of(known) is None:
            self.remember(path)
            self.model_used.emit(path)

    def _show_note(self) -> None:
        """Say what is amiss with the loaded model."""
        record = self.room.record
        known = record.get("template_known", True)
        no_template = "" if known else self.tr("This model brings no chat template; a plain one stands in.")
        words = " ".join(filter(None, [no_template, record.get("draft_complaint", "")]))
        self.note.setText(words)
        self.note.setVisible(bool(words))

    @Slot()
    def _on_narrowed(self) -> None:
        self._goes_on = False
        own, usual = self.room.choice.context_tokens, self.room.loading.context_tokens
        self.keeping.show_note(narrowed_words(own, usual), level="warning")

    @Slot(Progress)
    def _on_load_progress(self, progress: Progress) -> None:
        self.progress.show_progress(_worded(progress))

    @Slot(Progress)
    def _on_progress(self, progress: Progress) -> None:
        if self.answer:
            self.answer.show_progress(_worded(progress))

    @Slot(PromptRead)
    def _on_prompt_read(self, read: PromptRead) -> None:
        self._show_use(read.prompt_tokens)
        if self.answer and read.reused_tokens:
            self.answer.show_note(reused_words(read.reused_tokens, read.prompt_tokens))

    @Slot(Notice)
    def _on_notice(self, notice: Notice) -> None:
        if self.answer:
            self.answer.show_note(notice.text)

    @Slot(list)
    def _on_tokens(self, tokens: list[Token]) -> None:
        assert self.answer is not None
        self.answer.append(tokens)
        speed = self._rate.add(tokens)
        if speed is not None:
            self.answer.show_note(rate(speed))
            self._show_use(self._used_tokens, self._rate.tokens)

    @Slot(Message)
    def _on_answered(self, message: Message) -> None:
        assert self.answer is not None
        self.answer.end(message)
        self.transcript.settle(self.answer, message)
        self._on_views_changed()
        if message.usage:
            self._show_use(message.usage.prompt_tokens + message.usage.answer_tokens)
        if message.ending == "context":
            self.answer.show_fault(broken_off())
            self._order_tabs()

    @Slot(Exception, Message)
    def _on_failed(self, error: Exception, message: Message) -> None:
        self._on_answered(message)
        assert self.answer is not None
        self.answer.show_fault(fault_of(error))
        self._order_tabs()

    # What the person does

    @Slot(Path)
    def _on_picked(self, path: Path) -> None:
        self._picked = True
        self._open(path)

    def _open(self, path: Path) -> None:
        if path == self.room.path and self.room.state != "empty":
            return
        self.banner.clear()
        self.leaving.show_words("")
        self.progress.restart(self.tr("Opening the model…"))
        self.room.open(path)

    @Slot(object)
    def _on_way(self, way: Button) -> None:
        if way.do is Do.RETRY:
            self._retry()
        elif way.do is Do.NEW_CHAT:
            self.begin_anew()
        elif way.do is Do.MAKE_ROOM:
            self.want_context()
        else:
            self.way_chosen.emit(way)

    @Slot(str)
    def show_link(self, address: str) -> None:
        dialog = LinkDialog(address, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _choose_only(self) -> None:
        """Load the model if there is one alone: on the first day nothing has to be chosen; else the one used last."""
        here = [model.path for model in self.models if server_of(model) is None]
        chosen = here[0] if len(here) == 1 else self._remembered
        if self.room.path is None and chosen in here:
            self.choose(chosen)

    def _retry(self) -> None:
        if self.room.state == "ready":
            self.ask_again()
        elif self.room.state == "empty" and self.room.path:
            self._open(self.room.path)

    def _begin_answer(self) -> None:
        """Show the branch that the answer has begun on: what is shown of it already stays."""
        self.strip.hide()
        self._rate = LiveRate()
        self.transcript.begin_answer(self.room.tree)
        self._show_middle()
        self.focus_first()
        self.transcript.follow()

    @Slot(object, str)
    def _on_edited(self, question_id: int, question: str) -> None:
        if self.room.state == "ready":
            self.room.edit(question_id, question)
            self._begin_answer()

    @Slot(object)
    def _on_again(self, answer_id: int) -> None:
        if self.room.state == "ready":
            self.room.answer_again(answer_id)
            self._begin_answer()

    @Slot(object)
    def _on_more(self, answer_id: int) -> None:
        if self.room.state == "ready":
            self.room.go_on(answer_id)
            self._begin_answer()

    @Slot(object, int)
    def _on_version(self, message_id: int, step: int) -> None:
        """Go over to another version of a message."""
        versions = [node.id for node in self.room.tree.siblings(message_id)]
        at = versions.index(message_id) + step
        if self.room.state != "answering" and 0 <= at < len(versions):
            self.room.show_version(versions[at])
            self._show_tree()
            self.transcript.focus_version(versions[at], step)

    @Slot()
    def _on_views_changed(self) -> None:
        self._order_tabs()
        self._show_places()

    def _show_places(self) -> None:
        state = self.room.state
        self.transcript.show_places(self.room.tree, idle=state != "answering", askable=state == "ready")

    def _show_use(self, used_tokens: int, more: int = 0) -> None:
        self._used_tokens = used_tokens
        self.composer.gauge.show_use(used_tokens + more, self.room.record.get("context_tokens", 0))

    @Slot()
    def _order_tabs(self) -> None:
        """Let the Tab key go through the messages from top to bottom, and then to the composer."""
        stops = [stop for view in self.transcript.views for stop in view.tab_stops()]
        for one, next_ in itertools.pairwise(
            [self.two, self.new, *self.panel.stops, self.instructed, *stops, *self.composer.stops]
        ):
            QWidget.setTabOrder(one, next_)

    def _show_middle(self) -> None:
        self.middle.setCurrentWidget(self.transcript if len(self.transcript) else self.welcome)

    def _wire(self) -> None:
        room = self.room
        room.changed.connect(self._on_changed)
        room.model_opened.connect(self._on_opened)
        room.load_progressed.connect(self._on_load_progress)
        room.load_failed.connect(self.show_error)
        room.narrowed.connect(self._on_narrowed)
        room.progressed.connect(self._on_progress)
        room.prompt_read.connect(self._on_prompt_read)
        room.noticed.connect(self._on_notice)
        room.tokens.connect(self._on_tokens)
        room.answered.connect(self._on_answered)
        room.failed.connect(self._on_failed)
        self.picker.chosen.connect(self._on_picked)
        self.banner.chosen.connect(self._on_way)
        self.cancel.clicked.connect(room.cancel_load)
        self.new.clicked.connect(self.begin_anew)
        self.finder.left.connect(self.focus_first)
        self.panel.left.connect(self.leave_panel)
        self.strip.undo_wanted.connect(self.bring_back)
        self.welcome.asked.connect(self.ask)
        self.composer.asked.connect(self.ask)
        self._wire_transcript()
        self.composer.field.paged.connect(self.transcript.turn_page)
        self.composer.stop_wanted.connect(room.stop)
        self.composer.field.back_wanted.connect(self.edit_last)
        self.set_keys(keys.NEW, self.begin_anew)
        self.set_keys(keys.AGAIN, self.ask_again)
        self.set_keys(keys.STOP, room.stop)

    def _wire_transcript(self) -> None:
        shown = self.transcript
        shown.views_changed.connect(self._on_views_changed)
        shown.latest_wanted.connect(self.focus_first)
        shown.way_chosen.connect(self._on_way)
        shown.link_wanted.connect(self.show_link)
        shown.edited.connect(self._on_edited)
        shown.version_wanted.connect(self._on_version)
        shown.again_wanted.connect(self._on_again)
        shown.more_wanted.connect(self._on_more)
        shown.about_wanted.connect(self.about_wanted)


def _worded(progress: Progress) -> Progress:
    return replace(progress, step=tr(_STEPS[progress.step]) if progress.step in _STEPS else progress.step)
