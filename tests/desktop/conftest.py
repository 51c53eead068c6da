"""The window's tests need no display, and leave the person's own folders alone."""

from __future__ import annotations

import gc
import os

import pytest
from PySide6.QtCore import QLocale

from desktop.quantities import use_system_form

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(autouse=True, scope="module")
def garbage_of_the_main_thread():
    """Let no job's thread delete the widgets that earlier tests left behind: Qt does not survive that."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture(autouse=True)
def plain_numbers():
    """Let numbers and dates have one form, whatever the system's is."""
    QLocale.setDefault(QLocale.c())
    use_system_form()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HALFBYTE_HOME", str(tmp_path / "home"))
    for name in ("HOME", "USERPROFILE"):  # where the models of other apps are looked for
        monkeypatch.setenv(name, str(tmp_path / "person"))
    return tmp_path / "home"


def pytest_collection_modifyitems(items):
    """Let a message of Qt fail a test, but for two that are of the screen that is none, and of keys sent by hand."""
    ours = [item for item in items if "/tests/desktop/" in item.path.as_posix()]
    for item in ours:
        item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
        item.add_marker(pytest.mark.qt_log_ignore("propagateSizeHints", "Keyboard event not accepted", extend=True))
