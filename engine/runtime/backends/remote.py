"""The remote back end: a model on a server that speaks OpenAI's protocol is one more place to run a conversation.

Nothing is computed here, and what is asked leaves this process over HTTP: :class:`Loaded` says where to.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.catalog.servers.address import is_readable_on_the_way
from engine.catalog.servers.client import Served, ServerClient
from engine.catalog.servers.faults import not_openai, said_error
from engine.catalog.servers.keys import ServerKeys
from engine.catalog.servers.listing import RemoteModel, read_model
from engine.errors import EngineError, NotFound, Offline, Refused
from engine.events import Event, Finished, Notice, Progress
from engine.runtime.backends.remote_answer import RemoteAnswer
from engine.runtime.backends.remote_count import PromptCounter
from engine.runtime.backends.remote_request import PLAIN, Dialect, body_of, dialect_of, told_messages
from engine.runtime.backends.remote_stream import END, Chunk, Incoming, Patience, chunk_of, raised
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.results import Loaded

STRANGE_LIMIT = 5  # events in a row that say nothing before the server is not believed


class Remote:
    """One model on one server."""

    patience = Patience()

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._client: ServerClient | None = None
        self._counter: PromptCounter | None = None
        self._model = ""
        self._context_tokens = 0  # of the server, 0 where it does not say
        self._dialect: Dialect = PLAIN

    def load(self, path: Path, options: LoadOptions) -> Iterator[Event]:
        """Reach the server and look for the model there."""
        started_s = time.perf_counter()
        yield Progress("load", 0, 1, "steps")
        remote = read_model(path)
        yield from _warnings(remote)
        server = remote.server
        key = ServerKeys().find(server.name, server.url)
        self._client = ServerClient(server, key)
        served = _listed(self._client, remote.model)
        self._model, self._dialect = remote.model, dialect_of(served.owner)
        self._context_tokens = served.context_tokens
        if self._dialect.counts:
            self._counter = PromptCounter(server, key, remote.model)
        if self._dialect is PLAIN:
            yield Notice("This server is not asked for top K, min P and repeat penalty: OpenAI's protocol lacks them.")
        context = served.context_tokens or options.context_tokens
        where = f"on {self._client.host}" if server.leaves_machine else "on this machine"
        yield Finished(
            Loaded(
                backend="remote",
                model_name=remote.model,
                architecture=self._dialect.title,
                context_tokens=context,
                trained_context=served.trained_context or context,
                layers=0,
                gpu_layers=0,
                threads=0,
                load_s=time.perf_counter() - started_s,
                template_known=True,
                device=f"server “{server.name}” {where}",
                sends_to=self._client.host if server.leaves_machine else "",
            )
        )

    def generate(
        self, messages: Sequence[Mapping[str, Any]], sampling: Sampling, *, continue_last: bool = False
    ) -> Iterator[Event]:
        client = self._client
        if client is None:
            raise Refused("No server is connected.", "Load the model, then ask again.")
        seed = sampling.seed if sampling.seed >= 0 else secrets.randbits(31)
        body = body_of(self._dialect, self._model, messages, sampling, seed, continue_last=continue_last)
        if 0 < self._context_tokens <= sampling.max_tokens:
            del body["max_tokens"]  # vLLM refuses what its window cannot hold; without a limit the window is the limit
        answer = RemoteAnswer(sampling, seed, goes_on=continue_last and bool(messages[-1]["content"]))
        incoming = Incoming(lambda tell: client.answering(body, tell), client.host, self.patience.first_s)
        try:
            for chunk in self._chunks(incoming, client.host):
                yield from answer.take(chunk)
                if answer.stopped:
                    break
        finally:
            incoming.hang_up()
        if not (answer.stopped or answer.reason):
            raise Offline(client.host, "the connection broke off in the middle of the answer. What came is kept")
        yield from answer.rest()
        yield Finished(answer.usage())

    def count(self, messages: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> tuple[int, list[int]] | None:
        if self._counter is None:
            return None
        return self._counter.count(told_messages(self._dialect, messages), texts)

    def unload(self) -> Iterator[Event]:
        if self._counter is not None:
            self._counter.close()
            self._counter = None
        if self._client is not None:
            client, self._client = self._client, None
            client.close()
        return iter(())

    def _chunks(self, incoming: Incoming, host: str) -> Iterator[Chunk]:
        strange = 0
        for data in incoming.data(self._stop):
            if data == END:
                return
            chunk = chunk_of(data) if data else Chunk()
            strange = strange + 1 if chunk is None else 0
            if strange == STRANGE_LIMIT:
                raise not_openai(host, "its stream is not made of JSON objects")
            if chunk is None:
                continue
            if chunk.error is not None:
                raise raised(said_error(chunk.error, host), host)
            if chunk.answer or chunk.thinking:
                incoming.limit_s = self.patience.between_s
            yield chunk


def _warnings(remote: RemoteModel) -> Iterator[Event]:
    server = remote.server
    if server.leaves_machine:
        yield Notice(f"What you write leaves this machine: it goes to {server.url}.", "warning")
    if is_readable_on_the_way(server.url):
        yield Notice("The connection is not encrypted: others on the network could read it.", "warning")


def _listed(client: ServerClient, model: str) -> Served:
    """Return the model's entry. Raises :class:`NotFound` with the names there are.

    A server without a list of models may still answer: that shows with the first question.
    """
    try:
        listed = client.models()
    except NotFound:
        return Served(model)
    except EngineError:
        client.close()
        raise
    for served in listed:
        if served.name == model:
            return served
    if not listed:
        return Served(model)
    names = ", ".join(served.name for served in listed[:8])
    client.close()
    raise NotFound(f"The model “{model}”", client.host, f"There are: {names}.")
