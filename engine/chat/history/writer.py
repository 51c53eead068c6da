"""The one thread that writes. Whoever asks for a change goes on at once; changes are made in the order asked."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from engine.chat.history.faults import explain
from engine.chat.history.schema import connect

Value = TypeVar("Value")
Change = Callable[[sqlite3.Connection], Value]

_CHECKPOINT_COMMITS = 200  # when nobody has written for a moment
_MOST_COMMITS = 20_000  # in an answer that takes an hour: the log has some 200 MB by then
_IDLE_S = 2.0
_APPLICATION_ID = 0x4842796E  # “HByn”; see _begin_log


class Writer:
    """Make changes to one file, each in a transaction. Thread-safe.

    ``on_fault`` hears of each change that failed, in the writer's thread: most who ask do not wait for the outcome.
    """

    def __init__(self, file: Path, on_fault: Callable[[BaseException], None]) -> None:
        self._file = file
        self._on_fault = on_fault
        self._asked: queue.SimpleQueue[tuple[float, Change[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._checkpoints = _Checkpoints(file, lambda: self.do(_begin_log))
        connection = connect(file, writing=True)  # here: if it fails, whoever opens the store hears of it
        self._thread = threading.Thread(target=self._run, args=(connection,), daemon=True, name="conversations writer")
        self._thread.start()
        self.do(_begin_log).result()

    def do(self, change: Change[Value], *, after_s: float = 0.0) -> Future[Value]:
        """Ask for a change; ``after_s`` lets others go first. The future tells of failure as an ``EngineError``."""
        done: Future[Value] = Future()
        self._asked.put((time.monotonic() + after_s if after_s else 0.0, change, done))
        return done

    def settle(self) -> None:
        """Wait until all that was asked before is made (what waits for ``after_s`` excepted)."""
        self.do(lambda _: None).result()

    def close(self) -> None:
        """Make what was asked, what was to wait as well, and end."""
        self._asked.put(None)
        self._thread.join()
        self._checkpoints.close()

    def _run(self, connection: sqlite3.Connection) -> None:
        order = itertools.count()
        waiting: list[tuple[float, int, Change[Any], Future[Any]]] = []
        while (item := self._next(waiting)) is not None:
            due, change, done = item
            if due > time.monotonic():
                heapq.heappush(waiting, (due, next(order), change, done))
            else:
                self._make(connection, change, done)
        for _, _, change, done in sorted(waiting, key=lambda item: item[:2]):
            self._make(connection, change, done)
        connection.close()

    def _next(
        self, waiting: list[tuple[float, int, Change[Any], Future[Any]]]
    ) -> tuple[float, Change[Any], Future[Any]] | None:
        left_s = waiting[0][0] - time.monotonic() if waiting else None
        try:
            if left_s is None or left_s > 0:
                return self._asked.get(timeout=left_s)
        except queue.Empty:
            pass
        _, _, change, done = heapq.heappop(waiting)
        return 0.0, change, done

    def _make(self, connection: sqlite3.Connection, change: Change[Any], done: Future[Any]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            value = change(connection)
            connection.execute("COMMIT")
        except BaseException as error:  # handed over to whoever waits
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            known = explain(error, self._file) if isinstance(error, sqlite3.Error) else None
            self._on_fault(known or error)
            done.set_exception(known or error)
        else:
            done.set_result(value)
            self._checkpoints.count()


def _begin_log(connection: sqlite3.Connection) -> None:
    """Write something small, so that what follows finds the log begun and does not wait for the disk."""
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")


class _Checkpoints:
    """Move the log's pages into the file while nobody writes, from a thread of its own.

    A checkpoint waits for the disk, and so does the first commit after it, which begins the log anew (SQLite 3.40,
    src/wal.c, ``syncHeader``): on a busy machine more than a second each. Neither may keep an answer's words waiting.
    """

    def __init__(self, file: Path, begin_log: Callable[[], object]) -> None:
        self._file = file
        self._begin_log = begin_log
        self._commits = 0
        self._last_s = time.monotonic()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="conversations checkpoints")
        self._thread.start()

    def count(self) -> None:
        self._commits += 1
        self._last_s = time.monotonic()

    def close(self) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(_IDLE_S):
            idle = time.monotonic() - self._last_s >= _IDLE_S
            if self._commits < (_CHECKPOINT_COMMITS if idle else _MOST_COMMITS):
                continue
            self._commits = 0
            with contextlib.closing(connect(self._file, writing=True)) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._begin_log()
