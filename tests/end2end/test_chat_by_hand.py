"""Conversations outlive the window: asked in the real app with the starter model, killed, and gone on with."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.person import Person, why_not
from tests.helpers.places import key_of

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

STORY = "Write a long story about a lighthouse."


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.json").write_text(json.dumps({"theme": "light", "threads": 1, "temperature": 0.0}))
    return home


@pytest.fixture
def people(home: Path) -> Iterator[list[Person]]:
    people: list[Person] = []
    yield people
    for person in people:
        assert "Traceback" not in person.log.read_text()


def sit_down(home: Path) -> Person:
    person = Person(home)
    person.see("Settings", "radio button", within_s=40)
    person.press(key_of("chat"))
    person.see("SmolLM2", "combo box", within_s=60)
    return person


def wait_for_answer(person: Person, characters: int, within_s: float = 60) -> str:
    deadline = time.monotonic() + within_s
    while True:
        spots = sorted(person.look("Answer", "label"), key=lambda spot: spot.y)
        if spots and len(spots[-1].text) >= characters:
            return spots[-1].text
        assert time.monotonic() < deadline, f"the answer is {spots[-1].text if spots else None!r}"
        time.sleep(0.1)


def test_a_killed_app_has_its_conversation_when_it_starts_again(home: Path, people: list[Person]) -> None:
    with sit_down(home) as person:
        people.append(person)
        person.click("Your question", "text")
        person.type(STORY)
        person.press("Return")
        shown = wait_for_answer(person, 80)
        time.sleep(0.3)
        person.app.kill()
        person.app.wait()
    with sit_down(home) as person:
        people.append(person)
        person.click(STORY.rstrip("."), "list item")
        person.see("Broken off when Halfbyte ended")
        assert wait_for_answer(person, 80).startswith(shown)
        before = len(shown)
        person.click("Continue the answer", within_s=60)
        wait_for_answer(person, before + 60)
        person.press("Escape")
        person.see("Stopped by you")
        person.press("ctrl+k")
        person.type("lighthouse")
        person.see(f"{STORY.rstrip('.')}", "list item")
