"""Open a model's weights and its context, and say why if they cannot be."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from llama_cpp import llama_cpp as binding

from engine.errors import Cancelled, EngineError, UnsupportedModel
from engine.events import Event
from engine.pace import Pace
from engine.runtime.backends.llama import faults, native
from engine.runtime.backends.llama.memory import available_bytes
from engine.runtime.backends.llama.parameters import LoadRequest, context_params, model_params

_LEAST_CONTEXT = 256


def open_weights(request: LoadRequest) -> Generator[Event, None, Any]:
    """Load the weights in a thread, so that what goes to a GPU can be told; return the native handle."""
    fractions: SimpleQueue[float | None] = SimpleQueue()

    def on_progress(fraction: float, _: Any) -> bool:
        fractions.put(fraction)
        return not request.stop.is_set()

    callback = binding.llama_progress_callback(on_progress)
    params = model_params(request)
    params.progress_callback = callback
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(binding.llama_model_load_from_file, os.fsencode(request.path), params)
        loading.add_done_callback(lambda _: fractions.put(None))
        try:
            if request.options.gpu_layers:
                yield from _uploading(fractions, sum(part.stat().st_size for part in request.parts))
            handle = loading.result()
        except GeneratorExit:
            _free_result(loading)
            raise
    if handle:
        return handle
    raise Cancelled("Loading the model") if request.stop.is_set() else failure(request)


def _uploading(fractions: SimpleQueue[float | None], size: int) -> Generator[Event]:
    pace, shown = Pace("load", size), 0.0
    while (fraction := fractions.get()) is not None:
        if fraction - shown >= 0.01:
            shown = fraction
            yield pace.at(fraction * size)


def _free_result(loading: Future[Any]) -> None:
    if handle := loading.result():
        binding.llama_model_free(handle)


def open_context(handle: Any, request: LoadRequest) -> Any:
    """Allocate the KV cache and the compute buffers of a model; return the context's native handle."""
    context = binding.llama_init_from_model(handle, context_params(request, request.options.context_tokens))
    if not context:
        raise failure(request, handle)
    if not binding.llama_get_causal_attn(context):
        binding.llama_free(context)
        raise unsupported(handle, "it makes embeddings, not text.")
    return context


def check(handle: Any) -> None:
    """Refuse a model that cannot chat, as far as its weights tell."""
    reasons = {
        "it has no decoder: it makes embeddings, not text.": not binding.llama_model_has_decoder(handle),
        "it has an encoder, which the chat cannot use yet.": binding.llama_model_has_encoder(handle),
        "it writes by diffusion, which the chat cannot use yet.": binding.llama_model_is_diffusion(handle),
    }
    if reason := next((reason for reason, holds in reasons.items() if holds), None):
        raise unsupported(handle, reason)


def unsupported(handle: Any, reason: str) -> UnsupportedModel:
    return UnsupportedModel(metadata(handle, "general.architecture"), faults.BACKEND, reason)


def failure(request: LoadRequest, handle: Any = None) -> EngineError:
    """Return the error that the log tells of; ``handle`` is the model's if only its context failed."""
    lines = list(native.start().lines)
    return faults.explain(
        lines,
        faults.Failure(
            str(request.path),
            sum(part.stat().st_size for part in request.parts),
            free_bytes=available_bytes(),
            gpu_free_bytes=sum(device.free_bytes for device in request.devices),
            architecture=metadata(handle, "general.architecture") if handle else faults.architecture(lines),
            largest_context=_largest_context(handle, request) if handle else 0,
        ),
    )


def _largest_context(handle: Any, request: LoadRequest) -> int:
    """Return the largest window, halved until one can really be had."""
    context_tokens = request.options.context_tokens // 2
    while context_tokens >= _LEAST_CONTEXT:
        if context := binding.llama_init_from_model(handle, context_params(request, context_tokens)):
            binding.llama_free(context)
            return context_tokens
        context_tokens //= 2
    return 0


def metadata(handle: Any, key: str) -> str:
    """Return a value of the model file's metadata as text, "" if it has none."""
    buffer: Any = ctypes.create_string_buffer(256)
    count = binding.llama_model_meta_val_str(handle, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if count >= 0 else ""
