"""The library in the real window, as a person uses it: other apps' models found, chatted with, verified, kept."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.starter import SHA256
from tests.helpers.person import Person, why_not
from tests.helpers.places import key_of

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

COMMIT = "1" * 40


@pytest.fixture
def apps(starter: Checkpoint, tmp_path: Path) -> Path:
    """Return a home where LM Studio, Ollama and the Hugging Face cache have the starter model, each in its own way."""
    home = tmp_path / "person"
    data = starter.path.read_bytes()
    studio = home / ".lmstudio" / "models" / "acme" / "Smol-GGUF" / "smol-studio.gguf"
    blob = home / ".ollama" / "models" / "blobs" / f"sha256-{SHA256}"
    manifest = home / ".ollama" / "models" / "manifests" / "registry.ollama.ai" / "library" / "smollm2" / "135m"
    cached = home / ".cache" / "huggingface" / "hub" / "models--acme--Smol-GGUF"
    for file in (studio, blob, cached / "blobs" / SHA256):
        file.parent.mkdir(parents=True)
    studio.write_bytes(data)
    blob.write_bytes(data)
    os.link(studio, cached / "blobs" / SHA256)  # one file that two apps have
    (cached / "snapshots" / COMMIT).mkdir(parents=True)
    (cached / "snapshots" / COMMIT / "smol-cached.gguf").symlink_to(f"../../blobs/{SHA256}")
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{SHA256}", "size": len(data)}
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": [layer]}))
    return home


@pytest.fixture
def person(apps: Path, tmp_path: Path) -> Iterator[Person]:
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.json").write_text(json.dumps({"theme": "light", "threads": 1, "temperature": 0.0}))
    with Person(home, environment={"HOME": str(apps)}) as person:
        yield person
        person.picture(tmp_path / "last.png")
        assert "Traceback" not in person.log.read_text()


def wait_until(happened: object, what: str, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not happened():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def filtered(person: Person, words: str) -> None:
    person.click("Filter", "text")
    person.press("ctrl+a")
    person.type(words)
    person.see("1 of 3 models")


def test_other_apps_models_are_used_verified_and_left_alone(person: Person, apps: Path, tmp_path: Path) -> None:
    before = {
        path: path.stat().st_mtime_ns for path in apps.rglob("*") if path.is_file() and ".cache/" not in str(path)
    }
    person.see("Processor", within_s=40)
    person.press("ctrl+5")
    person.see("3 models")  # the starter, Ollama's, and the one that LM Studio and the cache share
    filtered(person, "smol-studio")
    person.see("LM Studio, Hugging Face cache")
    person.click("Verify", "push button")
    person.see("smol-studio is whole", within_s=60)

    filtered(person, "ollama")
    person.click("Verify", "push button")
    person.see("smollm2:135m is whole", within_s=60)
    assert not person.see("Delete", "push button").enabled
    person.click("Chat", "push button")
    person.click("Your question", "text", within_s=60)
    person.type("What is two and two?")
    person.press("Return")
    person.see("tokens/s", within_s=120)

    person.press("ctrl+5")
    person.see("Last used: Today")
    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before


def test_the_starter_goes_to_the_trash_and_comes_back_and_the_library_moves(
    person: Person, apps: Path, tmp_path: Path
) -> None:
    models = tmp_path / "home" / "data" / "models"
    file = models / "HuggingFaceTB" / "SmolLM2-135M-Instruct-GGUF" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    person.see("Processor", within_s=40)
    person.press("ctrl+5")
    person.see("3 models")
    filtered(person, "instruct.q4_1")
    person.click("Delete", "push button")
    person.see("98.4 MB come back")
    person.click("Move to the trash", "push button")
    person.see("is in the trash")
    assert not file.exists()
    person.click("Put it back", "push button")
    wait_until(file.exists, "the starter does not come back")
    person.see("1 of 3 models")

    person.press(key_of("settings"))
    person.click("Models folder", "text")
    person.press("ctrl+a")
    person.type(str(tmp_path / "moved"))
    person.press("Return")
    person.click("Move my models there", "push button")
    person.see("on the same disk")
    person.click("Move", "push button")
    person.see("every file checked")
    moved = tmp_path / "moved" / file.relative_to(models)
    assert moved.exists()
    assert not models.exists()
    assert json.loads((tmp_path / "home" / "config" / "settings.json").read_text())["models_folder"] == str(
        tmp_path / "moved"
    )
