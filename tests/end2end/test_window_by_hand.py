"""The app's main job in the real window, by mouse and keyboard: real X events, seen through a screen reader's eyes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.catalog.checkpoint import Checkpoint
from tests.helpers.person import Person, why_not
from tests.helpers.places import key_of
from tests.helpers.starter_folder import write_starter_folder

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

FOLDER = "SmolLM2-135M-Instruct · HuggingFaceTB"
STARTER = "SmolLM2-135M-Instruct.Q4_1 · HuggingFaceTB"
MADE = "SmolLM2-135M-Instruct-Q4_K_M · HuggingFaceTB"
STORY = "Write a long story about a lighthouse."


@pytest.fixture(scope="module")
def model_folder(starter: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the starter model as the folder that Hugging Face would have."""
    folder = tmp_path_factory.mktemp("hub") / "SmolLM2-135M-Instruct"
    write_starter_folder(starter.path, folder)
    return folder


@pytest.fixture
def person(model_folder: Path, tmp_path: Path) -> Iterator[Person]:
    home = tmp_path / "home"
    shutil.copytree(model_folder, home / "data" / "models" / "HuggingFaceTB" / model_folder.name)
    (home / "config").mkdir()
    (home / "config" / "settings.json").write_text(json.dumps({"theme": "light", "threads": 1, "temperature": 0.0}))
    with Person(home) as person:
        yield person
        person.picture(tmp_path / "last.png")
        assert "Traceback" not in person.log.read_text()


def choose(person: Person, model: str) -> None:
    person.click("Model" if person.look("Model", "combo box") else "SmolLM2", "combo box")
    person.click(model, "list item")
    person.see(model, "combo box")


def ask(person: Person, question: str) -> None:
    person.click("Your question", "text")
    person.type(question)
    person.press("Return")


def answer(person: Person, number: int = -1) -> str:
    spots = sorted(person.look("Answer", "label"), key=lambda spot: spot.y)
    return spots[number].text if spots else ""


def wait_for_answer(person: Person, characters: int, within_s: float = 60) -> str:
    deadline = time.monotonic() + within_s
    while len(text := answer(person)) < characters:
        assert time.monotonic() < deadline, f"the answer stays at {text!r}"
        time.sleep(0.1)
    return text


def worker_of(person: Person) -> psutil.Process:
    found = [
        child
        for child in psutil.Process(person.app.pid).children(recursive=True)
        if "engine.runtime.worker" in " ".join(child.cmdline())
    ]
    assert len(found) == 1
    return found[0]


def test_from_the_machine_to_a_second_answer_of_the_converted_model(person: Person) -> None:
    person.see("Processor", within_s=40)
    person.press(key_of("suggestion"))
    choose(person, FOLDER)
    person.see("Best for this machine")
    person.see("Convert to", "push button")

    person.press(key_of("convert"))
    choose(person, FOLDER)
    person.click("Convert to Q4_K_M", "push button")
    person.see("Cancel", "push button")
    person.click("Chat with it", "push button", within_s=120)

    person.see(MADE, "combo box")
    ask(person, STORY)
    wait_for_answer(person, 40)
    person.click("Stop", "push button")
    person.see("Stopped by you", within_s=5)
    stopped = answer(person)
    time.sleep(0.5)
    assert answer(person) == stopped

    ask(person, "Tell me more.")
    person.see("reused", within_s=60)
    wait_for_answer(person, 20)
    person.press("Escape")


def test_a_killed_worker_costs_one_answer_and_not_the_window(person: Person) -> None:
    person.see("Processor", within_s=40)
    person.press(key_of("chat"))
    choose(person, STARTER)
    ask(person, STORY)
    wait_for_answer(person, 40)
    os.kill(worker_of(person).pid, signal.SIGKILL)
    person.see("SIGKILL", within_s=5)
    assert person.app.poll() is None
    assert len(answer(person)) >= 40

    ask(person, "Are you still there?")
    deadline = time.monotonic() + 60
    while len(person.look("Answer", "label")) < 2 or not answer(person):
        assert time.monotonic() < deadline, "the next question stays without an answer"
        time.sleep(0.1)


def test_a_killed_app_leaves_no_process(person: Person) -> None:
    person.see("Processor", within_s=40)
    person.press(key_of("chat"))
    choose(person, STARTER)
    ask(person, STORY)
    wait_for_answer(person, 20)
    worker = worker_of(person)
    person.app.kill()
    psutil.wait_procs([worker], timeout=5)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
