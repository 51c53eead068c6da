"""Opens a GGUF model for a look at what it computes: its tokens, and one run over some of them."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.convert.methods.native import NativeLog, library, reason
from engine.errors import NotEnoughMemory, Refused


class Running:
    """A model and its context, both llama.cpp's; made by :func:`opened`."""

    def __init__(self, binding: Any, model: Any, context: Any) -> None:
        self._binding = binding
        self._context = context
        self._vocabulary = binding.llama_model_get_vocab(model)
        self.vocabulary_size: int = binding.llama_vocab_n_tokens(self._vocabulary)
        self.has_encoder = bool(binding.llama_model_has_encoder(model))

    @property
    def begin(self) -> int | None:
        """The token that this model begins a text with, if it has one."""
        binding, vocabulary = self._binding, self._vocabulary
        return binding.llama_vocab_bos(vocabulary) if binding.llama_vocab_get_add_bos(vocabulary) else None

    def tokens(self, text: str) -> list[int]:
        """Return a text's tokens, begun as the model begins a text."""
        data = text.encode()
        room = (self._binding.llama_token * (len(data) + 8))()
        count = self._binding.llama_tokenize(self._vocabulary, data, len(data), room, len(room), True, False)
        return list(room[:count])

    def run(self, tokens: Sequence[int]) -> None:
        """Run the model on tokens from their beginning. All ask for logits: else the last layer computes only one."""
        binding = self._binding
        binding.llama_memory_clear(binding.llama_get_memory(self._context), True)
        batch = binding.llama_batch_init(len(tokens), 0, 1)
        try:
            batch.n_tokens = len(tokens)
            for position, token in enumerate(tokens):
                batch.token[position], batch.pos[position] = token, position
                batch.n_seq_id[position], batch.seq_id[position][0] = 1, 0
                batch.logits[position] = True
            if binding.llama_decode(self._context, batch):
                raise Refused("The model cannot be run on this text.", "Check the model by chatting with it.")
        finally:
            binding.llama_batch_free(batch)

    @property
    def ends(self) -> frozenset[int]:
        """The tokens that end a text."""
        is_end, vocabulary = self._binding.llama_vocab_is_eog, self._vocabulary
        return frozenset(token for token in range(self.vocabulary_size) if is_end(vocabulary, token))

    def is_control(self, token: int) -> bool:
        return bool(self._binding.llama_vocab_is_control(self._vocabulary, token))

    def step(self, tokens: Sequence[int], position: int) -> NDArray[np.float32]:
        """Run one token of each of several sequences at a position; return the scores behind them."""
        binding = self._binding
        if position == 0:
            binding.llama_memory_clear(binding.llama_get_memory(self._context), True)
        batch = binding.llama_batch_init(len(tokens), 0, 1)
        try:
            batch.n_tokens = len(tokens)
            for number, token in enumerate(tokens):
                batch.token[number], batch.pos[number] = token, position
                batch.n_seq_id[number], batch.seq_id[number][0] = 1, number
                batch.logits[number] = True
            if binding.llama_decode(self._context, batch):
                raise Refused("The model cannot write a text.", "Check the model by chatting with it.")
        finally:
            binding.llama_batch_free(batch)
        found = self.logits(len(tokens))
        if found is None:
            raise Refused("This model writes no text.", "Calibrate on the texts that come with Halfbyte.")
        return found

    def text(self, tokens: Sequence[int]) -> str:
        """Return what tokens say."""
        row = (self._binding.llama_token * len(tokens))(*tokens)
        room = bytearray(16 * len(tokens) + 64)
        buffer = (ctypes.c_char * len(room)).from_buffer(room)
        count = self._binding.llama_detokenize(self._vocabulary, row, len(row), buffer, len(room), False, True)
        return bytes(room[: max(count, 0)]).decode("utf-8", "replace")

    def logits(self, count: int) -> NDArray[np.float32] | None:
        """Return the logits of the last run, (``count``, vocabulary), in llama.cpp's own buffer; encoders have none."""
        pointer = self._binding.llama_get_logits(self._context)
        return np.ctypeslib.as_array(pointer, (count, self.vocabulary_size)) if pointer else None


@contextlib.contextmanager
def opened(file: Path, threads: int, tokens: int, callback: Any = None, sequences: int = 1) -> Iterator[Running]:
    """Open a GGUF model on the processor, with a context for one run over ``tokens`` tokens, or ``sequences`` of them.

    ``callback`` is told of every node of the graph (``cb_eval``). Raises :class:`NotEnoughMemory` and what llama.cpp
    has against the model.
    """
    binding = library()
    log = NativeLog(binding)
    parameters = binding.llama_model_default_params()
    parameters.n_gpu_layers = 0
    model = binding.llama_model_load_from_file(os.fsencode(file), parameters)
    if not model:
        raise reason(log.errors, file)
    try:
        context = _context(binding, model, threads, tokens, callback, sequences)
        try:
            yield Running(binding, model, context)
        finally:
            binding.llama_free(context)
    finally:
        binding.llama_model_free(model)


def _context(binding: Any, model: Any, threads: int, tokens: int, callback: Any, sequences: int) -> Any:
    parameters = binding.llama_context_default_params()
    parameters.n_batch = parameters.n_ubatch = tokens
    parameters.n_ctx, parameters.n_seq_max = tokens * sequences, sequences
    parameters.n_threads = parameters.n_threads_batch = threads
    if callback is not None:
        parameters.cb_eval = callback
        parameters.op_offload = False
    context = binding.llama_init_from_model(model, parameters)
    if not context:
        raise NotEnoughMemory(0, 0)
    return context
