"""What the methods that use PyTorch share: where they compute, and what running out of memory means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch  # pyright: ignore[reportMissingImports]

from engine.errors import NotEnoughMemory
from engine.machine.cuda_cards import gpu_memory, own_label

_MAIN_MEMORY = ("DefaultCPUAllocator", "Cannot allocate memory")  # c10/core/impl/alloc_cpu.cpp; ENOMEM of a mapped file
_LIBRARIES = (
    "CUBLAS_STATUS",
    "CUSOLVER_STATUS",
    "CUDA error: out of memory",
)  # NVIDIA's, which only say that they failed
_LIBRARIES_BYTES = 1 << 30  # with less than this left, that is why


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
    free_bytes = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else 0
    by_library = any(name in str(error) for name in _LIBRARIES) and free_bytes < _LIBRARIES_BYTES
    if isinstance(error, torch.OutOfMemoryError) or by_library:
        return NotEnoughMemory(0, free_bytes, where=gpu_memory(own_label()))
    if isinstance(error, MemoryError) or any(words in str(error) for words in _MAIN_MEMORY):
        return NotEnoughMemory(0, psutil.virtual_memory().available)
    return None


def peak_gpu_bytes() -> int:
    """Return the most GPU memory that PyTorch has held in this process."""
    return torch.cuda.max_memory_reserved() if torch.cuda.is_available() else 0
