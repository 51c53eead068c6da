"""GGUF models through llama.cpp's low-level interface: logits of the second half of each window, and of nothing else.

Same computation as llama.cpp's own tool (0c1e57098, tools/perplexity/perplexity.cpp).
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from llama_cpp import llama_cpp as binding

from engine.catalog.facts import read_facts
from engine.errors import Cancelled
from engine.events import Event
from engine.measure.options import MeasureOptions
from engine.runtime.backends.llama import faults, native
from engine.runtime.backends.llama.fit import layers_that_fit
from engine.runtime.backends.llama.memory import available_bytes
from engine.runtime.backends.llama.opening import check, failure, open_weights
from engine.runtime.backends.llama.parameters import LoadRequest, checked, context_params
from engine.runtime.options import LoadOptions

BATCH_TOKENS = 512
LOGITS_BYTES = 64 * 1024**2  # of one computation: 64 rows of a vocabulary of 256k
_F32_BYTES = 4
_ABORTED = 2  # llama.h, llama_decode
_LAST_LINES = 10


class LlamaScorer:
    """One GGUF model, opened for scoring."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._model: Any = None
        self._context: Any = None
        self._vocab: Any = None
        self._callback: Any = None
        self._rows = 1
        self.vocabulary_size = 0
        self.window_start: int | None = None

    def load(self, path: Path, options: MeasureOptions) -> Iterator[Event]:
        """Raise what loading a model raises."""
        native.start().clear()
        load = LoadOptions(options.window_tokens, options.gpu_layers, options.threads, BATCH_TOKENS)
        request = LoadRequest(path, checked(load), self._stop, native.gpus())
        if options.gpu_layers < 0:
            fit = layers_that_fit(read_facts(path), request.options, request.devices) if request.devices else 0
            request = request.with_options(gpu_layers=fit)
        self._model = yield from self._open(request)

    def _open(self, request: LoadRequest) -> Generator[Event, None, Any]:
        model = yield from open_weights(request)
        try:
            check(model)
            self._vocab = binding.llama_model_get_vocab(model)
            self.vocabulary_size = binding.llama_vocab_n_tokens(self._vocab)
            window_tokens = request.options.context_tokens
            self._rows = max(1, min(window_tokens, LOGITS_BYTES // (_F32_BYTES * self.vocabulary_size)))
            self._context = self._open_context(model, request)
        except BaseException:
            binding.llama_model_free(model)
            raise
        if binding.llama_vocab_get_add_bos(self._vocab):
            self.window_start = int(binding.llama_vocab_bos(self._vocab))  # type: ignore[arg-type]
        self._callback = binding.ggml_abort_callback(lambda _: self._stop.is_set())
        binding.llama_set_abort_callback(self._context, self._callback, ctypes.c_void_p())
        return model

    def _open_context(self, model: Any, request: LoadRequest) -> Any:
        params = context_params(request, request.options.context_tokens)
        params.n_outputs_max = self._rows
        context = binding.llama_init_from_model(model, params)
        if not context:
            raise failure(request, model)
        return context

    def tokens(self, text: str) -> list[int]:
        data = text.encode("utf-8", "replace")
        room = len(data) + 2
        ids = (binding.llama_token * room)()
        count = binding.llama_tokenize(self._vocab, data, len(data), ids, room, True, False)
        if count < 0:
            ids = (binding.llama_token * -count)()
            count = binding.llama_tokenize(self._vocab, data, len(data), ids, -count, True, False)
        return ids[:count]

    def logits(self, window: Sequence[int], first: int) -> Iterator[Any]:
        """Yield views of llama.cpp's own buffer, at most :data:`LOGITS_BYTES` at once."""
        memory: Any = binding.llama_get_memory(self._context)
        binding.llama_memory_clear(memory, False)
        last = len(window) - 1  # nothing follows the last token, so it is not computed
        start = 0
        while start < last:
            end = min(max(start, first) + self._rows, start + BATCH_TOKENS, last)
            self._decode(window, start, end, first)
            if (count := end - max(start, first)) > 0:
                yield np.ctypeslib.as_array(binding.llama_get_logits(self._context), (count, self.vocabulary_size))
            start = end

    def _decode(self, window: Sequence[int], start: int, end: int, first: int) -> None:
        batch = binding.llama_batch_init(end - start, 0, 1)
        try:
            batch.n_tokens = end - start
            for index in range(end - start):
                batch.token[index] = window[start + index]
                batch.pos[index] = start + index
                batch.n_seq_id[index] = 1
                batch.seq_id[index][0] = 0
                batch.logits[index] = start + index >= first
            status = binding.llama_decode(self._context, batch)
        finally:
            binding.llama_batch_free(batch)
        if status == _ABORTED or self._stop.is_set():
            raise Cancelled("The measurement")
        if status:
            raise faults.explain_computing(native.start().lines[-_LAST_LINES:], status, available_bytes())
        binding.llama_synchronize(self._context)

    def close(self) -> None:
        if self._model:
            binding.llama_free(self._context)
            binding.llama_model_free(self._model)
            self._model = self._context = None
