"""What a process takes on NVIDIA's cards, as their management library (NVML) or nvidia-smi tells it."""

from __future__ import annotations

import contextlib
import os

from engine.machine import nvidia, nvidia_smi, nvml
from engine.machine.cuda_cards import VISIBLE, bare
from engine.machine.sources import Live
from engine.machine.unavailable import Unavailable


def used_by(pid: int) -> int | None:
    """Return a process's bytes on all cards; ``None`` where there is no NVML or it does not know the process.

    In a container it often does not: processes have other numbers inside. An environment of its own may lack the
    package.
    """
    try:
        import pynvml
    except ImportError:
        return None
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


def used_on_card() -> int | None:
    """Return what all programs use of the card that this process computes on; ``None`` where that is not known.

    It starts nothing on the card: asked before CUDA starts and afterwards, the difference is this process's own.
    """
    try:
        cards = nvidia.gpus(nvml.read())
    except Unavailable:
        try:
            cards = nvidia.gpus(nvidia_smi.read(Live()))
        except Unavailable:
            return None
    told = bare(os.environ.get(VISIBLE, ""))
    own = [card for card in cards if len(cards) == 1 or (card.uuid and bare(card.uuid) == told)]
    return own[0].total_bytes - own[0].usable_bytes if own and not own[0].unified else None


def _sum(pid: int) -> int | None:
    import pynvml

    found = [
        process.usedGpuMemory
        for index in range(pynvml.nvmlDeviceGetCount())
        for process in pynvml.nvmlDeviceGetComputeRunningProcesses(pynvml.nvmlDeviceGetHandleByIndex(index))
        if process.pid == pid and process.usedGpuMemory
    ]
    return sum(found) or None
