"""The pin of PySide6: a bad pair of binding and Python loses a reference to ``None`` at each call and dies of it."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject


def test_calls_do_not_use_up_none():
    before = sys.getrefcount(None)
    for _ in range(300):
        QObject().setObjectName("x")
    assert before - sys.getrefcount(None) < 50
