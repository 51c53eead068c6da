"""Two models side by side in the real window, blind, with a vote: by keyboard."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from engine.catalog.library import Library
from engine.catalog.starter import place_starter
from tests.helpers.person import Person, why_not
from tests.helpers.places import key_of

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


def test_two_models_answer_and_their_names_are_told_after_the_vote(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.json").write_text(json.dumps({"threads": 1, "temperature": 0.0, "max_tokens": 12}))
    one = place_starter(Library(home / "data" / "models"))
    assert one is not None
    with Path(shutil.copy(one.path, one.path.with_name("another.gguf"))).open("ab") as other:
        other.write(bytes(64))  # behind the tensors: the same model, and another file
    with Person(home) as person:
        person.see("Settings", "radio button", within_s=40)
        person.press(key_of("chat"))
        person.see("Ask your own machine", "label")
        person.press("ctrl+shift+d")
        person.see("Blind", "check box")
        person.type("What is a byte?")
        person.press("alt+b")
        while not person.see("Blind", "check box").checked:
            time.sleep(0.05)
        person.press("ctrl+Return")
        person.see("A is better", "push button", within_s=90)
        assert not person.look("A · ", "label")
        person.press("alt+a")
        person.see("Your votes: 1 better", "label")
        person.see("A · ", "label")
        person.click("Open as a conversation", "push button")
        person.see("2 of 2", within_s=20)
        assert "Traceback" not in person.log.read_text()
