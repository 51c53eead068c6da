"""Find a model, get it and chat with it in the real window, by mouse and keyboard, from a local server for the Hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.catalog.checkpoint import Checkpoint
from tests.helpers.hub_models import about
from tests.helpers.hub_server import Hub, serving
from tests.helpers.person import Person, why_not
from tests.helpers.places import key_of

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

NAME = "HuggingFaceTB/SmolLM2-135M-Instruct-Fetched-GGUF"
FILE = "smollm2-fetched-q4_1.gguf"
GATED = "acme/Gated-GGUF"
TOKEN = "hf_abcdefgh12345"
WITHOUT_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


@pytest.fixture
def hub(starter: Checkpoint) -> Iterator[Hub]:
    with serving(tokens={TOKEN}, accepted={(TOKEN, GATED)}) as hub:
        hub.publish(NAME, {FILE: starter.path, "README.md": b"# SmolLM2\n"}, **about("SmolLM2-135M", tags=("gguf",)))
        hub.publish(GATED, {FILE: starter.path}, gated="auto", **about("SmolLM2-135M", tags=("gguf",)))
        yield hub


@pytest.fixture
def person(hub: Hub, tmp_path: Path) -> Iterator[Person]:
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.json").write_text(json.dumps({"theme": "light", "threads": 1, "temperature": 0.0}))
    with Person(home, environment={"HF_ENDPOINT": hub.url, **WITHOUT_KEYRING}) as person:
        person.see("Processor", within_s=60)
        person.press(key_of("discover"))
        yield person
        person.picture(tmp_path / "last.png")
        assert "Traceback" not in person.log.read_text()
        assert TOKEN not in person.log.read_text()


def test_search_open_get_and_chat(person: Person, hub: Hub, tmp_path: Path) -> None:
    person.click("Model", "text")
    person.type("smollm2")
    person.press("Return")
    person.click("Model: SmolLM2-135M-Instruct-Fetched-GGUF", "table cell")
    person.see("Best for this machine")
    person.click("Get it", "push button")
    person.click("Chat with it", "push button", within_s=60)
    assert (tmp_path / "home" / "data" / "models" / NAME / FILE).stat().st_size > 90_000_000
    person.see("smollm2-fetched-q4_1", "combo box")
    person.click("Your question", "text")
    person.type("Say hello.")
    person.press("Return")
    person.see("tokens/s", within_s=90)


def test_a_gated_model_is_opened_with_a_token(person: Person, hub: Hub, tmp_path: Path) -> None:
    person.click("Model", "text")
    person.type(f"{hub.url}/{GATED}")
    person.press("Return")
    person.see("This model asks for permission")
    person.click("2. Enter an access token", "push button")
    person.see("Check and keep it", "push button")
    person.type(TOKEN)
    person.press("Return")
    person.see("The token belongs to tester", within_s=30)
    person.see("until Halfbyte closes")
    person.see("Best for this machine")
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size < 1 << 20]
    assert not [path for path in kept if TOKEN.encode() in path.read_bytes()]
