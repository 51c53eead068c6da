"""Every kind of error has its words, and a bug has its report."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton

from desktop.faults import ROWS, Do, bug_report, fault_of
from desktop.widgets.bug_dialog import BugDialog
from desktop.widgets.fault_banner import FaultBanner
from engine import errors
from engine.errors import EngineError
from engine.process.host import BugError

EXAMPLES = {
    "DiskFull": errors.DiskFull(5_000_000_000, 2_000_000_000, "/models"),
    "NotEnoughMemory": errors.NotEnoughMemory(9_000_000_000, 4_000_000_000, 2048),
    "AccessNeeded": errors.AccessNeeded("meta/llama", "https://example.org/meta/llama"),
    "DamagedFile": errors.DamagedFile("a.gguf", "GGUF", "zeros"),
    "UnsupportedModel": errors.UnsupportedModel("mystery", "llama.cpp"),
    "ContextTooLong": errors.ContextTooLong(5000, 4096),
    "WorkerCrashed": errors.WorkerCrashed(-11, "last line of the log", "the answer"),
    "Offline": errors.Offline("example.org"),
    "PackageMissing": errors.PackageMissing("torch", "convert"),
    "DriverProblem": errors.DriverProblem("470", "525"),
    "NotFound": errors.NotFound("smollm", "the library"),
    "Refused": errors.Refused("The target is the source.", "Choose another folder."),
    "InvalidForm": errors.InvalidForm("grammar", "expecting ')'", 2, 7),
    "Cancelled": errors.Cancelled("The conversion"),
}


def test_every_kind_has_its_row_and_every_row_its_kind():
    ours = {name for name, kind in EngineError.kinds.items() if kind.__module__ == "engine.errors"}
    assert set(ROWS) == ours == set(EXAMPLES)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_fault_says_cause_and_next_step(kind):
    error = EXAMPLES[kind]
    fault = fault_of(error)
    assert fault.title and not fault.title.endswith(".")
    assert error.message in fault.sentence
    assert error.hint in fault.sentence
    assert kind in fault.details
    assert all(button.target for button in fault.buttons if button.do in (Do.OPEN_FOLDER, Do.OPEN_ADDRESS, Do.COPY))


def test_buttons_carry_the_details():
    targets = {b.do: b.target for kind in EXAMPLES for b in fault_of(EXAMPLES[kind]).buttons if b.target}
    assert targets[Do.OPEN_FOLDER] == "/models"
    assert targets[Do.OPEN_ADDRESS] == "https://example.org/meta/llama"


def test_a_crash_brings_its_log():
    assert "last line of the log" in fault_of(EXAMPLES["WorkerCrashed"]).details


def test_a_bug_has_traceback_and_versions():
    try:
        _ = 1 / 0
    except ZeroDivisionError as error:
        report = bug_report(error)
    assert "ZeroDivisionError" in report and "test_faults.py" in report
    assert all(name in report for name in ("Halfbyte 0.", "Python 3.", "Qt 6.", "llama-cpp-python"))


def test_a_workers_bug_brings_the_workers_traceback():
    assert "line 3, in generate" in fault_of(BugError("KeyError('x')", "line 3, in generate")).details


def test_the_banner_shows_and_hides(qtbot):
    banner = FaultBanner()
    qtbot.addWidget(banner)
    banner.show_error(EXAMPLES["DiskFull"])
    assert banner.isVisible()
    assert banner.accessibleName().startswith("The disk is too full. The disk of /models")
    banner.clear()
    assert not banner.isVisible()


def test_the_banner_tells_which_button_was_pressed(qtbot):
    banner = FaultBanner()
    qtbot.addWidget(banner)
    banner.show_error(EXAMPLES["DiskFull"])
    with qtbot.waitSignal(banner.chosen) as chosen:
        qtbot.mouseClick(_button(banner, "Open the folder"), Qt.MouseButton.LeftButton)
    assert chosen.args[0].target == "/models"


def test_trying_again_clears_the_banner(qtbot):
    banner = FaultBanner()
    qtbot.addWidget(banner)
    banner.show_error(EXAMPLES["Offline"])
    with qtbot.waitSignal(banner.chosen):
        qtbot.mouseClick(_button(banner, "Try again"), Qt.MouseButton.LeftButton)
    assert banner.fault is None and not banner.isVisible()


def test_the_banner_copies_details_itself(qtbot):
    banner = FaultBanner()
    qtbot.addWidget(banner)
    banner.show_error(EXAMPLES["WorkerCrashed"])
    qtbot.mouseClick(_button(banner, "Copy details"), Qt.MouseButton.LeftButton)
    assert "last line of the log" in QGuiApplication.clipboard().text()


def test_the_banner_shows_the_report_of_a_bug(qtbot):
    banner = FaultBanner()
    qtbot.addWidget(banner)
    banner.show_error(KeyError("x"))
    qtbot.mouseClick(_button(banner, "Show the report"), Qt.MouseButton.LeftButton)
    (dialog,) = banner.findChildren(BugDialog)
    assert "KeyError: 'x'" in dialog.report.toPlainText()


def test_the_dialog_copies_its_report(qtbot):
    dialog = BugDialog(fault_of(KeyError("x")))
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.mouseClick(dialog.copy, Qt.MouseButton.LeftButton)
    assert "KeyError: 'x'" in QGuiApplication.clipboard().text()
    assert dialog.copy.text() == "Copied"


def _button(banner, text):
    return next(b for b in banner.findChildren(QPushButton) if b.text() == text and b.isVisible())
