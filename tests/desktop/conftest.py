"""The desktop lane: offscreen, in a home of its own, where every Qt warning fails the test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the test's settings, models and logs out of the person's own folders."""
    monkeypatch.setenv("HALFBYTE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
