"""The one thread that writes. Whoever asks for a change goes on at once; changes are made in the order asked."""

from __future__ import annotations

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

_CHECKPOINT_COMMITS = 500


class Writer:
    """Make changes to one file, each in a transaction. Thread-safe.

    ``on_fault`` hears of each change that failed, in the writer's thread: most who ask do not wait for the outcome.
    """

    def __init__(self, file: Path, on_fault: Callable[[BaseException], None]) -> None:
        self._file = file
        self._on_fault = on_fault
        self._asked: queue.SimpleQueue[tuple[float, Change[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._checkpoints = _Checkpoints(file)
        self._thread = threading.Thread(target=self._run, daemon=True, name="conversations writer")
        self._thread.start()

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

    def _run(self) -> None:
        connection = connect(self._file, writing=True)
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


class _Checkpoints:
    """Move the log's pages into the file from a thread of its own: its fsync would keep an answer's words waiting."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._commits = 0
        self._wanted = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="conversations checkpoints")
        self._thread.start()

    def count(self) -> None:
        self._commits += 1
        if self._commits % _CHECKPOINT_COMMITS == 0:
            self._wanted.set()

    def close(self) -> None:
        self._ending = True
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        connection = connect(self._file, writing=True)
        while self._wanted.wait() and not self._ending:
            self._wanted.clear()
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        connection.close()
