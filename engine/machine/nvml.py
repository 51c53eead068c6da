"""NVIDIA's management library: its values as they are, nothing concluded from them.

:func:`read` returns plain values, so that a machine can be recorded and replayed::

    {"driver": "580.95.05", "cuda": 13000,
     "devices": [{"name": "NVIDIA GeForce RTX 4090", "total_bytes": …, "free_bytes": …, "capability": [8, 9],
                  "bus_bits": 384, "memory_mhz": 10501, "pci": "00000000:01:00.0", "uuid": "GPU-…", "index": 0,
                  "mig": false}]}

What a card does not tell is ``None``. Source: the NVML API reference, and ``pynvml`` (nvidia-ml-py) for the names.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.machine.unavailable import Unavailable

# Where the driver's library lies although the loader does not look there: WSL, NixOS, some cluster images.
_ELSEWHERE = ("/usr/lib/wsl/lib", "/run/opengl-driver/lib", "/usr/local/nvidia/lib64")
_LIBRARY = "libnvidia-ml.so.1"

LIBRARY_NOT_FOUND = "LIBRARY_NOT_FOUND"
DRIVER_NOT_LOADED = "DRIVER_NOT_LOADED"
NO_PERMISSION = "NO_PERMISSION"
VERSION_MISMATCH = "LIB_RM_VERSION_MISMATCH"


def read() -> Mapping[str, Any]:
    """Return NVML's values. Raises :class:`Unavailable` with NVML's own name of the error as its code."""
    try:
        import pynvml
    except ImportError as error:
        raise Unavailable(f"The package nvidia-ml-py cannot be loaded: {error}.", "PACKAGE") from error
    _find_library()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise Unavailable(f"NVIDIA's driver library reports: {error}.", _code(error)) from error
    try:
        count = pynvml.nvmlDeviceGetCount()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        return {
            "driver": _told(pynvml.nvmlSystemGetDriverVersion),
            "cuda": _told(pynvml.nvmlSystemGetCudaDriverVersion_v2),
            "devices": [device for index, handle in enumerate(handles) for device in _devices(handle, index)],
        }
    except pynvml.NVMLError as error:
        raise Unavailable(f"NVIDIA's driver library reports: {error}.", _code(error)) from error
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _devices(handle: Any, index: int) -> Iterator[dict[str, Any]]:
    """Yield a card, or in its place the instances that it is divided into: a process can use only those."""
    import pynvml

    card = {**_device(handle), "index": index}
    mode = _told(pynvml.nvmlDeviceGetMigMode, handle)
    instances = list(_instances(handle)) if mode and mode[0] == pynvml.NVML_DEVICE_MIG_ENABLE else []
    if not instances:
        yield card
    for instance in instances:
        # an instance has no clock or bus of its own; it has the share of the card's memory paths that it has of memory
        part = _device(instance)
        yield {**card, **{name: value for name, value in part.items() if value}, "mig": True, "of": card["total_bytes"]}


def _instances(handle: Any) -> Iterator[Any]:
    import pynvml

    for index in range(_told(pynvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
        instance = _told(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
        if instance is not None:
            yield instance


def _device(handle: Any) -> dict[str, Any]:
    import pynvml

    memory = _told(pynvml.nvmlDeviceGetMemoryInfo, handle)
    place = _told(pynvml.nvmlDeviceGetPciInfo, handle)
    capability = _told(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
    return {
        "name": _text(_told(pynvml.nvmlDeviceGetName, handle)),
        "total_bytes": memory.total if memory else None,
        "free_bytes": memory.free if memory else None,
        "capability": list(capability) if capability else None,
        "bus_bits": _told(pynvml.nvmlDeviceGetMemoryBusWidth, handle),
        "memory_mhz": _told(pynvml.nvmlDeviceGetMaxClockInfo, handle, pynvml.NVML_CLOCK_MEM),
        "pci": _text(place.busId) if place else None,
        "uuid": _text(_told(pynvml.nvmlDeviceGetUUID, handle)),
        "mig": False,
    }


def _told(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function returns; ``None`` where this card or driver does not know it."""
    import pynvml

    try:
        return function(*arguments)
    except pynvml.NVMLError:
        return None


def _text(value: str | bytes | None) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _find_library() -> None:
    """Load the driver's library by its full path first, where the loader would not find it by name."""
    for folder in _ELSEWHERE:
        path = Path(folder, _LIBRARY)
        if path.is_file():
            with contextlib.suppress(OSError):
                ctypes.CDLL(str(path))  # a second load by name returns this one
                return


def _code(error: Exception) -> str:
    import pynvml

    value = getattr(error, "value", None)
    names = {getattr(pynvml, name): name for name in dir(pynvml) if name.startswith("NVML_ERROR_")}
    return names.get(value, "UNKNOWN").removeprefix("NVML_ERROR_")
