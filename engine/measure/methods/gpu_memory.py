"""What a process takes on NVIDIA's cards, as their management library (NVML) tells it."""

from __future__ import annotations

import contextlib


def used_by(pid: int) -> int | None:
    """Return a process's bytes on all cards; ``None`` where there is no NVML or it does not know the process.

    In a container it often does not: processes have other numbers inside.
    """
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        return _sum(pid)
    except pynvml.NVMLError:
        return None
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _sum(pid: int) -> int | None:
    import pynvml

    found = [
        process.usedGpuMemory
        for index in range(pynvml.nvmlDeviceGetCount())
        for process in pynvml.nvmlDeviceGetComputeRunningProcesses(pynvml.nvmlDeviceGetHandleByIndex(index))
        if process.pid == pid and process.usedGpuMemory
    ]
    return sum(found) or None
