"""From PyTorch's lack of memory to the error that a person can do something about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch  # pyright: ignore[reportMissingImports]

from engine.errors import NotEnoughMemory
from engine.machine.cuda_cards import gpu_memory, own_label
from engine.process.lacking import lack_in
from engine.runtime.backends.llama.memory import available_bytes


def free_bytes(device: Any) -> int:
    """Return what is free on a device, with what PyTorch holds in reserve; 0 where not even CUDA's own part fits."""
    if device.type != "cuda":
        return available_bytes()
    try:
        free, _ = torch.cuda.mem_get_info(device)
    except RuntimeError as error:
        if "out of memory" not in str(error):
            raise
        return 0
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def where(device: Any) -> str:
    return gpu_memory(own_label()) if device.type == "cuda" else "memory"


@contextmanager
def explained(device: Any, largest_context: Callable[[], int] = lambda: 0) -> Iterator[None]:
    """Turn an allocation that failed into :class:`NotEnoughMemory` and give PyTorch's reserve back."""
    try:
        yield
    except torch.cuda.OutOfMemoryError:
        error = _error(device, largest_context)
    except RuntimeError as caught:
        lack = lack_in(str(caught), lambda: free_bytes(device) if device.type == "cuda" else None)
        if lack is None:
            raise
        in_main = NotEnoughMemory(0, available_bytes(), largest_context())
        error = in_main if lack == "main" else _error(device, largest_context)
    else:
        return
    if device.type == "cuda":  # outside of the handler: its traceback would keep the tensors
        torch.cuda.empty_cache()
    raise error


def _error(device: Any, largest_context: Callable[[], int]) -> NotEnoughMemory:
    return NotEnoughMemory(0, free_bytes(device), largest_context(), where(device))
