"""The real window crashes after a real chat: what it leaves on the disk, and what the next start shows."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.helpers.person import Person, why_not
from tests.helpers.places import key_of

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

QUESTION = "Which colour has zanzibarium?"
TOKEN = "hf_" + "Q" * 34


def test_a_crash_is_told_at_the_next_start_without_the_conversation(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.json").write_text(json.dumps({"theme": "light", "threads": 1, "temperature": 0.0}))
    with Person(home, environment={"HF_TOKEN": TOKEN}) as person:
        answer = _chat(person)
        os.kill(person.app.pid, signal.SIGSEGV)
        person.app.wait()
    with Person(home) as person:
        person.see("Halfbyte ended unexpectedly", within_s=40)
        person.picture(tmp_path / "report.png")
        report = person.see("Report", "text").text
        person.click("Copy the report", "push button")
        person.see("Copied")
        person.click("Close", "push button")
    assert "Segmentation fault" in report
    _check_private(home / "logs", answer)
    with Person(home) as person:
        person.see("Settings", "radio button", within_s=40)
        time.sleep(1)
        assert not person.look("Halfbyte ended unexpectedly"), "it is shown once"


def _chat(person: Person) -> str:
    person.see("Settings", "radio button", within_s=40)
    person.press(key_of("chat"))
    person.see("SmolLM2", "combo box", within_s=60)
    person.click("Your question", "text")
    person.type(QUESTION)
    person.press("Return")
    deadline = time.monotonic() + 60
    while not (found := [spot.text for spot in person.look("Answer", "label") if len(spot.text) > 30]):
        assert time.monotonic() < deadline, "no answer came"
        time.sleep(0.1)
    return found[-1][:30]


def _check_private(folder: Path, answer: str) -> None:
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert any(file.name.startswith("crash-") for file in files)
    assert any("Start: Halfbyte" in file.read_text() for file in files)
    for file in files:
        text = file.read_text()
        assert not any(secret in text for secret in ("zanzibarium", answer, TOKEN)), file
