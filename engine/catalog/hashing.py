"""Reading a large file into a digest as a part of a job: progress while it goes on, and an end when it is cancelled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.catalog import records
from engine.errors import Cancelled
from engine.events import Progress
from engine.pace import Pace

TELL_BYTES = 16 << 20


def hashing(
    file: Path, digest: Any, pace: Pace, before_bytes: int, stop: threading.Event, doing: str
) -> Iterator[Progress]:
    """Update ``digest`` (of hashlib) with a file that comes after ``before_bytes`` of the job.

    Raises :class:`Cancelled` with ``doing`` once ``stop`` is set.
    """
    done = told = 0
    for chunk in records.chunks(file):
        if stop.is_set():
            raise Cancelled(doing)
        digest.update(chunk)
        done += len(chunk)
        if done - told >= TELL_BYTES:
            told = done
            yield pace.at(before_bytes + done)
    yield pace.at(before_bytes + done)
