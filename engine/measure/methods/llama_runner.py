"""GGUF models, timed as the app runs them: its own loading, its own batches, its own KV cache."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from llama_cpp import llama_cpp as binding

from engine.events import Event, Finished
from engine.measure.methods.gpu_memory import used_by
from engine.measure.options import MeasureOptions
from engine.runtime.backends.llama import loading, native
from engine.runtime.backends.llama.model import Model
from engine.runtime.options import LoadOptions


class LlamaRunner:
    """One GGUF model, loaded as for a chat."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._model: Model | None = None
        self._free_before = 0
        self._gpu_layers = 0

    def load(self, path: Path, options: MeasureOptions) -> Iterator[Event]:
        native.start()
        self._free_before = _free_bytes()
        asked = LoadOptions(options.context_tokens, options.gpu_layers, options.threads)
        self._model, loaded = yield from loading.load(path, asked, self._stop)
        self._gpu_layers = loaded.gpu_layers
        yield Finished(loaded)

    def prompt(self, tokens: int) -> float:
        self._loaded.cache.clear()
        started_s = time.perf_counter()
        self._read(self._ids(tokens))
        binding.llama_synchronize(self._loaded.context)
        return time.perf_counter() - started_s

    def first_token(self, tokens: int) -> float:
        self._loaded.cache.clear()
        sampler = binding.llama_sampler_init_greedy()
        try:
            started_s = time.perf_counter()
            self._read(self._ids(tokens))
            binding.llama_sampler_sample(sampler, self._loaded.context, -1)
            return time.perf_counter() - started_s
        finally:
            binding.llama_sampler_free(sampler)

    def decode(self, tokens: int) -> float:
        """As llama-bench does (0c1e57098, tools/llama-bench): token after token, none of them sampled."""
        model, ids = self._loaded, self._ids(tokens)
        model.cache.clear()
        started_s = time.perf_counter()
        for token in ids:
            model.follow(token)
            binding.llama_synchronize(model.context)
            if self._stop.is_set():
                break
        return time.perf_counter() - started_s

    def gpu_bytes(self) -> int | None:
        if not self._gpu_layers:
            return None
        return used_by(os.getpid()) or max(self._free_before - _free_bytes(), 0)

    def close(self) -> None:
        if self._model is not None:
            self._model.close()
            self._model = None

    @property
    def _loaded(self) -> Model:
        assert self._model is not None, "load comes first"
        return self._model

    def _read(self, ids: Sequence[int]) -> None:
        model = self._loaded
        with model.cancellable(self._stop):
            for start in range(0, len(ids), model.batch_tokens):
                model.read(ids[start : start + model.batch_tokens])

    def _ids(self, count: int) -> list[int]:
        """Return tokens of which none repeats soon: experts and caches behave as with text."""
        size = self._loaded.vocabulary.size
        return [(7919 * (index + 1)) % size for index in range(count)]


def _free_bytes() -> int:
    return sum(device.free_bytes for device in native.gpus())
