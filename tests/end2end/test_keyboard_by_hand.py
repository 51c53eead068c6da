"""Chat by keyboard alone and by ear: what has the focus and what is announced, as a screen reader is told of it."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import pytest

from engine.catalog.checkpoint import Checkpoint
from tests.helpers.hearing import Ears
from tests.helpers.person import Person, why_not
from tests.helpers.places import key_of

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

STORY = "Write a long story about a lighthouse."
SENTENCES = 5


@pytest.fixture
def home(starter: Checkpoint, tmp_path: Path) -> Path:
    """Make a library of two models: then one has to be chosen."""
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.json").write_text(json.dumps({"theme": "light", "threads": 1, "temperature": 0.0}))
    second = home / "data" / "models" / "Somebody" / "Another-Q4_1.gguf"
    second.parent.mkdir(parents=True)
    shutil.copy(starter.path, second)
    return home


def test_a_model_is_chosen_asked_stopped_copied_and_searched_by_ear(home: Path) -> None:
    with Person(home) as person, Ears(person.environment) as ears:
        person.see("Processor", within_s=60)
        person.press(key_of("chat"))
        ears.wait_for_focus("text: Your question")
        person.see("Choose a model first", "label")
        choose(person, ears, "Another-Q4_1 · Somebody")
        announced = ask_and_stop(person, ears)
        copied = copy(person, ears)
        assert announced == sentences(copied)
        edit_and_leave(person, ears)
        search_and_jump(person, ears)
        open_menu_and_help(person, ears)
        assert "Traceback" not in person.log.read_text()


def choose(person: Person, ears: Ears, model: str) -> None:
    person.press("alt+m")
    ears.wait_for_focus("combo box: Model")
    person.press("alt+Down")
    ears.wait_for_focus("list")
    go_to(person, ears, "Down", f"list item: {model}")
    person.press("Return")
    ears.wait_for("The model is loaded", within_s=60)
    ears.wait_for_focus("text: Your question")


def ask_and_stop(person: Person, ears: Ears) -> list[str]:
    """Return what was announced of the answer."""
    before = len(ears.announced)
    person.type(STORY)
    person.press("Return")
    deadline_s = time.monotonic() + 120
    while len(ears.announced) - before < SENTENCES:
        assert time.monotonic() < deadline_s, f"only {ears.announced[before:]} was announced"
        time.sleep(0.1)
    person.press("Escape")
    ears.wait_for("Stopped by you")
    *answer, end = ears.announced[before:]
    assert end == "Stopped by you"
    return answer


def copy(person: Person, ears: Ears) -> str:
    """Return what is pasted after the answer was copied, by its button and by the key: the same."""
    go_to(person, ears, "shift+Tab", "push button: Copy answer")
    person.press("space")
    ears.wait_for("Copied")
    by_button = pasted(person, ears)
    person.press("ctrl+shift+c")
    ears.wait_until(lambda: ears.announced.count("Copied") == 2, "a second “Copied”")
    assert pasted(person, ears) == by_button
    return by_button


def pasted(person: Person, ears: Ears) -> str:
    """Paste into the field, and empty it again."""
    go_to(person, ears, "Tab", "text: Your question")
    person.press("ctrl+v")
    deadline_s = time.monotonic() + 20
    while not (text := person.see("Your question", "text").text):
        assert time.monotonic() < deadline_s, "nothing was pasted"
        time.sleep(0.1)
    person.press("ctrl+a", "Delete")
    return text


def edit_and_leave(person: Person, ears: Ears) -> None:
    """Begin to write the last question anew, and leave it as it was."""
    person.press("Up")
    ears.wait_for_focus("text: Edit your question")
    person.press("Escape")
    ears.wait_for_focus("push button: Edit question")


def open_menu_and_help(person: Person, ears: Ears) -> None:
    """Hear what can be done with a conversation, and which keys there are."""
    person.press("ctrl+k", "Escape")
    person.press("ctrl+k", "Down")
    ears.wait_for_focus("list item: ")
    person.press("Menu")
    person.press("Down")
    ears.wait_for_focus("menu item: Rename")
    person.press("Escape", "F1")
    ears.wait_for_focus("push button: Close")
    person.see("Keyboard", "dialog")
    person.see("Ctrl+Shift+C: Copy the latest answer", "label")
    person.press("Escape")


def search_and_jump(person: Person, ears: Ears) -> None:
    person.press("ctrl+n")
    ears.wait_for_focus("text: Your question")
    person.press("ctrl+k")
    ears.wait_for_focus("text: Search conversations")
    person.type("lighthouse")
    ears.wait_for("places found")
    person.press("Down")
    ears.wait_for_focus("list item: ")
    go_to(person, ears, "Down", f"list item: {STORY}: Once upon a time")
    person.press("Return")
    ears.wait_for_focus("label: Answer")
    person.see("Stopped by you", "label")


def go_to(person: Person, ears: Ears, key: str, wanted: str) -> None:
    """Press a key until something that begins so has the focus."""
    for _ in range(20):
        if ears.focus.startswith(wanted):
            return
        before = ears.moves
        person.press(key)
        ears.wait_for_move(before)
    raise AssertionError(f"{key} leads to {ears.focus}, not to {wanted}")


def sentences(markdown: str) -> list[str]:
    """Return the sentences of a plain text; the last one may be broken off."""
    return [part for part in re.split(r"(?<=[.!?])\s+|\n+", markdown) if part.strip()]
