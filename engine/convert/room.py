"""A full disk is no end: what is to be written waits until there is room again."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from engine.errors import DiskFull, EngineError

OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT)
# The same from libraries that keep no number: Rust's (28, 122; on Windows 112), numpy's of a short write.
_FULL = re.compile(r"\(os error (?:28|112|122)\)|No space left on device|\d+ requested and \d+ written")
_NOTHING_FREE_BYTES = 1 << 20  # what fails with less than this left fails for that, whatever it says
LOOK_AGAIN_S = 0.5
SOME_ROOM_BYTES = 8 << 20  # so much must be free before what failed for lack of room is tried as a whole again
GOES_ON = "There is room again: the conversion goes on."

Made = TypeVar("Made")


class Room:
    """Carries out writes into one folder; ``on_notice`` is told once when they wait and once when they go on."""

    def __init__(self, folder: Path, on_notice: Callable[[str], None]) -> None:
        self._folder = folder
        self._on_notice = on_notice
        self._lock = threading.Lock()
        self._waiting = 0
        self._seek = threading.Lock()

    def write_at(self, file: BinaryIO, data: memoryview, offset: int) -> None:
        """Write all of ``data`` at ``offset``, however long it takes."""
        done = 0
        while done < len(data):
            part, place = data[done:], offset + done
            done += self.wait_for(lambda part=part, place=place: self._put(file, part, place))

    def wait_for(self, write: Callable[[], Made]) -> Made:
        """Return what ``write`` returns; while the disk is full it is tried again and again."""
        waits = False
        while True:
            try:
                made = write()
            except OSError as error:
                if error.errno == errno.EFBIG:  # a limit of this process or of the file system: waiting does not help
                    raise DiskFull(0, shutil.disk_usage(self._folder).free, str(self._folder)) from error
                if not is_full(error):
                    raise
                if not waits:
                    waits = True
                    self._wait()
                time.sleep(LOOK_AGAIN_S)
                continue
            if waits:
                self._go_on()
            return made

    def _put(self, file: BinaryIO, data: memoryview, offset: int) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(file.fileno(), data, offset)
        with self._seek:  # Windows has one position a file
            file.seek(offset)
            return file.write(data)

    def _wait(self) -> None:
        with self._lock:
            self._waiting += 1
            if self._waiting == 1:
                self._on_notice(waiting(self._folder))

    def _go_on(self) -> None:
        with self._lock:
            self._waiting -= 1
            if not self._waiting:
                self._on_notice(GOES_ON)


def waiting(folder: Path, doing: str = "the conversion") -> str:
    """Say that a disk is full, and what to do."""
    return f"The disk of {folder} is full: {doing} waits. Free some space, and it goes on; nothing is lost."


def is_full(error: Exception) -> bool:
    """Tell whether an error says that a disk is full; not all have a number."""
    return getattr(error, "errno", None) in OUT_OF_SPACE or bool(_FULL.search(str(error)))


@contextlib.contextmanager
def fullness_explained(folder: Path) -> Iterator[None]:
    """Turn what libraries say of a full disk, which cannot wait, into :class:`DiskFull`."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        free_bytes = shutil.disk_usage(folder).free
        if is_full(error) or free_bytes < _NOTHING_FREE_BYTES:
            raise DiskFull(0, free_bytes, str(folder)) from error
        raise


def some_room(folder: Path, needed_bytes: int = SOME_ROOM_BYTES) -> Iterator[None]:
    """Wait until a disk has room for another try; yields each time before it looks again, for whoever may cancel."""
    while True:
        yield
        time.sleep(LOOK_AGAIN_S)
        if shutil.disk_usage(folder).free >= needed_bytes:
            return
