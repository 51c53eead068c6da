"""Server-sent events as they arrive, and what a chunk of an answer says.

Source: WHATWG HTML, section 9.2 (server-sent events); OpenAI's API reference, the chat completion chunk object.
"""

from __future__ import annotations

import json
import math
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.errors import Cancelled, EngineError, Offline
from engine.events import Odds
from engine.quantities import duration

if TYPE_CHECKING:
    import httpx2

OpenResponse = Callable[[Callable[[Any], None]], AbstractContextManager["httpx2.Response"]]
LINE_LIMIT = 4 << 20
WAIT_STEP_S = 0.05  # how often a wait looks for a cancel
END = "[DONE]"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may be silent: before the first piece of an answer (it reads the prompt), and between two."""

    first_s: float = 600.0
    between_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one event says. ``read`` is (tokens of the prompt, of them cached, processed so far) where it is told."""

    answer: str = ""
    thinking: str = ""
    finish_reason: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    timings: Mapping[str, Any] = field(default_factory=dict)
    read: tuple[int, int, int] | None = None
    error: Any = None
    odds: tuple[Odds, ...] = ()


class Incoming:
    """The data of a response's events, read in a thread of its own, so that every wait can be cancelled and has an end.

    ``open_response`` opens the connection, in that thread, and tells its socket. ``limit_s`` is how long a silence may
    be; whoever reads may change it on the way.
    """

    def __init__(self, open_response: OpenResponse, host: str, limit_s: float) -> None:
        self.limit_s = limit_s
        self._open = open_response
        self._host = host
        self._box: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()
        self._socket: Any = None
        self._closed = False
        threading.Thread(target=self._read, daemon=True, name="answer").start()

    def data(self, stop: threading.Event) -> Iterator[str]:
        """Yield what each event carries; an empty string for a comment that only shows that the server lives.

        Raises what opening does, :class:`Cancelled`, and :class:`Offline` if nothing comes for too long.
        """
        while (data := self._next(stop)) is not None:
            yield data

    def hang_up(self) -> None:
        """End the connection, which ends the work on the other side; the thread that reads wakes up from it."""
        self._closed = True
        if self._socket is not None:
            with suppress(OSError):
                # The plain socket's own method: that of a TLS socket is not meant for another thread.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _next(self, stop: threading.Event) -> str | None:
        until_s = time.monotonic() + self.limit_s
        while True:
            try:
                item = self._box.get(timeout=WAIT_STEP_S)
            except queue.Empty:
                if stop.is_set():
                    raise Cancelled("The answer") from None
                if time.monotonic() > until_s:
                    raise Offline(self._host, f"nothing came for {duration(self.limit_s)}") from None
                continue
            if isinstance(item, BaseException):
                raise item
            return item

    def _read(self) -> None:
        try:
            with self._open(self._connected) as response:
                for data in events_in(response.iter_bytes()):
                    self._box.put(data)
            self._box.put(None)
        except BaseException as error:  # handed over to the thread that waits
            self._box.put(error)

    def _connected(self, line: Any) -> None:
        self._socket = line
        if self._closed:
            self.hang_up()


def events_in(pieces: Iterator[bytes]) -> Iterator[str]:
    """Yield the data of each event, wherever pieces and lines break; an empty string for each comment."""
    held, data = b"", []
    for piece in pieces:
        held += piece
        if len(held) > LINE_LIMIT:
            raise Offline("The server", "it sends a line without end")
        *lines, held = held.replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r")
            if text.startswith(":"):
                yield ""
            elif text.startswith("data:"):
                data.append(text[5:].removeprefix(" "))
            elif not text and data:
                yield "\n".join(data)
                data = []
    if data:
        yield "\n".join(data)


def chunk_of(data: str) -> Chunk | None:
    """Return what an event says; ``None`` for what is no JSON object. What has not the right type counts as absent."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    choices = value.get("choices")
    choice = _mapping(choices[0]) if isinstance(choices, list) and choices else {}
    delta = _mapping(choice.get("delta"))
    return Chunk(
        _text(delta.get("content")),
        _text(delta.get("reasoning_content")) or _text(delta.get("reasoning")),
        _text(choice.get("finish_reason")),
        _mapping(value.get("usage")),
        _mapping(value.get("timings")),
        _progress(_mapping(value.get("prompt_progress"))),
        value.get("error"),
        _odds(_mapping(choice.get("logprobs")).get("content")),
    )


def _progress(told: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """Read llama.cpp's ``prompt_progress`` (0c1e57098, tools/server/server-task.cpp)."""
    counts = [told.get(name) for name in ("total", "cache", "processed")]
    total, cached, processed = (count if isinstance(count, int) else -1 for count in counts)
    return (total, cached, processed) if 0 <= cached <= total >= processed >= 0 else None


def _odds(told: Any) -> tuple[Odds, ...]:
    """Read OpenAI's ``logprobs.content``; what has not its form tells nothing."""
    found = []
    for entry in told if isinstance(told, list) else ():
        own, others = _odd(entry), _mapping(entry).get("top_logprobs")
        if own:
            top = [odd for other in (others if isinstance(others, list) else ()) if (odd := _odd(other))]
            found.append(Odds(*own, tuple(top)))
    return tuple(found)


def _odd(entry: Any) -> tuple[str, float] | None:
    text, logprob = _mapping(entry).get("token"), _mapping(entry).get("logprob")
    if not isinstance(text, str) or isinstance(logprob, bool) or not isinstance(logprob, int | float):
        return None
    return (text, float(logprob)) if math.isfinite(logprob) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def raised(error: EngineError | None, host: str) -> EngineError:
    """Return what a server's error within a stream is raised as."""
    return error or Offline(host, "it reports an error without a reason")
