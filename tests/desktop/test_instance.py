"""One window for each store: claims, handing over, and what killed or hostile processes leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket

from desktop.instance import Instance, _message_of, _socket_name
from engine.paths import Folders, folders

HOLDING = """
import sys, time
from PySide6.QtCore import QCoreApplication
from desktop.instance import Instance
qt = QCoreApplication([])
kept = Instance()
assert kept.claim([])
print("held", flush=True)
time.sleep(60)
"""
HANDING = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from desktop.instance import Instance
qt = QCoreApplication([])
sys.exit(0 if not Instance().claim([Path(a) for a in sys.argv[1:]]) else 3)
"""


@pytest.fixture
def first(qapp, home):
    first = Instance()
    assert first.claim([])
    yield first
    first.release()


def python(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True)


def test_a_second_start_hands_over_its_files(first, qtbot, tmp_path):
    file = str(tmp_path / "ä model.gguf")
    with qtbot.waitSignal(first.asked, timeout=20000) as told:
        second = python(HANDING, file)
    assert told.args == [[Path(file)]]
    assert second.wait(10) == 0
    assert second.communicate()[0] == ""


def test_a_killed_first_is_no_obstacle(qapp, home):
    killed = python(HOLDING)
    assert killed.stdout is not None and killed.stdout.readline() == "held\n"
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    heir = Instance()
    assert heir.claim([], patience_s=5)
    heir.release()


def test_a_first_that_does_not_answer_is_said(qapp, home):
    stuck = python(HOLDING)
    assert stuck.stdout is not None and stuck.stdout.readline() == "held\n"
    os.kill(stuck.pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError, match="does not answer"):
        Instance().claim([], patience_s=0.0)
    stuck.kill()
    stuck.communicate()


def test_another_store_has_a_window_of_its_own(first, monkeypatch, tmp_path):
    monkeypatch.setenv("HALFBYTE_HOME", str(tmp_path / "other"))
    other = Instance()
    assert other.claim([])
    other.release()


def test_nonsense_is_refused(first, qtbot):
    asked = []
    first.asked.connect(asked.append)
    socket = QLocalSocket()
    socket.connectToServer(_socket_name(folders()))
    socket.write(b'{"files": 3}\n')
    qtbot.waitUntil(lambda: socket.state() == QLocalSocket.LocalSocketState.UnconnectedState)
    assert asked == []


@pytest.mark.parametrize("line", [b"", b"[]\n", b"\xff\n", b'{"files": [1]}\n', b"null\n"])
def test_only_a_list_of_names_is_a_message(line):
    assert _message_of(line) is None


def test_the_sockets_name_fits_however_deep_the_folder_lies(tmp_path):
    deep = tmp_path.joinpath(*["x" * 100] * 10)
    assert len(os.fsencode(_socket_name(Folders(deep, deep, deep, deep)))) < 100
