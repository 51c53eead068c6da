"""Open a model: read the file, decide what goes to the GPU, allocate, and say why if it cannot be."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from llama_cpp import llama_cpp as binding

from engine.errors import Cancelled, EngineError, NotFound, Refused, UnsupportedModel
from engine.events import Event, Notice
from engine.machine import cpu
from engine.machine.sources import Live, Unavailable
from engine.pace import Pace
from engine.runtime.backends.llama import faults, native
from engine.runtime.backends.llama.fit import layers_that_fit
from engine.runtime.backends.llama.memory import available_bytes
from engine.runtime.backends.llama.model import Model
from engine.runtime.options import CACHE_TYPES, LoadOptions
from engine.runtime.results import Loaded

_READ_BYTES = 8 * 1024**2
_LEAST_CONTEXT = 256


@dataclass(frozen=True, slots=True)
class _Request:
    """What is to be loaded and how, with nothing left to choose."""

    path: Path
    options: LoadOptions
    stop: threading.Event
    devices: tuple[native.GpuDevice, ...]
    threads: int


def load(path: Path, options: LoadOptions, stop: threading.Event) -> Generator[Event, None, tuple[Model, Loaded]]:
    """Yield progress and notices; return the open model and what there is to say of it.

    Raises ``NotFound``, ``DamagedFile``, ``UnsupportedModel``, ``NotEnoughMemory``, ``Refused`` or ``Cancelled``, and
    then nothing stays open.
    """
    started_s = time.perf_counter()
    log = native.start()
    log.clear()
    request = _Request(path, options, stop, native.gpus(), options.threads or usable_threads())
    yield from _read_file(request)
    request = replace(request, options=replace(options, gpu_layers=_gpu_layers(request)))
    log.clear()
    handle = yield from _open(request)
    try:
        notice = _check(handle, request)
        if notice:
            yield notice
        request = replace(request, options=replace(request.options, context_tokens=_context_tokens(handle, options)))
        model = Model(handle, _open_context(handle, request), options.batch_tokens)
    except BaseException:
        binding.llama_model_free(handle)
        raise
    try:
        model.warm_up()
        if not model.template_known:
            text = f"{model.template_complaint} A plain one is used: answers may be worse than the model can give."
            yield Notice(text, "warning")
    except BaseException:
        model.close()
        raise
    return model, _describe(handle, model, request, time.perf_counter() - started_s)


def usable_threads() -> int:
    """Return the physical cores that this process may use; of two kinds of core only the fast ones.

    Threads wait for the slowest of them after each operation of the graph.
    """
    try:
        found = cpu.read(Live())
    except Unavailable:
        return 1
    return min(found.usable_physical_cores, found.performance_cores or found.usable_physical_cores)


def _read_file(request: _Request) -> Generator[Event]:
    """Read the file once, in order: the model is then mapped from memory, and there is progress to show."""
    try:
        size = request.path.stat().st_size
        with request.path.open("rb", buffering=0) as file:
            pace, done, buffer = Pace("load", size), 0, bytearray(_READ_BYTES)
            if size > available_bytes() and not request.devices:
                yield Notice("The model is larger than the free memory: it will be slow.", "warning")
                return
            while count := file.readinto(buffer):
                done += count
                yield pace.at(done)
                if request.stop.is_set():
                    raise Cancelled("Loading the model")
    except FileNotFoundError as error:
        raise NotFound(str(request.path)) from error
    except OSError as error:
        raise Refused(f"{request.path} cannot be read: {error.strerror}.", "Check who may read the file.") from error


def _gpu_layers(request: _Request) -> int:
    wanted = request.options.gpu_layers
    if wanted >= 0 or not request.devices:
        return max(wanted, 0)
    layers = 0

    def measure(count: int) -> faults.Buffers:
        nonlocal layers
        layers, buffers = _measure(request, count)
        return buffers

    measure(0)
    return layers_that_fit(layers, request.devices, measure)


def _measure(request: _Request, gpu_layers: int) -> tuple[int, faults.Buffers]:
    """Return the model's layers and the buffers that loading it so would take, without allocating them."""
    log = native.start()
    log.clear()
    params = _model_params(gpu_layers)
    params.no_alloc = True
    params.load_mode = binding.LLAMA_LOAD_MODE_NONE
    handle = binding.llama_model_load_from_file(os.fsencode(request.path), params)
    if not handle:
        raise _failure(request)
    try:
        layers = binding.llama_model_n_layer(handle)
        context_tokens = _context_tokens(handle, request.options)
        context = binding.llama_init_from_model(handle, _context_params(request, context_tokens))
        if not context:
            raise _failure(request, handle)
        binding.llama_free(context)
        return layers, faults.buffers(log.lines)
    finally:
        binding.llama_model_free(handle)


