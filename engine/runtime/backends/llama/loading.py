"""Load a model: read the file, decide what goes to the GPU, open it, and tell what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

from llama_cpp import llama_cpp as binding

from engine.catalog.facts import read_facts
from engine.errors import Cancelled, EngineError, NotEnoughMemory, NotFound, Refused
from engine.events import Event, Notice
from engine.pace import Pace
from engine.runtime.backends.llama import faults, kept, native
from engine.runtime.backends.llama.drafts import open_draft, why_not
from engine.runtime.backends.llama.fit import fewer, layers_that_fit
from engine.runtime.backends.llama.memory import available_bytes
from engine.runtime.backends.llama.model import Model
from engine.runtime.backends.llama.opening import check, metadata, open_context, open_weights
from engine.runtime.backends.llama.parameters import LoadRequest, checked
from engine.runtime.options import LoadOptions
from engine.runtime.results import Loaded

_READ_BYTES = 8 * 1024**2

Opened = tuple[Model, Loaded]


def load(path: Path, options: LoadOptions, stop: threading.Event) -> Generator[Event, None, Opened]:
    """Yield progress and notices; return the open model and what there is to say of it.

    Raises ``NotFound``, ``DamagedFile``, ``UnsupportedModel``, ``NotEnoughMemory``, ``Refused`` or ``Cancelled``, and
    then nothing stays open.
    """
    started_s = time.perf_counter()
    native.start()
    request = LoadRequest(path, checked(options), stop, native.gpus())
    yield from _read_files(request)
    request = request.with_options(gpu_layers=_gpu_layers(request))
    while True:
        try:
            return (yield from _open(request, started_s))
        except NotEnoughMemory as error:
            if options.gpu_layers >= 0 or not request.options.gpu_layers:
                raise
            request = request.with_options(gpu_layers=fewer(request.options.gpu_layers))
            yield Notice(f"{error.message} Fewer layers go to the GPU: {request.options.gpu_layers}.")


def _read_files(request: LoadRequest) -> Generator[Event]:
    """Read the files once, in order: the model is then mapped from memory, and there is progress to show."""
    try:
        size, done = sum(part.stat().st_size for part in request.parts), 0
        if size > available_bytes() and not request.devices:
            yield Notice("The model is larger than the free memory: it will be slow.", "warning")
            return
        pace, buffer = Pace("load", size), bytearray(_READ_BYTES)
        for part in request.parts:
            with part.open("rb", buffering=0) as file:
                while count := file.readinto(buffer):
                    done += count
                    yield pace.at(done)
                    if request.stop.is_set():
                        raise Cancelled("Loading the model")
    except FileNotFoundError as error:
        raise NotFound(str(request.path)) from error
    except OSError as error:
        raise Refused(f"{request.path} cannot be read: {error.strerror}.", "Check who may read the file.") from error


def _gpu_layers(request: LoadRequest) -> int:
    wanted = request.options.gpu_layers
    if wanted >= 0 or not request.devices:
        return max(wanted, 0)
    return layers_that_fit(read_facts(request.path), request.options, request.devices)


def _open(request: LoadRequest, started_s: float) -> Generator[Event, None, Opened]:
    native.start().clear()
    handle = yield from open_weights(request)
    try:
        check(handle)
        asked, trained = request.options.context_tokens, binding.llama_model_n_ctx_train(handle)
        if 0 < trained < asked:
            request = request.with_options(context_tokens=trained)
            yield Notice(f"This model sees at most {trained:,} tokens; the context of {asked:,} is cut down to that.")
        valid_for = kept.fingerprint(request.parts, request.options)
        options = request.options
        context = open_context(handle, request)
        model = Model(handle, context, options.batch_tokens, valid_for, options.guess_tokens)
    except BaseException:  # GeneratorExit too
        binding.llama_model_free(handle)
        raise
    try:
        model.warm_up()
        if text := model.prompting.notice():
            yield Notice(text, "warning")
        loaded = _describe(handle, model, request, time.perf_counter() - started_s)
        if options.draft:
            loaded = yield from _lend_draft(handle, model, request, loaded)
    except BaseException:
        model.close()
        raise
    return model, loaded


def _lend_draft(handle: Any, model: Model, request: LoadRequest, loaded: Loaded) -> Generator[Event, None, Loaded]:
    """Give a model its draft model, or say why it has none."""
    try:
        if model.ahead is None:
            raise Refused("This model cannot take a wrong guess back: its memory is of another kind.")
        model.guess_with((yield from open_draft(handle, request)))
    except Cancelled:
        raise
    except EngineError as error:
        complaint = why_not(request.options.draft, error)
        yield Notice(complaint, "warning")
        return replace(loaded, draft_complaint=complaint)
    return replace(loaded, draft=Path(request.options.draft).stem)


def _describe(handle: Any, model: Model, request: LoadRequest, load_s: float) -> Loaded:
    lines = native.start().lines
    buffers = faults.buffers(lines)
    gpu_layers = faults.offloaded_layers(lines)
    return Loaded(
        backend=faults.BACKEND,
        model_name=metadata(handle, "general.name") or request.path.stem,
        architecture=metadata(handle, "general.architecture"),
        context_tokens=model.context_tokens,
        trained_context=binding.llama_model_n_ctx_train(handle),
        layers=binding.llama_model_n_layer(handle),
        gpu_layers=gpu_layers,
        threads=request.options.threads,
        load_s=load_s,
        template_known=not model.prompting.complaint,
        device=", ".join(device.description for device in request.devices) if gpu_layers else "CPU",
        weights_bytes=sum(buffers.weights.values()),
        kv_cache_bytes=sum(buffers.kv_cache.values()),
        compute_bytes=sum(buffers.compute.values()),
    )
