"""Run a job in a terminal: a progress bar on standard error, Ctrl+C cancels it."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from engine.cli import show
from engine.events import Event, Finished, Job, Notice, Progress
from engine.process import wire


def events_of(job: Job) -> Iterator[Event]:
    """Yield a job's events; Ctrl+C cancels it and lets it end.

    A job is iterated in a thread of its own, because a blocked wait would not notice Ctrl+C on every system.
    """
    box: queue.SimpleQueue[Event | BaseException | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            for event in job:
                box.put(event)
            box.put(None)
        except BaseException as error:  # handed over to the thread that waits
            box.put(error)

    threading.Thread(target=run, daemon=True, name="job").start()
    while True:
        item = _next(box, job)
        if item is None:
            return
        if isinstance(item, BaseException):
            raise item
        yield item


def _next(box: queue.SimpleQueue[Any], job: Job) -> Any:
    while True:
        try:
            return box.get(timeout=0.2)
        except queue.Empty:
            continue
        except KeyboardInterrupt:
            job.cancel()


def finish(job: Job, as_json: bool = False) -> Any:
    """Run a job to its end behind a progress bar and return what it made.

    With ``as_json`` each event is one line of JSON on standard output, and there is no bar.
    """
    result = None
    with _bars(hidden=as_json) as bars:
        for event in events_of(job):
            if isinstance(event, Finished):
                result = event.value
            elif as_json:
                print_json_line(event)
            elif isinstance(event, Progress):
                bars.show(event)
            elif isinstance(event, Notice):
                show.notice(event)
    return result


def print_json_line(event: Event) -> None:
    """Print one event as a program reads it."""
    show.output.out(json.dumps(wire.event_record(event), ensure_ascii=False, default=str), highlight=False)


class _Bars:
    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def show(self, event: Progress) -> None:
        if event.step not in self._tasks:
            self._tasks[event.step] = self._bars.add_task(event.step, total=event.total, text="")
        text = show.progress_text(event)
        self._bars.update(self._tasks[event.step], completed=event.done, total=event.total, text=text)


@contextmanager
def _bars(hidden: bool) -> Iterator[_Bars]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"))
    with Bars(*columns, console=show.errors, disable=hidden, transient=True) as bars:
        yield _Bars(bars)
