"""A model on llama.cpp's own server, scored and timed through its native calls (llama.cpp 0c1e57098, tools/server).

OpenAI's protocol tells nothing about the tokens of a prompt (``echo`` is refused by this server). ``/completion`` does:
behind each prefix of a text it gives as many of the likeliest next tokens as are asked for, and here that is all of
the vocabulary, so that perplexity and divergence are whole and not those of the first few. It is slow: some megabytes
of JSON for each scored token.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.catalog.servers.client import ServerClient
from engine.catalog.servers.faults import not_openai
from engine.catalog.servers.keys import ServerKeys
from engine.catalog.servers.listing import Server, read_model
from engine.errors import Cancelled, NotFound, UnsupportedModel
from engine.events import Event, Finished, Progress
from engine.measure.options import MeasureOptions
from engine.runtime.results import Loaded

ALL = 1 << 20  # more tokens than any vocabulary has: the server gives what it has
LEAST_LOG = -60.0  # where a probability is written as zero
_OWNER = "llamacpp"


class RemoteModel:
    """What scoring and timing share: one model on one server."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._client: ServerClient | None = None
        self._name = ""

    def _connect(self, path: Path) -> tuple[Server, int]:
        """Return the server and its context in tokens. Raises :class:`UnsupportedModel` for other programs."""
        remote = read_model(path)
        server, self._name = remote.server, remote.model
        key = ServerKeys().find(server.name, server.url)
        with ServerClient(server, key) as asked:
            served = next((row for row in asked.models() if row.name == remote.model), None)
        if served is None:
            raise NotFound(f"The model “{remote.model}”", server.name)
        if served.owner != _OWNER:
            reason = "it does not tell how likely each token of a text is. llama.cpp's server does."
            raise UnsupportedModel(remote.model, f"the server “{server.name}”", reason)
        self._client = ServerClient(Server(server.name, server.url.removesuffix("/v1")), key)
        return server, served.context_tokens

    def _completion(self, prompt: Sequence[int], **more: Any) -> dict[str, Any]:
        """Ask for what follows a prompt, its sampling as plain as can be."""
        if self._stop.is_set():
            raise Cancelled("The measurement")
        asked = {"model": self._name, "prompt": list(prompt), "samplers": [], "temperature": 1.0, **more}
        found = self._asked("/completion", asked)
        if not isinstance(found, dict):
            raise not_openai(self._opened.host, "its answer is no JSON object")
        return found

    def _asked(self, path: str, body: Any) -> Any:
        return self._opened.ask(path, self._name, body)

    @property
    def _opened(self) -> ServerClient:
        assert self._client is not None, "load comes first"
        return self._client

    def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            client.close()


class RemoteScorer(RemoteModel):
    """Scores a text: one request for each token, the prefix before it still in the server's cache."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(stop)
        self.vocabulary_size = 0
        self.window_start: int | None = None

    def load(self, path: Path, options: MeasureOptions) -> Iterator[Event]:
        yield Progress("load", 0, 1, "steps")
        _, context_tokens = self._connect(path)
        if context_tokens and context_tokens < options.window_tokens:
            reason = f"its context of {context_tokens:,} tokens is smaller than a window of {options.window_tokens:,}."
            raise UnsupportedModel(self._name, "this server", reason)
        self.window_start = next(iter(self.tokens("")), None)  # what it puts before a text
        self.vocabulary_size = len(self._row(self.tokens("a")))

    def tokens(self, text: str) -> list[int]:
        body = {"content": text, "add_special": True, "parse_special": False}
        return [int(token) for token in self._asked("/tokenize", body)["tokens"]]

    def logits(self, window: Sequence[int], first: int) -> Iterator[Any]:
        for end in range(first + 1, len(window)):
            yield self._row(window[:end])[np.newaxis]

    def _row(self, prompt: Sequence[int]) -> Any:
        """Return the logarithms of all probabilities behind a prompt: logits, but for what they all share."""
        found = self._completion(prompt, n_predict=1, n_probs=ALL, cache_prompt=True)
        try:
            pairs = found["completion_probabilities"][0]["top_logprobs"]
            row = np.full(max(self.vocabulary_size, len(pairs)), LEAST_LOG, np.float32)
            row[[pair["id"] for pair in pairs]] = [max(pair["logprob"], LEAST_LOG) for pair in pairs]
        except (KeyError, IndexError, TypeError) as error:
            raise not_openai(self._opened.host, "it does not tell how likely tokens are") from error
        return row


class RemoteRunner(RemoteModel):
    """Times a server: its own clocks for the rates, ours for the first token and with it the way to the server."""

    def load(self, path: Path, options: MeasureOptions) -> Iterator[Event]:
        started_s = time.perf_counter()
        server, context_tokens = self._connect(path)
        context = context_tokens or options.context_tokens
        load_s = time.perf_counter() - started_s
        device = f"server “{server.name}”"
        yield Finished(
            Loaded("remote", self._name, _OWNER, context, context, 0, 0, 0, load_s, template_known=True, device=device)
        )

    def prompt(self, tokens: int) -> float:
        return self._timings(tokens, 1)["prompt_ms"] / 1000

    def first_token(self, tokens: int) -> float:
        started_s = time.perf_counter()
        self._timings(tokens, 1)
        return time.perf_counter() - started_s

    def decode(self, tokens: int) -> float:
        """Return the seconds for so many tokens; the server's clock begins with the first, which the prompt made."""
        found = self._timings(1, tokens + 1)
        return found["predicted_ms"] / 1000 * tokens / max(found["predicted_n"] - 1, 1)

    def gpu_bytes(self) -> None:
        return None

    def _timings(self, prompt_tokens: int, answer_tokens: int) -> dict[str, float]:
        prompt = [7919 * (index + 1) % 30_000 for index in range(prompt_tokens)]
        found = self._completion(prompt, n_predict=answer_tokens, cache_prompt=False, ignore_eos=True)
        try:
            return {name: float(found["timings"][name]) for name in ("prompt_ms", "predicted_ms", "predicted_n")}
        except (KeyError, TypeError, ValueError) as error:
            raise not_openai(self._opened.host, "it does not tell how long it took") from error
