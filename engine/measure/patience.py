"""A full disk is no end of a measurement either: it waits, and goes on after the last window that is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from engine.convert.room import is_full, some_room, waiting
from engine.errors import DiskFull
from engine.events import Event, Notice

GOES_ON = "There is room again: the measurement goes on."


def with_room(folder: Path, step: Callable[[], Iterator[Event]], check: Callable[[], None]) -> Iterator[Event]:
    """Yield a step's events; where the disk of ``folder`` is full, wait and take the step again.

    ``check`` raises once nobody wants it any more.
    """
    told = False
    while True:
        try:
            yield from step()
            break
        except DiskFull:
            pass
        except OSError as error:
            if not is_full(error):
                raise
        if not told:
            told = True
            yield Notice(waiting(folder, "the measurement"), "warning")
        for _ in some_room(folder):
            check()
    if told:
        yield Notice(GOES_ON)


def done(nothing: None) -> Iterator[Event]:
    """Return the events of what has none."""
    del nothing
    return iter(())
