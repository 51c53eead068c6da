"""Opens a finished GGUF file as the runtime will: the vocabulary and every weight."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.convert.methods.native import NativeLog, library, reason
from engine.errors import DamagedFile, NotEnoughMemory


def load(file: Path) -> dict[str, int]:
    """Load a model with llama.cpp; return what it counts. Raises what :func:`opened` does."""
    with opened(file) as model:
        return _counts(library(), model, file)


@contextlib.contextmanager
def opened(file: Path) -> Iterator[Any]:
    """Open a model with llama.cpp, for what its header says.

    No memory is taken for the weights, and they are not read: :mod:`engine.convert.methods.verify` has done that.
    Raises :class:`DamagedFile` and :class:`engine.errors.UnsupportedModel`.
    """
    binding = library()
    log = NativeLog(binding)
    parameters = binding.llama_model_default_params()
    parameters.n_gpu_layers = 0
    parameters.load_mode = binding.LLAMA_LOAD_MODE_NONE
    parameters.no_alloc = True
    parameters.use_extra_bufts = False  # no copy in the layout of this processor's kernels
    model = binding.llama_model_load_from_file(os.fsencode(file), parameters)
    if not model:
        if "failed to allocate" in " ".join(log.errors):
            raise NotEnoughMemory(file.stat().st_size, 0)
        raise reason(log.errors, file)
    try:
        yield model
    finally:
        binding.llama_model_free(model)


def _counts(binding: object, model: object, file: Path) -> dict[str, int]:
    vocabulary = binding.llama_model_get_vocab(model)  # type: ignore[attr-defined]
    tokens = binding.llama_vocab_n_tokens(vocabulary)  # type: ignore[attr-defined]
    if not tokens:
        raise DamagedFile(str(file), "a vocabulary", "none")
    return {
        "parameters": binding.llama_model_n_params(model),  # type: ignore[attr-defined]
        "vocabulary": tokens,
    }
