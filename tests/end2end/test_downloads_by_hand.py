"""The line of downloads in the real window, through a kill of the app, until the fetched model answers."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.download.line import DownloadLine
from engine.catalog.download.plan import DownloadPlan
from engine.catalog.download.staging import unfinished
from engine.catalog.library import Library
from tests.helpers.downloads import client, plan_for, weights
from tests.helpers.hub_server import Hub, serving
from tests.helpers.person import Person, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

MODEL, OTHER = "smollm2-135m-instruct-q4_1.gguf", "other.gguf"


@pytest.fixture
def hub(starter: Checkpoint) -> Iterator[Hub]:
    with serving() as hub:
        hub.publish("acme/SmolLM2-GGUF", {MODEL: starter.path})
        hub.publish("acme/Other-GGUF", {OTHER: weights(30_000_000)})
        yield hub


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    set_limit(home, 2.0)
    return home


def set_limit(home: Path, mb_s: float) -> None:
    """Write the settings: slow enough to look at, then as fast as it goes."""
    settings = {"theme": "light", "threads": 1, "temperature": 0.0, "download_limit_mb_s": mb_s}
    (home / "config" / "settings.json").write_text(json.dumps(settings))


def queued(hub: Hub, library: Library) -> list[DownloadPlan]:
    """Put both models into the line, as the Discover page does."""
    line = DownloadLine(client(hub), library)
    plans = [plan_for(hub, name=f"acme/{name}-GGUF") for name in ("SmolLM2", "Other")]
    for plan in plans:
        line.add(plan)
    return plans


def test_pause_reorder_kill_continue_chat(hub: Hub, home: Path, tmp_path: Path) -> None:
    library = Library(home / "data" / "models")
    model, other = queued(hub, library)
    environment = {"HF_ENDPOINT": hub.url}
    with Person(home, environment=environment) as person:
        person.click("Downloads", "radio button", within_s=60)
        person.see(f"{MODEL}: Downloading")
        person.see("MB/s ·", within_s=10)
        person.picture(tmp_path / "running.png")
        person.click(f"Pause: {MODEL}", "push button")
        person.see(f"{MODEL}: Paused")
        person.see(f"{OTHER}: Downloading")
        person.click(f"Continue: {MODEL}", "push button")
        person.click(f"Move {OTHER} up", "push button")
        person.see(f"{MODEL}: Waiting")
        deadline = time.monotonic() + 10
        while person.see(f"{OTHER}: Downloading").y > person.see(f"{MODEL}: Waiting").y:
            assert time.monotonic() < deadline
        person.picture(tmp_path / "reordered.png")
        os.kill(person.app.pid, signal.SIGKILL)
        person.app.wait()
        assert "Traceback" not in person.log.read_text()
    here = {each.plan.id: each.done_bytes for each in unfinished(library.folder)}
    assert here[model.id] > 0 and here[other.id] > 0
    before = hub.body_bytes()
    set_limit(home, 0.0)
    with Person(home, environment=environment) as person:
        person.click("Downloads", "radio button", within_s=60)
        person.see(f"{OTHER}: Done", within_s=90)
        person.see(f"{MODEL}: Done", within_s=60)
        person.picture(tmp_path / "done.png")
        missing = model.size_bytes + other.size_bytes - sum(here.values())
        assert hub.body_bytes() - before <= missing + 1_000_000
        person.click(f"Chat with it: {MODEL}", "push button")
        person.click("Your question", "text")
        person.type("Say hello.")
        person.press("Return")
        person.see("tokens/s", within_s=60)
        person.picture(tmp_path / "chat.png")
        assert "Traceback" not in person.log.read_text()
