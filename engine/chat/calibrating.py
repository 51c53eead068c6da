"""A conversion that is calibrated on the person's own conversations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from engine.chat.export.words import words_file
from engine.convert.folders.plan import FolderPlan
from engine.convert.plan import Plan
from engine.events import Event, Job


class OnConversations:
    """A job: that of ``make`` for a plan, whose words lie in a file only while it runs."""

    def __init__(self, plan: Plan | FolderPlan, make: Callable[[Plan | FolderPlan], Job], store: Path | None = None):
        self.plan = plan
        self._make = make
        self._store = store
        self._job: Job | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """Stop at once, or as soon as it begins."""
        self._cancelled = True
        if self._job:
            self._job.cancel()

    def __iter__(self) -> Iterator[Event]:
        """Raise :class:`Refused` for too few words, and what the job raises."""
        with words_file(self._store) as file:
            self._job = job = self._make(calibrated_on(self.plan, file))
            if self._cancelled:
                job.cancel()
            yield from job


def calibrated_on(plan: Plan | FolderPlan, text: Path) -> Plan | FolderPlan:
    """Return a plan that is calibrated on another text."""
    if isinstance(plan, FolderPlan):
        return replace(plan, options=replace(plan.options, calibration=(text,)))
    return replace(plan, options=replace(plan.options, calibration=(text,)))
