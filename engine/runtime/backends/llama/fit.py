"""How many layers fit on the GPUs that are there, found by loading the model without allocating anything.

llama.cpp's own search (common/fit.cpp) is not in its C interface; this is its first part: whole layers only.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from engine.runtime.backends.llama.faults import Buffers
from engine.runtime.backends.llama.native import GpuDevice

# What is left free on each device, for the driver and the desktop: llama.cpp 0c1e57098, common/common.h,
# fit_params_target.
MARGIN_BYTES = 1024**3


def layers_that_fit(layers: int, devices: Sequence[GpuDevice], measure: Callable[[int], Buffers]) -> int:
    """Return the most layers, the output layer counted (``layers`` + 1 is all), whose buffers fit on the devices.

    ``measure`` returns the buffers that so many layers would take.
    """
    if not devices:
        return 0

    def too_many(count: int) -> bool:
        buffers = measure(count)
        return any(buffers.on(device.name) + MARGIN_BYTES > device.free_bytes for device in devices)

    everything = layers + 1
    if not too_many(everything):
        return everything
    return bisect_right(range(1, everything), False, key=too_many)
