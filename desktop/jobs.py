"""The one place that knows threads: a job runs in a QThread, and its events come back as signals of the main thread.

The thread puts events into a box and wakes the main thread once; the main thread empties the box at most every 33 ms.
So every signal below is emitted *in the main thread*, in the order of the events, and a fast job never floods it:
tokens that arrived meanwhile are joined, and of several progress reports on one step only the newest is told.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from PySide6.QtCore import QCoreApplication, QElapsedTimer, QObject, QThread, QTimer, Signal, Slot

from desktop.language import tr
from engine.errors import Cancelled
from engine.events import Event, Finished, Job, Notice, Progress, PromptRead, Token

JOIN_MS = 33  # two frames of a 60 Hz screen
PATIENCE_MS = 4000  # for a cancelled job: the engine kills a worker after two seconds


class JobThread(QObject):
    """Run one job. Connect to the signals, call :meth:`start`; it ends with one ``finished`` or one ``failed``.

    ``tokens`` carries ``list[Token]``, neighbours of the same part joined. ``failed`` carries the exception: an
    ``EngineError`` (``Cancelled`` after :meth:`cancel`) or our bug. A thread whose owner goes away cancels its job.
    """

    progressed = Signal(Progress)
    noticed = Signal(Notice)
    prompt_read = Signal(PromptRead)
    tokens = Signal(list)
    finished = Signal(object)
    failed = Signal(Exception)

    def __init__(self, job: Job, parent: QObject | None = None, title: str = "") -> None:
        super().__init__(parent)
        self.title = title
        self.running = False
        self._runner = _Runner(job)
        self._runner.woken.connect(self._on_woken)
        self.destroyed.connect(self._runner.cancel)
        self._since_emptied = QElapsedTimer()
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._on_due)

    def start(self) -> None:
        self.running = True
        self._runner.start()

    @Slot()
    def cancel(self) -> None:
        """Ask the job to stop; it ends with ``failed(Cancelled)``, or as it would have if it was just done."""
        self._runner.cancel()

    def wait(self, limit_ms: int = PATIENCE_MS) -> bool:
        """Block until the thread has ended, for closing and for tests. Return whether it has."""
        return self._runner.wait_for_end(limit_ms)

    @Slot()
    def _on_woken(self) -> None:
        waited_ms = self._since_emptied.elapsed() if self._since_emptied.isValid() else JOIN_MS
        self._timer.start(max(0, JOIN_MS - waited_ms))

    @Slot()
    def _on_due(self) -> None:
        self._since_emptied.start()
        for event in joined(self._runner.take()):
            self._tell(event)

    def _tell(self, event: Event | list[Token] | BaseException) -> None:
        match event:
            case list():
                self.tokens.emit(event)
            case Progress():
                self.progressed.emit(event)
            case Notice():
                self.noticed.emit(event)
            case PromptRead():
                self.prompt_read.emit(event)
            case Finished():
                self._end()
                self.finished.emit(event.value)
            case BaseException():
                self._end()
                self.failed.emit(event)

    def _end(self) -> None:
        self.running = False
        self.setParent(None)  # whoever still holds it may read it; nobody has to delete it


class _Runner(QThread):
    """The thread itself. It belongs to the application, so that it outlives a page that is deleted while it runs."""

    woken = Signal()

    def __init__(self, job: Job) -> None:
        app = QCoreApplication.instance()
        super().__init__(app)
        self._job = job
        self._box: list[Event | BaseException] = []
        self._awake = False
        self._lock = threading.Lock()
        self.finished.connect(self.deleteLater)
        if app:
            app.aboutToQuit.connect(self._on_quit)

    def run(self) -> None:
        try:
            end = self._consume()
        except BaseException as error:  # whatever it is, the main thread has to hear of it
            end = error
        self._put(end)

    def take(self) -> list[Event | BaseException]:
        with self._lock:
            taken, self._box, self._awake = self._box, [], False
        return taken

    @Slot()
    def cancel(self) -> None:
        self._job.cancel()

    def wait_for_end(self, limit_ms: int) -> bool:
        try:
            return self.wait(limit_ms)
        except RuntimeError:  # Qt has deleted it: it ended
            return True

    def _consume(self) -> Event | BaseException:
        last: Event | None = None
        for event in self._job:
            if isinstance(event, Finished):
                last = event  # told when the job has really ended: an error may still follow
            else:
                self._put(event)
        return last or RuntimeError(f"{self._job!r} ended without a Finished event")

    def _put(self, event: Event | BaseException) -> None:
        with self._lock:
            self._box.append(event)
            asleep, self._awake = not self._awake, True
        if asleep:
            self.woken.emit()

    @Slot()
    def _on_quit(self) -> None:
        if self.isRunning():
            self._job.cancel()
            self.wait(PATIENCE_MS)


def joined(events: Iterable[Event | BaseException]) -> Iterator[Event | list[Token] | BaseException]:
    """Yield the events with runs of tokens as one list and runs of progress on one step as their newest."""
    for kind, run in itertools.groupby(events, key=_run_key):
        if kind is Token:
            yield _joined_tokens(run)  # type: ignore[arg-type]
        elif isinstance(kind, tuple):
            yield list(run)[-1]
        else:
            yield from run


def _run_key(event: Event | BaseException) -> object:
    return (Progress, event.step) if isinstance(event, Progress) else type(event)


def _joined_tokens(tokens: Iterable[Token]) -> list[Token]:
    pieces = []
    for _, run in itertools.groupby(tokens, key=lambda token: token.part):
        same = list(run)
        ids = tuple(itertools.chain.from_iterable(token.ids for token in same))
        pieces.append(Token("".join(token.text for token in same), same[0].part, ids))
    return pieces


class Call:
    """A job of one plain function that blocks: its value is the ``Finished`` value. Cancelling drops the value."""

    def __init__(self, function: Callable[..., Any], *args: Any, doing: str = "", **kwargs: Any) -> None:
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._doing = doing or tr("The job")
        self._cancelled = threading.Event()

    def __iter__(self) -> Iterator[Event]:
        value = self._function(*self._args, **self._kwargs)
        if self._cancelled.is_set():
            raise Cancelled(self._doing)
        yield Finished(value)

    def cancel(self) -> None:
        self._cancelled.set()


class Jobs(QObject):
    """The jobs that run now: what the bar at the window's foot lists, and what closing the window has to end."""

    started = Signal(JobThread)
    ended = Signal(JobThread)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._threads: list[JobThread] = []

    @property
    def running(self) -> tuple[JobThread, ...]:
        return tuple(thread for thread in self._threads if thread.running)

    def start(self, job: Job, title: str = "") -> JobThread:
        """Start a job and return its thread; connecting to it right after loses nothing. No title: not listed."""
        thread = JobThread(job, self, title)
        self._threads.append(thread)
        thread.finished.connect(self._on_end)
        thread.failed.connect(self._on_end)
        thread.start()
        self.started.emit(thread)
        return thread

    def close(self) -> bool:
        """Cancel everything and wait for it; return whether all has ended."""
        running = self.running
        for thread in running:
            thread.cancel()
        waited = [thread.wait() for thread in running]
        return all(waited)

    @Slot()
    def _on_end(self) -> None:
        for thread in [thread for thread in self._threads if not thread.running]:
            self._threads.remove(thread)
            self.ended.emit(thread)


class Latest(QObject):
    """Run jobs of which only the newest counts: a new one cancels the one before, whose end nobody hears of."""

    progressed = Signal(Progress)
    finished = Signal(object)
    failed = Signal(Exception)

    def __init__(self, jobs: Jobs) -> None:
        super().__init__(jobs)
        self._jobs = jobs
        self._newest: JobThread | None = None

    def start(self, job: Job, title: str = "") -> None:
        if self._newest and self._newest.running:
            self._newest.cancel()
        self._newest = thread = self._jobs.start(job, title)
        thread.progressed.connect(self._on_progressed)
        thread.finished.connect(self._on_finished)
        thread.failed.connect(self._on_failed)

    @Slot()
    def cancel(self) -> None:
        """Give up the newest one; of its end nobody hears either."""
        if self._newest and self._newest.running:
            self._newest.cancel()
        self._newest = None

    @Slot(Progress)
    def _on_progressed(self, progress: Progress) -> None:
        if self.sender() is self._newest:
            self.progressed.emit(progress)

    @Slot(object)
    def _on_finished(self, value: object) -> None:
        if self.sender() is self._newest:
            self.finished.emit(value)

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        if self.sender() is self._newest:
            self.failed.emit(error)