def _open(request: _Request) -> Generator[Event, None, Any]:
    """Load the weights in a thread, so that its progress can be told; return the handle."""
    fractions: SimpleQueue[float | None] = SimpleQueue()

    def on_progress(fraction: float, _: Any) -> bool:
        fractions.put(fraction)
        return not request.stop.is_set()

    callback = binding.llama_progress_callback(on_progress)
    params = _model_params(request.options.gpu_layers)
    params.progress_callback = callback
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(binding.llama_model_load_from_file, os.fsencode(request.path), params)
        loading.add_done_callback(lambda _: fractions.put(None))
        try:
            if request.options.gpu_layers:
                yield from _uploading(fractions, request.path.stat().st_size)
            handle = loading.result()
        except GeneratorExit:
            _free_result(loading)
            raise
    if handle:
        return handle
    raise Cancelled("Loading the model") if request.stop.is_set() else _failure(request)


def _uploading(fractions: SimpleQueue[float | None], size: int) -> Generator[Event]:
    pace, shown = Pace("load", size), 0.0
    while (fraction := fractions.get()) is not None:
        if fraction - shown >= 0.01:
            shown = fraction
            yield pace.at(fraction * size)


def _free_result(loading: Future[Any]) -> None:
    if handle := loading.result():
        binding.llama_model_free(handle)


def _check(handle: Any, request: _Request) -> Notice | None:
    """Refuse what is no chat model; return a notice if the model cannot have the window that was asked for."""
    reasons = {
        "it has no decoder: it makes embeddings, not text.": not binding.llama_model_has_decoder(handle),
        "it has an encoder, which the chat cannot use yet.": binding.llama_model_has_encoder(handle),
        "it writes by diffusion, which the chat cannot use yet.": binding.llama_model_is_diffusion(handle),
    }
    if reason := next((reason for reason, holds in reasons.items() if holds), None):
        raise UnsupportedModel(_metadata(handle, "general.architecture"), faults.BACKEND, reason)
    asked, trained = request.options.context_tokens, binding.llama_model_n_ctx_train(handle)
    if 0 < trained < asked:
        return Notice(f"This model sees at most {trained:,} tokens; the context of {asked:,} is cut down to that.")
    return None


def _context_tokens(handle: Any, options: LoadOptions) -> int:
    trained = binding.llama_model_n_ctx_train(handle)
    return min(options.context_tokens, trained) if trained > 0 else options.context_tokens


def _open_context(handle: Any, request: _Request) -> Any:
    context = binding.llama_init_from_model(handle, _context_params(request, request.options.context_tokens))
    if context:
        return context
    raise _failure(request, handle)


def _failure(request: _Request, handle: Any = None) -> EngineError:
    """Return the error that the log tells of; ``handle`` is the model's if only its context failed."""
    lines = list(native.start().lines)
    return faults.explain(
        lines,
        faults.Failure(
            str(request.path),
            request.path.stat().st_size,
            free_bytes=available_bytes(),
            gpu_free_bytes=sum(device.free_bytes for device in request.devices),
            architecture=_metadata(handle, "general.architecture") if handle else faults.architecture(lines),
            largest_context=_largest_context(handle, request) if handle else 0,
        ),
    )


def _largest_context(handle: Any, request: _Request) -> int:
    """Return the largest window, halved until one can really be had."""
    context_tokens = request.options.context_tokens // 2
    while context_tokens >= _LEAST_CONTEXT:
        if context := binding.llama_init_from_model(handle, _context_params(request, context_tokens)):
            binding.llama_free(context)
            return context_tokens
        context_tokens //= 2
    return 0


def _model_params(gpu_layers: int) -> Any:
    params = binding.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    return params


def _context_params(request: _Request, context_tokens: int) -> Any:
    options = request.options
    if options.cache_type not in CACHE_TYPES:
        raise Refused(f"The KV cache cannot be of type {options.cache_type}.", f"Choose: {', '.join(CACHE_TYPES)}.")
    params = binding.llama_context_default_params()
    params.n_ctx = context_tokens
    params.n_batch = params.n_ubatch = options.batch_tokens
    params.n_threads = params.n_threads_batch = request.threads
    params.type_k = params.type_v = getattr(binding, f"GGML_TYPE_{options.cache_type.upper()}")
    params.n_outputs_max = 1  # logits of the last position only: saves batch × vocabulary × 4 bytes
    params.swa_full = False  # a sliding window's cache holds the window, not the whole context
    params.no_perf = True
    return params


def _describe(handle: Any, model: Model, request: _Request, load_s: float) -> Loaded:
    lines = native.start().lines
    buffers = faults.buffers(lines)
    gpu_layers = faults.offloaded_layers(lines)
    return Loaded(
        backend=faults.BACKEND,
        model_name=_metadata(handle, "general.name") or request.path.stem,
        architecture=_metadata(handle, "general.architecture"),
        context_tokens=model.context_tokens,
        trained_context=binding.llama_model_n_ctx_train(handle),
        layers=binding.llama_model_n_layer(handle),
        gpu_layers=gpu_layers,
        threads=request.threads,
        load_s=load_s,
        template_known=model.template_known,
        device=", ".join(device.description for device in request.devices) if gpu_layers else "CPU",
        weights_bytes=sum(buffers.weights.values()),
        kv_cache_bytes=sum(buffers.kv_cache.values()),
        compute_bytes=sum(buffers.compute.values()),
    )


def _metadata(handle: Any, key: str) -> str:
    buffer: Any = ctypes.create_string_buffer(256)
    count = binding.llama_model_meta_val_str(handle, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if count >= 0 else ""
