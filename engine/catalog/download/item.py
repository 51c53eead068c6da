"""One download of the line, as a value: where it stands, how far it is, and what is in its way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.download.plan import DownloadPlan
from engine.errors import EngineError


class State(StrEnum):
    """Where a download of the line stands. ``OFFLINE`` waits for the network and goes on by itself."""

    WAITING = "waiting"
    RUNNING = "running"
    OFFLINE = "offline"
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"


STOPPED = (State.PAUSED, State.FAILED)  # goes on only when the person wants it
UNFINISHED = tuple(state for state in State if state is not State.DONE)


@dataclass(frozen=True, slots=True)
class Item:
    """One download of the line.

    ``error`` says why it failed, waits or was paused by itself, ``checkpoint`` what it became; ``note`` is what it had
    to say since bytes last arrived. ``step`` is what it does now, as its ``Progress`` calls it. ``try_at_s`` is when
    one that is offline tries again, by ``time.monotonic``.
    """

    plan: DownloadPlan
    state: State = State.WAITING
    done_bytes: float = 0
    rate: float | None = None
    remaining_s: float | None = None
    step: str = ""
    note: str = ""
    error: EngineError | None = None
    checkpoint: Checkpoint | None = None
    try_at_s: float = 0

    @property
    def expected_bytes(self) -> float:
        """What counts as the whole of it in a sum: what does not go on is complete with what it has."""
        return self.done_bytes if self.state in STOPPED else self.plan.size_bytes
