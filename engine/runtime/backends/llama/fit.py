"""How many layers go to the GPUs that are there, by the formulas that the suggestion was made with."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from engine.formats import ModelFacts
from engine.recommend.context import Context
from engine.recommend.footprint import gguf_placed
from engine.recommend.runtime_cost import GPU_MARGIN_BYTES
from engine.recommend.sizes import sizes_of
from engine.runtime.backends.llama.native import GpuDevice
from engine.runtime.options import LoadOptions

_FEWER = 0.75  # of the layers, after a load that ran out of memory all the same


def layers_that_fit(facts: ModelFacts, options: LoadOptions, devices: Sequence[GpuDevice]) -> int:
    """Return the most layers that fit, the output layer counted (``facts.layers`` + 1 is all).

    llama.cpp's own search (common/fit.cpp) is not in its C interface. Layers are not divided: each device but one may
    stay short of one.
    """
    if not devices:
        return 0
    sizes = sizes_of(facts, facts.format_id)
    context = Context(options.context_tokens, options.cache_type, options.batch_tokens, options.flash_attention)
    uneven = (len(devices) - 1) * max((part.bytes for part in sizes.layers), default=0)
    room = sum(max(device.free_bytes - GPU_MARGIN_BYTES, 0) for device in devices) - uneven
    copies = not any(device.unified for device in devices)

    def too_many(count: int) -> bool:
        return gguf_placed(sizes, context, count, len(devices), copies=copies).gpu.total_bytes > room

    return bisect_right(range(1, facts.layers + 2), False, key=too_many)


def fewer(gpu_layers: int) -> int:
    """Return what to try next when so many layers did not fit: another program took memory meanwhile."""
    return int(gpu_layers * _FEWER)
