"""Open the draft model that a person chose, if it is of use here. It only saves time: nothing about it fails a load."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

from llama_cpp import llama_cpp as binding

from engine.errors import EngineError, NotEnoughMemory, NotFound, Refused
from engine.events import Event
from engine.runtime.backends.llama.ahead import can_guess
from engine.runtime.backends.llama.draft import Draft, difference
from engine.runtime.backends.llama.memory import available_bytes
from engine.runtime.backends.llama.opening import open_context, open_weights
from engine.runtime.backends.llama.parameters import LoadRequest
from engine.runtime.drafting import DRAFT_CONTEXT_TOKENS, draft_bytes

_HINT = "Choose another draft model in the settings, or none."
_ALL_LAYERS = 999


def open_draft(model: Any, request: LoadRequest) -> Generator[Event, None, Draft]:
    """Return the draft model of ``request``'s options for an open model (its native handle).

    Raises an ``EngineError`` that says why it is of no use here, and then nothing stays open.
    """
    path = Path(request.options.draft)
    _check_file(path, request)
    on_gpu = request.options.gpu_layers > binding.llama_model_n_layer(model)
    asked = replace(request, path=path).with_options(
        context_tokens=DRAFT_CONTEXT_TOKENS, gpu_layers=_ALL_LAYERS if on_gpu else 0, guess_tokens=0, draft=""
    )
    handle = yield from open_weights(asked)
    try:
        if not can_guess(handle):
            raise Refused("It cannot take a wrong guess back: its memory is of another kind.", _HINT)
        if reason := difference(model, handle):
            raise Refused(f"It has another vocabulary: {reason}.", _HINT)
        context = open_context(handle, asked)
    except BaseException:  # GeneratorExit too
        binding.llama_model_free(handle)
        raise
    return Draft(handle, context, asked.options.batch_tokens, request.stop)


def why_not(path: str, error: EngineError) -> str:
    """Say that a model is loaded without its draft model."""
    return f"The draft model {Path(path).name} is not used. {error.message} {error.hint}".strip()


def _check_file(path: Path, request: LoadRequest) -> None:
    if not path.is_file():
        raise NotFound(str(path), hint=_HINT)
    if path.samefile(request.path):
        raise Refused("It is the model itself.", _HINT)
    needed, free = draft_bytes(path), available_bytes()
    if needed > free:
        raise NotEnoughMemory(needed, free, 0)
