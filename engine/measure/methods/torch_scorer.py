"""Model folders through PyTorch: logits of the second half of each window, and of nothing else.

The model is opened as for a chat, so that what is scored is what answers: the same kernels, the same types.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.errors import Cancelled, PackageMissing
from engine.events import Event
from engine.measure.options import MeasureOptions
from engine.runtime.options import LoadOptions

BATCH_TOKENS = 512
LOGITS_BYTES = 64 * 1024**2  # of one computation: 64 rows of a vocabulary of 256k
_F32_BYTES = 4


class TorchScorer:
    """One model folder, opened for scoring."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._model: Any = None
        self._rows = 1
        self.vocabulary_size = 0
        self.window_start: int | None = None

    def load(self, path: Path, options: MeasureOptions) -> Iterator[Event]:
        """Raise what loading a model raises."""
        load = LoadOptions(
            options.window_tokens, threads=options.threads, batch_tokens=BATCH_TOKENS, weights_as=options.weights_as
        )
        self._model, _ = yield from open_model(path, load, self._stop)
        self.vocabulary_size = self._model.module.get_output_embeddings().weight.shape[0]
        self.window_start = self._model.vocabulary.begin
        self._rows = max(1, min(options.window_tokens, LOGITS_BYTES // (_F32_BYTES * self.vocabulary_size)))

    def tokens(self, text: str) -> list[int]:
        vocabulary = self._model.vocabulary
        return vocabulary.prompt_tokens(vocabulary.shielded(text))

    def logits(self, window: Sequence[int], first: int) -> Iterator[Any]:
        """Yield copies in memory, at most :data:`LOGITS_BYTES` at once."""
        last = len(window) - 1  # nothing follows the last token, so it is not computed
        start = 0
        while start < last:
            if self._stop.is_set():
                raise Cancelled("The measurement")
            end = min(max(start, first) + self._rows, start + BATCH_TOKENS, last)
            count = end - max(start, first)
            scores = self._model.scores(window[start:end], start, max(count, 1))
            if count > 0:
                yield scores.cpu().numpy()
            start = end

    def close(self) -> None:
        self._model = None


def open_model(path: Path, options: LoadOptions, stop: threading.Event) -> Any:
    """Load as for a chat: a generator that returns the model and what there is to say of it."""
    try:
        from engine.runtime.backends.hf import loading
    except ImportError as error:
        raise PackageMissing(error.name or "torch", "cuda") from error
    return loading.load(path, options, stop)
