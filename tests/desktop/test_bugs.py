"""Our own mistakes reach the person, from any thread, one at a time."""

from __future__ import annotations

import sys
import threading

import pytest
from PySide6.QtWidgets import QApplication

from desktop.bugs import BugNet
from desktop.widgets.bug_dialog import BugDialog


@pytest.fixture
def net(qapp, monkeypatch, capsys):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    net = BugNet()
    net.spread()
    yield net
    for dialog in dialogs():
        dialog.close()
    QApplication.processEvents()


def dialogs():
    return [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, BugDialog) and widget.isVisible()]


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_a_mistake_in_a_slot_is_shown(net, capsys):
    error = raised(KeyError("x"))
    sys.excepthook(type(error), error, error.__traceback__)
    (dialog,) = dialogs()
    assert "KeyError: 'x'" in dialog.report.toPlainText()
    assert "KeyError: 'x'" in capsys.readouterr().err


def test_a_mistake_in_a_thread_is_shown(net, qtbot):
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: len(dialogs()) == 1)
    assert "ZeroDivisionError" in dialogs()[0].report.toPlainText()


def test_many_mistakes_open_one_dialog_at_a_time(net, qtbot):
    for number in range(3):
        error = raised(KeyError(number))
        sys.excepthook(type(error), error, error.__traceback__)
    (dialog,) = dialogs()
    dialog.close()
    error = raised(KeyError("later"))
    sys.excepthook(type(error), error, error.__traceback__)
    assert "later" in dialogs()[0].report.toPlainText()


def test_the_end_of_the_program_is_no_mistake(net):
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert dialogs() == []
