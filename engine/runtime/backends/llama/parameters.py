"""What is to be loaded and how, in llama.cpp's own terms."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from llama_cpp import llama_cpp as binding

from engine.catalog.facts import PART
from engine.errors import Refused
from engine.machine import cpu
from engine.machine.sources import Live
from engine.machine.unavailable import Unavailable
from engine.runtime.backends.llama.native import GpuDevice
from engine.runtime.options import CACHE_TYPES, PLAIN_CACHE_TYPES, LoadOptions


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """A model file, the options with nothing left to choose, and the devices there are."""

    path: Path
    options: LoadOptions
    stop: threading.Event
    devices: tuple[GpuDevice, ...]

    def with_options(self, **changes: Any) -> LoadRequest:
        return replace(self, options=replace(self.options, **changes))

    @property
    def parts(self) -> list[Path]:
        """The files of the model: llama.cpp finds the others of a split one by their names."""
        match = PART.match(self.path.name)
        if not match:
            return [self.path]
        return sorted(self.path.parent.glob(f"{match['stem']}-?????-of-{match['count']}.gguf"))


def checked(options: LoadOptions) -> LoadOptions:
    """Return the options with the threads chosen. Raises :class:`Refused` for a cache type that cannot be."""
    if options.cache_type not in CACHE_TYPES:
        raise Refused(f"The KV cache cannot be of type {options.cache_type}.", f"Choose: {', '.join(CACHE_TYPES)}.")
    if options.cache_type not in PLAIN_CACHE_TYPES and not options.flash_attention:
        reason = f"A KV cache of type {options.cache_type} needs flash attention."
        raise Refused(reason, "Switch flash attention on, or choose 16 bits for the context's memory.")
    return replace(options, threads=options.threads or usable_threads())


def usable_threads() -> int:
    """Return the physical cores that this process may use; of two kinds of core only the fast ones.

    Threads wait for the slowest of them after each operation of the graph.
    """
    try:
        found = cpu.read(Live())
    except Unavailable:
        return 1
    return min(found.usable_physical_cores, found.performance_cores or found.usable_physical_cores)


def model_params(request: LoadRequest) -> Any:
    params = binding.llama_model_default_params()
    params.n_gpu_layers = request.options.gpu_layers
    return params


def context_params(request: LoadRequest, context_tokens: int) -> Any:
    options = request.options
    params = binding.llama_context_default_params()
    params.n_ctx = context_tokens
    params.n_batch = params.n_ubatch = options.batch_tokens
    params.n_threads = params.n_threads_batch = options.threads
    params.type_k = params.type_v = getattr(binding, f"GGML_TYPE_{options.cache_type.upper()}")
    if not options.flash_attention:
        params.flash_attn_type = binding.LLAMA_FLASH_ATTN_TYPE_DISABLED
    # logits of the last position, and of those that are guessed: saves batch × vocabulary × 4 bytes
    params.n_outputs_max = 1 + options.guess_tokens
    params.swa_full = False  # a sliding window's cache holds the window, not the whole context
    params.no_perf = True
    return params
