"""What the methods that use PyTorch share: where they compute, and what running out of memory means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch  # pyright: ignore[reportMissingImports]

from engine.errors import NotEnoughMemory
from engine.machine.cuda_cards import gpu_memory, own_label
from engine.process.lacking import lack_in


def device() -> Any:
    """Return the GPU where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def memory_explained() -> Iterator[None]:
    """Turn PyTorch's words for a lack of memory into :class:`NotEnoughMemory`."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if explained := lack_of_memory(error):
            raise explained from error
        raise


def lack_of_memory(error: Exception) -> NotEnoughMemory | None:
    """Return what an error of PyTorch means if it is about memory."""
    lack = lack_in(f"{type(error).__name__}: {error}", _gpu_free_bytes)
    if isinstance(error, torch.OutOfMemoryError) or lack == "gpu":
        return NotEnoughMemory(0, _gpu_free_bytes() or 0, where=gpu_memory(own_label()))
    return NotEnoughMemory(0, psutil.virtual_memory().available) if lack else None


def _gpu_free_bytes() -> int | None:
    """Return what is left of the card, 0 where not even CUDA's own part fits; ``None`` without a card."""
    if not torch.cuda.is_available():
        return None
    try:
        return torch.cuda.mem_get_info()[0]
    except RuntimeError:
        return 0


def peak_gpu_bytes() -> int:
    """Return the most GPU memory that PyTorch has held in this process."""
    return torch.cuda.max_memory_reserved() if torch.cuda.is_available() else 0
