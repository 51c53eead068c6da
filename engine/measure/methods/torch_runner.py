"""Model folders in PyTorch, timed as the app runs them: its own loading, its own batches, its own steps."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.events import Event, Finished
from engine.measure.methods.gpu_memory import used_by, used_on_card
from engine.measure.methods.torch_scorer import open_model
from engine.measure.options import MeasureOptions
from engine.runtime.options import LoadOptions, Sampling


class TorchRunner:
    """One model folder, loaded as for a chat."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._model: Any = None
        self._used_before: int | None = None  # of the card, by other programs

    def load(self, path: Path, options: MeasureOptions) -> Iterator[Event]:
        asked = LoadOptions(options.context_tokens, threads=options.threads, weights_as=options.weights_as)
        self._used_before = used_on_card()
        self._model, loaded = yield from open_model(path, asked, self._stop)
        yield Finished(loaded)

    def prompt(self, tokens: int) -> float:
        self._model.cache.tokens.clear()
        started_s = time.perf_counter()
        self._read(self._ids(tokens))
        self._wait()
        return time.perf_counter() - started_s

    def first_token(self, tokens: int) -> float:
        self._model.cache.tokens.clear()
        ids = self._ids(tokens)
        with self._model.sampling(Sampling(temperature=0.0), 0, ids) as steps:
            started_s = time.perf_counter()
            self._read(ids)
            steps.sample()
            return time.perf_counter() - started_s

    def decode(self, tokens: int) -> float:
        """Token after token, each the likeliest: a step that was captured chooses its token on the GPU."""
        self._model.cache.tokens.clear()
        ids = self._ids(1)
        with self._model.sampling(Sampling(temperature=0.0), 0, ids) as steps:
            self._read(ids)
            self._wait()
            started_s = time.perf_counter()
            for _ in range(tokens):
                self._model.follow(steps.sample())
                if self._stop.is_set():
                    break
            self._wait()
            return time.perf_counter() - started_s

    def gpu_bytes(self) -> int | None:
        if not self._on_gpu:
            return None
        import torch  # pyright: ignore[reportMissingImports]

        if own := used_by(os.getpid()):
            return own
        free_bytes, total_bytes = torch.cuda.mem_get_info(self._model.device)
        return max(total_bytes - free_bytes - (self._used_before or 0), 0)

    def close(self) -> None:
        self._model = None

    @property
    def _on_gpu(self) -> bool:
        return self._model.device.type == "cuda"

    def _read(self, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), self._model.batch_tokens):
            if self._stop.is_set():
                return
            self._model.read(ids[start : start + self._model.batch_tokens])

    def _wait(self) -> None:
        if self._on_gpu:
            import torch  # pyright: ignore[reportMissingImports]

            torch.cuda.synchronize(self._model.device)

    def _ids(self, count: int) -> list[int]:
        """Return tokens of which none repeats soon: experts and caches behave as with text."""
        size = self._model.vocabulary.size
        return [(7919 * (index + 1)) % size for index in range(count)]
