"""The log and the crash reports: bounded, without what anybody wrote, and shown once."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from desktop import logs
from desktop.crashes import MOST_REPORTS, CrashReports
from engine.errors import DiskFull, Refused

SECRET = "hf_abcdefghijklmnopqrstuvwxyz my diary"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "logs"
    handler = logs.open_log(folder)
    yield folder
    logs.close_log(handler)


def raised(error: Exception) -> Exception:
    try:
        raise error from ValueError(SECRET)
    except Exception as caught:
        return caught


def test_the_log_is_bounded(folder):
    for _ in range(300):
        logs.LOG.info("x" * 10_000)
    assert sum(file.stat().st_size for file in folder.iterdir()) <= logs.MOST_BYTES * (logs.KEPT_FILES + 1)
    assert len(list(folder.iterdir())) == logs.KEPT_FILES + 1


@pytest.mark.parametrize("error", [KeyError(SECRET), Refused(SECRET, SECRET), UnicodeError(SECRET)])
def test_a_failure_is_told_without_anybodys_words(error):
    said = logs.told(raised(error))
    assert type(error).__name__ in said and "diary" not in said and "hf_" not in said


def test_a_failure_keeps_its_numbers_and_its_frames():
    assert "needed_bytes=5" in logs.told(DiskFull(5, 3, SECRET)) and "diary" not in logs.told(DiskFull(5, 3, SECRET))
    assert "in raised" in logs.told(raised(AttributeError("no such name"))) and "no such name" in logs.told(
        AttributeError("no such name")
    )


def test_a_report_is_shown_until_it_is_seen(folder):
    reports = CrashReports(folder)
    assert reports.unseen() is None
    logs.LOG.info("the line before")
    reports.keep(raised(KeyError(SECRET)))
    fault = reports.unseen()
    assert fault is not None and "KeyError" in fault.details and "the line before" in fault.details
    assert "PySide6" in fault.details and "diary" not in fault.details
    reports.mark_seen()
    assert reports.unseen() is None and len(list(folder.glob("crash-*.txt"))) == 1


def test_few_reports_are_kept(folder, monkeypatch):
    reports = CrashReports(folder)
    for number in range(9):
        monkeypatch.setattr("desktop.crashes.os.getpid", lambda number=number: number)
        reports.keep(KeyError(number))
    assert len(list(folder.glob("*crash-2*.txt"))) == MOST_REPORTS


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path):
    (tmp_path / "file").write_text("")
    handler = logs.open_log(tmp_path / "file" / "logs")
    reports = CrashReports(tmp_path / "file" / "logs")
    reports.arm()
    reports.keep(KeyError(1))
    assert reports.unseen() is None
    reports.disarm()
    logs.close_log(handler)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGSEGV to send")
def test_a_native_crash_becomes_a_report(tmp_path):
    program = (
        "import sys; from pathlib import Path; from desktop.crashes import CrashReports\n"
        "import os, signal; CrashReports(Path(sys.argv[1])).arm(); os.kill(os.getpid(), signal.SIGSEGV)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=60, check=False)
    assert ended.returncode == -signal.SIGSEGV
    code = "import sys; from pathlib import Path; from desktop.crashes import CrashReports as C\n"
    code += "c = C(Path(sys.argv[1])); c.arm(); print(c.unseen().details); c.disarm()"
    said = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "Segmentation fault" in said.stdout and "Crash in native code" in said.stdout
    assert not (tmp_path / "native-crash.txt").exists()
