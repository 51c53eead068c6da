"""One window for each store: a second start hands its files to the first, and ends.

A lock file says who is first; it goes with its process, also after SIGKILL. A local socket carries the files. Both
belong to the folders in use, so two people, or two ``HALFBYTE_HOME``, never meet.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QLockFile, QObject, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from engine.paths import Folders, folders

PATIENCE_S = 15.0  # the first one may be starting, or ending what runs
_TRY_MS = 500
_ANSWER_MS = 3000  # a window that reads a model's header is busy for less
_MOST_BYTES = 1 << 20  # a selection of some thousand files
_UNDERSTOOD = b"ok\n"
_WAYLAND = "XDG_ACTIVATION_TOKEN"  # xdg-activation-v1: who was clicked last may bring a window to the front


class Instance(QObject):
    """The claim to be the only window of these folders. ``asked`` tells the files of a later start, perhaps none."""

    asked = Signal(list)

    def __init__(self, where: Folders | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        where = where or folders()
        self._name = _socket_name(where)
        where.data.mkdir(parents=True, exist_ok=True)
        self._lock = QLockFile(str(where.data / "window.lock"))
        self._lock.setStaleLockTime(0)  # only the end of its process frees it, never its age
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)

    def claim(self, files: Sequence[Path], patience_s: float = PATIENCE_S) -> bool:
        """Become the first, or hand over ``files``; return whether to go on. Raises ``TimeoutError`` if neither works.

        Where no lock can be kept (a folder that cannot be written), every start is a first one.
        """
        deadline = time.monotonic() + patience_s
        while True:
            if self._lock.tryLock(0) or self._lock.error() is not QLockFile.LockError.LockFailedError:
                self._listen()
                return True
            if self._hand_over(files):
                return False
            if time.monotonic() > deadline:
                raise TimeoutError("The window that is open already does not answer.")
            time.sleep(0.05)

    def close(self) -> None:
        """Take no more files: a start from now on waits for the end of this process."""
        self._server.close()

    def release(self) -> None:
        """Let another be the first."""
        self.close()
        self._lock.unlock()

    def _listen(self) -> None:
        QLocalServer.removeServer(self._name)  # what a killed process left; the lock says that nobody listens there
        self._server.listen(self._name)

    def _hand_over(self, files: Sequence[Path]) -> bool:
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(_TRY_MS):
            return False
        _let_raise()
        message = {"files": [str(file.absolute()) for file in files], "token": os.environ.get(_WAYLAND, "")}
        socket.write(json.dumps(message).encode() + b"\n")
        socket.flush()
        return socket.waitForReadyRead(_ANSWER_MS) and socket.readAll().data() == _UNDERSTOOD

    @Slot()
    def _on_connection(self) -> None:
        while socket := self._server.nextPendingConnection():
            socket.readyRead.connect(self._on_bytes)
            socket.disconnected.connect(socket.deleteLater)
            self._read(socket)

    @Slot()
    def _on_bytes(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket):
            self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            if socket.bytesAvailable() > _MOST_BYTES:
                socket.abort()
            return
        message = _message_of(bytes(socket.readLine(_MOST_BYTES).data()))
        if message is None:
            socket.abort()
            return
        socket.write(_UNDERSTOOD)
        socket.flush()
        if message.get("token"):
            os.environ[_WAYLAND] = str(message["token"])
        self.asked.emit([Path(file) for file in message["files"]])


def _message_of(line: bytes) -> Mapping[str, Any] | None:
    """Return what a later start says; None for anything else."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    files = message.get("files") if isinstance(message, dict) else None
    return message if isinstance(files, list) and all(isinstance(file, str) for file in files) else None


def _socket_name(where: Folders) -> str:
    """Return the socket's name. Its length is bounded (108 bytes, unix(7)), so the folder is in it as a hash."""
    owner = os.getuid() if sys.platform != "win32" else os.environ.get("USERNAME", "")
    digest = hashlib.sha256(f"{owner}\n{where.data}".encode()).hexdigest()[:20]
    name = f"halfbyte-{digest}"
    private = os.environ.get("XDG_RUNTIME_DIR", "") if sys.platform == "linux" else ""
    usable = 0 < len(private) < 64 and Path(private).is_dir()
    return str(Path(private) / name) if usable else name


def _let_raise() -> None:
    """Let the other process come to the front: Windows allows it only to whom the person started last."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.user32.AllowSetForegroundWindow(-1)
