"""What the local Hub can do wrong on command."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.helpers.hub_repository import Content

What = Literal["cut", "stall", "slow", "corrupt", "swap", "status", "size", "commit", "no range", "shift", "call"]
Stage = Literal["api", "resolve", "cdn", "any"]


@dataclass
class Fault:
    """One thing that goes wrong, ``times`` times.

    ``cut`` resets the connection after byte ``at`` of the file; ``stall`` waits ``value`` seconds there; ``slow`` sends
    ``value`` bytes a second; ``corrupt`` flips the byte ``at``; ``swap`` exchanges the ``value`` bytes at ``at`` with
    those after them; ``status`` answers with the status ``value`` and ``headers``; ``size`` says that the file has
    ``value`` bytes more than it has; ``commit`` that it is of another commit; ``no range`` sends the whole
    file whatever was asked; ``shift`` sends what begins ``value`` bytes later and says so; ``call`` calls ``action``
    before the answer. A fault with a place in the file waits for a request that covers it; ``skip`` of them go well.
    """

    what: What
    path: str = ""
    at: int = 0
    value: float = 0
    times: int = 1
    skip: int = 0
    stage: Stage = "any"
    headers: Mapping[str, str] = field(default_factory=dict)
    action: Callable[[], object] | None = None

    def hits(self, stage: Stage, path: str, start: int, end: int) -> bool:
        if self.times <= 0 or self.path not in path or self.stage not in ("any", stage):
            return False
        if self.what in ("cut", "stall", "corrupt", "swap"):
            return stage != "api" and start <= self.at < end
        return True


class Faults:
    """The faults that are set, in the order in which they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, what: What, **how: object) -> Fault:
        fault = Fault(what, **how)  # type: ignore[arg-type]
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, kinds: Iterable[What], stage: Stage, path: str, start: int = 0, end: int = 1 << 62) -> list[Fault]:
        """Return the faults of these kinds that hit a request, and count them down."""
        with self._lock:
            found = [fault for fault in self._faults if fault.what in kinds and fault.hits(stage, path, start, end)]
            due = [fault for fault in found if not fault.skip]
            for fault in found:
                if fault.skip:
                    fault.skip -= 1
                else:
                    fault.times -= 1
            return due


def wrong_bytes(content: Content, faults: Iterable[Fault]) -> Callable[[int, int], bytes]:
    """Return a function that reads the content as these faults spoil it."""
    spoiled = [fault for fault in faults if fault.what in ("corrupt", "swap")]

    def read(offset: int, length: int) -> bytes:
        piece = bytearray(content.read(offset, length))
        for fault in spoiled:
            if fault.what == "corrupt" and offset <= fault.at < offset + len(piece):
                piece[fault.at - offset] ^= 0xFF
            elif fault.what == "swap" and offset < fault.at + 2 * fault.value and fault.at < offset + len(piece):
                for index in range(len(piece)):
                    piece[index] = content.read(_swapped(offset + index, fault), 1)[0]
        return bytes(piece)

    return read


def _swapped(place: int, fault: Fault) -> int:
    size = int(fault.value)
    if fault.at <= place < fault.at + size:
        return place + size
    if fault.at + size <= place < fault.at + 2 * size:
        return place - size
    return place
