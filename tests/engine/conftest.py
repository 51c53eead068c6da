"""The fast lane: no model, no Qt, no torch; a home of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the test's settings, models and logs out of the person's own folders."""
    monkeypatch.setenv("HALFBYTE_HOME", str(tmp_path / "home"))
    for name in ("HOME", "USERPROFILE"):  # where the models of other apps are looked for
        monkeypatch.setenv(name, str(tmp_path / "person"))
    return tmp_path / "home"
