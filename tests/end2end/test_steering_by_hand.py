"""Steering an answer in the real window with the keyboard alone: settings, system prompt, context."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.person import Person, why_not
from tests.helpers.places import key_of

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


def test_settings_prompt_and_context_are_reached_by_keyboard(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.json").write_text(json.dumps({"threads": 1, "temperature": 0.0, "max_tokens": 12}))
    with Person(home) as person:
        person.see("Settings", "radio button", within_s=40)
        person.press(key_of("chat"))
        person.see("0 of", "label", within_s=60)  # the model is loaded: its window is known
        person.press("ctrl+shift+p")
        person.see("What the model is told", "label")
        person.type("Be brief.")
        person.press("Escape")
        person.see("System prompt: Be brief.", "push button")
        person.press("ctrl+shift+m")
        person.see("0 is from your settings.", "label")
        person.press("Escape")
        person.gone("They hold for this conversation", "label")
        person.type("What is a byte?")
        person.press("Return")
        person.see("About this answer", within_s=60)
        person.press("Tab", "space")
        person.see("System prompt ", "label")
        person.see("takes about", "label")
        person.press("Escape")
        assert "Traceback" not in person.log.read_text()
