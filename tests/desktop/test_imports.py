"""The window's process stays light: heavy libraries are for workers."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("llama_cpp", "numpy", "gguf", "torch", "transformers", "tokenizers", "sentencepiece")
ALLOWED_QT = {"QtCore", "QtGui", "QtWidgets", "QtSvg", "QtNetwork"}

_PROGRAM = """
import sys
from PySide6.QtWidgets import QApplication
from desktop.app import App
from engine import settings
app = App(QApplication([]), settings.load())
app.window.show()
QApplication.processEvents()
app.close()
print(*sorted(sys.modules))
"""


def test_opening_the_window_loads_nothing_heavy(home):
    answer = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(answer.stdout.split())
    assert "desktop.pages.convert" in loaded
    assert loaded.isdisjoint(HEAVY)
    assert not {name for name in loaded if name.startswith(("engine.runtime.backends.", "engine.convert.methods."))}
    qt = {name.removeprefix("PySide6.") for name in loaded if name.startswith("PySide6.Qt")}
    assert qt <= ALLOWED_QT
