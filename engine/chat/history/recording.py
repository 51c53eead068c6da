"""An answer's way to disk while it is being written."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Literal

from engine.chat.conversation import Message
from engine.chat.history import odds as odds_rows
from engine.chat.history.rows import set_message, storable
from engine.chat.history.writer import Writer
from engine.events import Odds

FLUSH_S = 0.1  # at most 0.25 s of what was shown may be lost, the commit and a busy machine included
_RETRY_S = 1.0


class Recording:
    """The journal of one running answer. Nothing here waits for the disk; one thread adds.

    ``fault`` is why the last words could not be written; they are kept and tried again.
    """

    def __init__(self, writer: Writer, node_id: int) -> None:
        self.node_id = node_id
        self.fault: BaseException | None = None
        self._writer = writer
        self._pending: list[tuple[str, str, float | None]] = []
        self._number = 0
        self._flushing = False
        self._finished = False
        self._lock = threading.Lock()

    def add(self, text: str, part: Literal["answer", "thinking"] = "answer", thinking_s: float | None = None) -> None:
        """Take a piece; it is on disk a moment later. ``thinking_s`` is how long the thinking has taken so far."""
        piece = (text, "", thinking_s) if part == "answer" else ("", text, thinking_s)
        with self._lock:
            self._pending.append(piece)
            if self._flushing:
                return
            self._flushing = True
        self._ask(FLUSH_S)

    def finish(self, message: Message, odds: Sequence[Odds] = ()) -> Future[None]:
        """Put the whole answer in place of the journal; ``odds`` are those of the tokens that came."""
        with self._lock:
            self._finished = True
        return self._writer.do(lambda connection: self._settle(connection, message, odds))

    def _settle(self, connection: sqlite3.Connection, message: Message, odds: Sequence[Odds]) -> None:
        set_message(connection, self.node_id, message)
        odds_rows.add(connection, self.node_id, odds)
        connection.execute(
            "UPDATE conversations SET changed_s = ? WHERE id = (SELECT conversation_id FROM messages WHERE id = ?)",
            [time.time(), self.node_id],
        )

    def _ask(self, after_s: float) -> None:
        self._writer.do(self._flush, after_s=after_s).add_done_callback(self._on_flushed)

    def _flush(self, connection: sqlite3.Connection) -> int:
        with self._lock:
            pending = [] if self._finished else list(self._pending)
        if pending:
            content, thinking = (storable("".join(texts)) for texts in list(zip(*pending, strict=True))[:2])
            connection.execute(
                "INSERT INTO pieces VALUES (?, ?, ?, ?, ?)",
                [self.node_id, self._number, content, thinking, _last(seconds for _, _, seconds in pending)],
            )
        return len(pending)

    def _on_flushed(self, done: Future[int]) -> None:
        self.fault = done.exception()
        with self._lock:
            if self.fault is None:
                del self._pending[: done.result()]
                self._number += 1
            self._flushing = bool(self._pending) and not self._finished
            if not self._flushing:
                return
        self._ask(_RETRY_S if self.fault else FLUSH_S)


def _last(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
