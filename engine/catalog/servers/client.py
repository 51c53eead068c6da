"""Asks one server: for its list of models, and for the stream of an answer.

Redirects are refused, so that the key stays with the address it was given for. No connection is kept open between two
questions: servers end idle ones, which would look like a fault.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine import __version__
from engine.catalog.servers.address import host_of, leaves_machine
from engine.catalog.servers.faults import not_openai, refusal, unreachable
from engine.catalog.servers.listing import Server

if TYPE_CHECKING:
    import httpx2

OnSocket = Callable[[Any], None]
CONNECT_S = 10.0
LIST_S = 15.0
LIST_LIMIT_BYTES = 8 << 20
ANSWER_LIMIT_BYTES = 128 << 20  # the probabilities of a whole vocabulary of 256k tokens, as JSON


@dataclass(frozen=True, slots=True)
class Served:
    """A model as a server lists it. ``context_tokens`` and ``trained_context`` are 0 where it does not say.

    ``owner`` tells llama.cpp's server (``llamacpp``) and vLLM (``vllm``) from others.
    """

    name: str
    owner: str = ""
    context_tokens: int = 0
    trained_context: int = 0


class ServerClient:
    """Asks one server. Close it when done; several threads may use it."""

    def __init__(self, server: Server, key: str = "", *, connect_s: float = CONNECT_S) -> None:
        import httpx2

        headers = {"user-agent": f"halfbyte/{__version__}", "accept-encoding": "identity"}
        if key:
            headers["authorization"] = f"Bearer {key}"
        self.server = server
        self.host = host_of(server.url)
        self._client = httpx2.Client(
            headers=headers,
            timeout=httpx2.Timeout(LIST_S, connect=connect_s),
            limits=httpx2.Limits(max_keepalive_connections=0),
            trust_env=leaves_machine(server.url),  # what goes to this machine goes through no proxy
        )

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> ServerClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def models(self) -> tuple[Served, ...]:
        """Return what the server lists. Raises :class:`Offline`, :class:`Refused`."""
        with self._sent("GET", "/models", "", None) as response:
            body = self._body(response, LIST_LIMIT_BYTES, "its list of models has no end")
        try:
            listed = json.loads(body)["data"]
            return tuple(_served(entry) for entry in listed if isinstance(entry["id"], str))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise not_openai(self.host, "it has no list of models") from None

    def ask(self, path: str, model: str, asked: Mapping[str, Any], *, patient: bool = True) -> Any:
        """Return the JSON that a call of the server's own answers. Raises as :meth:`answering`.

        ``patient``: it may take as long as it likes, else as long as a list of models.
        """
        with self._sent("POST", path, model, asked, (lambda _: None) if patient else None) as response:
            body = self._body(response, ANSWER_LIMIT_BYTES, "its answer has no end")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise not_openai(self.host, "its answer is no JSON") from None

    def _body(self, response: httpx2.Response, limit_bytes: int, complaint: str) -> bytes:
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > limit_bytes:
                raise not_openai(self.host, complaint)
        return bytes(body)

    @contextlib.contextmanager
    def answering(self, asked: Mapping[str, Any], on_socket: OnSocket) -> Iterator[httpx2.Response]:
        """Open the stream of an answer; the block reads it, and may wait as long as it likes.

        ``on_socket`` gets the connection's socket before anything is answered, to end a wait from another thread.
        Raises :class:`Offline`, :class:`NotFound`, :class:`Refused`, :class:`ContextTooLong`.
        """
        with self._sent("POST", "/chat/completions", str(asked.get("model", "")), asked, on_socket) as response:
            kind = response.headers.get("content-type", "nothing")
            if not kind.startswith("text/event-stream"):
                raise not_openai(self.host, f"it sends {kind.partition(';')[0]} and no stream")
            yield response

    @contextlib.contextmanager
    def _sent(
        self, method: str, path: str, model: str, asked: Any, on_socket: OnSocket | None = None
    ) -> Iterator[httpx2.Response]:
        import httpx2

        waits = httpx2.Timeout(None, connect=self._client.timeout.connect) if on_socket else self._client.timeout
        watched = {"trace": _tracing(on_socket)} if on_socket else {}
        url = self.server.url + path
        try:
            with self._client.stream(method, url, json=asked, timeout=waits, extensions=watched) as response:
                if response.status_code != 200:
                    raise refusal(response, model)
                yield response
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise unreachable(error, self.host) from error


def _tracing(on_socket: OnSocket) -> Callable[[str, Mapping[str, Any]], None]:
    """Return a trace (httpcore's extension of that name) that tells each new connection's socket."""

    def trace(event: str, told: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            on_socket(told["return_value"].get_extra_info("socket"))

    return trace


def _served(entry: Mapping[str, Any]) -> Served:
    """Read one entry.

    Sources: llama.cpp 0c1e57098, tools/server/server-context.cpp (``meta``); vLLM 0.33.0, entrypoints/openai/models;
    Ray 2.60.0, as it answered (``metadata``), whose engine is vLLM.
    """
    meta, rays = _table(entry.get("meta")), _count(_table(entry.get("metadata")).get("max_request_context_length"))
    context = _count(meta.get("n_ctx")) or _count(entry.get("max_model_len")) or rays
    owner = "vllm" if rays else str(entry.get("owned_by") or "")
    return Served(entry["id"], owner, context, _count(meta.get("n_ctx_train")) or context)


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
