"""Load a folder: check that it fits, read its weights, reserve its KV cache, compute once, and tell what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch  # pyright: ignore[reportMissingImports]

from engine.catalog.facts import read_facts
from engine.errors import EngineError, NotEnoughMemory, NotFound, Refused
from engine.events import Event, Notice
from engine.formats import ModelFacts, family_named
from engine.machine.cuda_cards import own_label
from engine.recommend.footprint import footprint
from engine.runtime.backends.hf import faults
from engine.runtime.backends.hf.checkpoints import BACKEND
from engine.runtime.backends.hf.folder import Folder, open_folder
from engine.runtime.backends.hf.model import Model
from engine.runtime.backends.hf.vocabulary import Vocabulary
from engine.runtime.backends.hf.weights import load_weights
from engine.runtime.options import WHILE_LOADING, LoadOptions
from engine.runtime.results import Loaded

Opened = tuple[Model, Loaded]

GPU_BATCHES = 4  # a GPU is only busy with so many times the tokens that a processor takes at once
_LEAST_CONTEXT = 256
SEVERAL = (
    "Close other programs, or choose a smaller model or format. This format computes on one card; a GGUF file is "
    "divided over all of them, and vLLM (“Serve for many”) divides this one."
)


def load(path: Path, options: LoadOptions, stop: threading.Event) -> Generator[Event, None, Opened]:
    """Yield progress and notices; return the open model and what there is to say of it.

    Raises ``NotFound``, ``DamagedFile``, ``UnsupportedModel``, ``NotEnoughMemory``, ``Refused`` or ``Cancelled``.
    """
    started_s = time.perf_counter()
    if not path.is_dir():
        raise NotFound(str(path), hint="Choose the folder with config.json and the safetensors files.")
    folder = open_folder(path)
    _check_format(folder, options.weights_as)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and options.threads:
        torch.set_num_threads(options.threads)
    trained = int(getattr(folder.text, "max_position_embeddings", 0) or 0)
    context_tokens = min(options.context_tokens, trained or options.context_tokens)
    if context_tokens < options.context_tokens:
        asked = f"{options.context_tokens:,}"
        yield Notice(f"This model sees at most {trained:,} tokens; the context of {asked} is cut down to that.")
    fitting = _Fitting(path, options.weights_as, device)
    fitting.check(context_tokens)
    with faults.explained(device, lambda: fitting.largest(context_tokens)):
        module = yield from load_weights(folder, device, _dtype(folder, device), options.weights_as, stop)
        vocabulary = Vocabulary(path, _ends(module))
        batch_tokens = options.batch_tokens * (GPU_BATCHES if device.type == "cuda" else 1)
        model = Model(module, vocabulary, context_tokens, batch_tokens)
        _warm_up(model)
        slow = _make_ready(model) if device.type == "cuda" else ""
    if slow:
        yield Notice(f"This model answers more slowly than the GPU could: {slow[:200]}.")
    if text := model.prompting.notice():
        yield Notice(text, "warning")
    return model, _describe(folder, model, time.perf_counter() - started_s)


def _check_format(folder: Folder, weights_as: str) -> None:
    if not weights_as:
        return
    if weights_as not in WHILE_LOADING:
        choice = " or ".join(WHILE_LOADING)
        raise Refused(f"Weights cannot be made {weights_as} while loading.", f"Choose {choice}.")
    if folder.quantization:
        raise Refused(f"{folder.path.name} is quantized already.", "Load it as it is.")


def _dtype(folder: Folder, device: Any) -> Any:
    """Return the type to compute in: on a GPU 16 bits, BF16 where the card computes it."""
    if device.type != "cuda":
        return folder.dtype
    if folder.dtype == torch.float16 or torch.cuda.get_device_capability(device) < (8, 0):
        return torch.float16
    return torch.bfloat16


def _ends(module: Any) -> set[int]:
    """Return the tokens that end an answer, as the folder's configurations say."""
    told = (getattr(module, "generation_config", None), module.config)
    found = [getattr(table, "eos_token_id", None) for table in told if table is not None]
    return {number for item in found if item is not None for number in (item if isinstance(item, list) else [item])}


class _Fitting:
    """What the model takes by its headers, against what is free before it is loaded."""

    def __init__(self, path: Path, weights_as: str, device: Any) -> None:
        self._device = device
        self._free_bytes = faults.free_bytes(device)
        try:
            self._facts: ModelFacts | None = read_facts(path)
        except EngineError:  # what the catalog cannot read may still be loaded
            self._facts = None
        self._format_id = weights_as or (self._facts.format_id if self._facts else "")

    def check(self, context_tokens: int) -> None:
        """Raise :class:`NotEnoughMemory` if it will not fit."""
        needed = self._needed(context_tokens)
        if needed > self._free_bytes:
            where = faults.where(self._device)
            several = SEVERAL if own_label() else ""
            raise NotEnoughMemory(needed, self._free_bytes, self.largest(context_tokens), where, several)

    def largest(self, context_tokens: int) -> int:
        """Return the largest window below, halved until it fits."""
        while (context_tokens := context_tokens // 2) >= _LEAST_CONTEXT:
            if self._facts and self._needed(context_tokens) <= self._free_bytes:
                return context_tokens
        return 0

    def _needed(self, context_tokens: int) -> int:
        if self._facts is None:
            return 0
        if family_named(self._format_id) is None:
            return self._facts.weights_bytes
        expected = footprint(self._facts, self._format_id, context_tokens)
        return expected.total_bytes - expected.runtime_bytes  # PyTorch has started: its own part is taken already


def _warm_up(model: Model) -> None:
    """Compute once, so that the KV cache is reserved and the first answer waits for no kernel; then forget it.

    A GPU's libraries load other kernels for other lengths, each when it is first used, which takes 0.1 to 0.7 s.
    """
    model.read([0])
    if model.device.type == "cuda":
        whole = model.batch_tokens  # the first and later parts of a long prompt, a follow-up question, its last token
        for count in (whole, whole // 2, whole // 16, 16, 1):
            if count := min(count, model.context_tokens - len(model.cache.tokens)):
                model.read([0] * count)
    model.cache.tokens.clear()


def _make_ready(model: Model) -> str:
    """Return what keeps the model from full speed."""
    try:
        from engine.runtime.backends.hf.cuda.ready import make_ready
    except ImportError as error:  # cuda-bindings came with PyTorch only lately
        return f"the package {error.name} is missing"
    return make_ready(model)


def _describe(folder: Folder, model: Model, load_s: float) -> Loaded:
    on_gpu = model.device.type == "cuda"
    layers = folder.text.num_hidden_layers
    weights = [*model.module.parameters(), *model.module.buffers()]
    peak_bytes = torch.cuda.max_memory_allocated(model.device) if on_gpu else 0
    weights_bytes = sum(tensor.numel() * tensor.element_size() for tensor in weights)
    return Loaded(
        backend=BACKEND,
        model_name=folder.path.name,
        architecture=folder.architecture,
        context_tokens=model.context_tokens,
        trained_context=int(getattr(folder.text, "max_position_embeddings", 0) or 0),
        layers=layers,
        gpu_layers=layers + 1 if on_gpu else 0,
        threads=torch.get_num_threads(),
        load_s=load_s,
        template_known=not model.prompting.complaint,
        device=(own_label() or torch.cuda.get_device_name(model.device)) if on_gpu else "CPU",
        weights_bytes=weights_bytes,
        kv_cache_bytes=model.keep.bytes,
        compute_bytes=max(peak_bytes - weights_bytes - model.keep.bytes, 0),
    )
