"""Servers and the hand-over to vLLM in the real window, by mouse and keyboard, against llama.cpp's real server.

Without llama-server (see test_remote_real.py) one that follows a script answers in its place.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.catalog.checkpoint import Checkpoint
from tests.end2end.test_remote_real import PROGRAM, _wait_until_ready
from tests.helpers.chat_server import Script, serving, words
from tests.helpers.person import Person, why_not
from tests.helpers.places import key_of
from tests.helpers.tiny_models import write_tiny_model

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

KEY = "sk-only-for-this-test"


@contextlib.contextmanager
def real_server(model: Path, log: Path) -> Iterator[str]:
    assert PROGRAM
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"--alias tiny --port {port} -t 1 -tb 1 -c 1024 -np 1 --api-key {KEY} --cache-ram 0".split()
    with log.open("wb") as out:
        process = subprocess.Popen([PROGRAM, "-m", str(model), *options], stdout=out, stderr=out)
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def url(starter: Checkpoint, tmp_path: Path) -> Iterator[str]:
    if PROGRAM:
        with real_server(starter.path, tmp_path / "server.log") as url:
            yield url
    else:
        with serving(Script(events=words("A byte", " is eight bits."), key=KEY)) as script:
            yield script.url


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.json").write_text(json.dumps({"threads": 1, "temperature": 0.0, "max_tokens": 12}))
    write_tiny_model("llama", home / "data" / "models" / "acme" / "mini")
    with Person(home) as person:
        person.see("Settings", "radio button", within_s=40)
        yield person
        assert "Traceback" not in person.log.read_text()
        assert KEY not in "".join(file.read_text("utf-8", "replace") for file in home.rglob("*.json*"))


def test_a_server_is_added_and_chatted_with(person: Person, url: str) -> None:
    person.press(key_of("servers"))
    person.click("Add a server…", "push button")
    person.see("Test and keep")
    person.type(url)
    person.press("Return")
    person.see("wants a key")
    person.type(KEY)  # the key's field has the focus
    person.press("Return")
    person.see("Answered in")
    person.click("Chat local", "push button")
    person.see("0 of", "label")
    person.type("What is a byte?")
    person.press("Return")
    person.see("About this answer", within_s=60)


def test_a_folder_is_handed_over(person: Person, tmp_path: Path) -> None:
    person.press(key_of("library"))
    person.see("mini")
    person.click("Serve for many…", "push button")
    person.see("Graphics card")
    person.see("tokens/s in all")
    person.click("Compose file", "page tab")
    person.click("Copy", "push button")
    person.see("Copied")
