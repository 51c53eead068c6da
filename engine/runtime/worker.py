"""The process that runs models: ``python -m engine.runtime.worker``."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import Refused
from engine.events import Event, Finished
from engine.process.child import Handlers, serve
from engine.runtime import registry
from engine.runtime.backends.base import Backend, Counting, Keeping, guessed_tokens
from engine.runtime.options import LoadOptions, Sampling


class Runtime:
    """Hold at most one loaded model."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._backend: Backend | None = None

    def load(self, backend: str, path: str, options: Mapping[str, Any]) -> Iterator[Event]:
        """Load a model in place of the one before."""
        yield from self.unload()
        module, _, name = registry.named(backend).target.partition(":")
        loading: Backend = getattr(importlib.import_module(module), name)(self._stop)
        for event in loading.load(Path(path), LoadOptions(**options)):
            if isinstance(event, Finished):
                self._backend = loading
            yield event

    def generate(
        self,
        messages: Sequence[Mapping[str, Any]],
        sampling: Mapping[str, Any],
        continue_last: bool = False,
        recall: str = "",
    ) -> Iterator[Event]:
        """Answer; ``recall`` is a file where the conversation's KV cache may lie."""
        if self._backend is None:
            raise Refused("No model is loaded.", "Load a model, then ask again.")
        if recall and isinstance(self._backend, Keeping):
            with contextlib.suppress(OSError):
                self._backend.recall(Path(recall))
        yield from self._backend.generate(messages, Sampling.from_record(sampling), continue_last=continue_last)

    def keep(self, file: str) -> Iterator[Event]:
        """Write the KV cache to a file; the value tells whether it is there now."""
        kept = False
        if isinstance(self._backend, Keeping):
            with contextlib.suppress(OSError):
                kept = self._backend.keep(Path(file))
        yield Finished(kept)

    def count(self, messages: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> Iterator[Event]:
        """Count tokens of a prompt and of texts, exactly where the back end can."""
        if self._backend is None:
            raise Refused("No model is loaded.", "Load a model, then ask again.")
        counted = self._backend.count(messages, texts) if isinstance(self._backend, Counting) else None
        if counted:
            yield Finished({"total": counted[0], "texts": counted[1], "exact": True})
        else:
            total = sum(guessed_tokens(message["content"]) for message in messages)
            yield Finished({"total": total, "texts": [guessed_tokens(text) for text in texts], "exact": False})

    def unload(self) -> Iterator[Event]:
        if self._backend is not None:
            loaded, self._backend = self._backend, None
            yield from loaded.unload()


def make_handlers(stop: threading.Event) -> Handlers:
    runtime = Runtime(stop)
    return {
        "load": runtime.load,
        "generate": runtime.generate,
        "count": runtime.count,
        "keep": runtime.keep,
        "unload": runtime.unload,
    }


if __name__ == "__main__":
    serve(make_handlers)
