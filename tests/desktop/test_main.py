"""The entry: a window, a command, or a clear word on why there is no window."""

from __future__ import annotations

import subprocess
import sys

import pytest

from desktop import display
from desktop.__main__ import main
from desktop.display import why_no_window


def test_without_a_screen_it_says_so(monkeypatch, capsys):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert main([]) == 1
    said = capsys.readouterr().err
    assert "neither DISPLAY nor WAYLAND_DISPLAY is set" in said and "halfbyte --help" in said


def test_a_missing_library_is_named(monkeypatch):
    def load(path):
        raise OSError("libxcb-cursor.so.0: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(display.ctypes, "CDLL", load)
    said = why_no_window({"DISPLAY": ":0"})
    assert "Qt needs the library libxcb-cursor.so.0." in said and "sudo apt install" in said


def test_a_missing_qt_is_told(monkeypatch):
    monkeypatch.setattr(display.importlib.util, "find_spec", lambda name: None)
    assert "pip install PySide6-Essentials" in why_no_window({"DISPLAY": ":0"})


@pytest.mark.parametrize("environment", [{"QT_QPA_PLATFORM": "offscreen"}, {"WAYLAND_DISPLAY": "wayland-0"}])
def test_nothing_is_in_the_way(environment):
    assert why_no_window(environment) == ""


def test_a_command_needs_no_qt():
    program = (
        "import sys; sys.modules['PySide6'] = None; from desktop.__main__ import main; sys.exit(main(['--version']))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    if "engine.recommend" in answer.stderr:
        pytest.skip(answer.stderr.splitlines()[-1])
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("Halfbyte")
