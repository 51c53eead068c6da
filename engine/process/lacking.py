"""Which memory a program lacked, by the words of PyTorch, of CUDA and its libraries, of C++, ggml and Python."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

Lack = Literal["gpu", "main"]

# PyTorch 2.11 (“CUDA out of memory”, “CUDA error: …”, “CUDA driver error: …”), the driver (CUDA_ERROR_OUT_OF_MEMORY),
# ggml (“cudaMalloc failed: …”); cuBLAS and cuSOLVER of CUDA 13.0 when they start.
_GPU = re.compile(r"cuda[^\n]{0,40}out[ _]of[ _]memory|CUBLAS_STATUS_ALLOC_FAILED|cusolverDnCreate", re.IGNORECASE)
# c10/core/impl/alloc_cpu.cpp; ENOMEM of a mapped file; C++, ggml, numpy and Python.
_MAIN = re.compile(
    r"DefaultCPUAllocator|cannot allocate memory|std::bad_alloc|out of memory|failed to allocate|unable to allocate|"
    r"MemoryError",
    re.IGNORECASE,
)
_LIBRARIES = re.compile(r"CUBLAS_STATUS|CUSOLVER_STATUS")  # which often say no more than that they failed
_LIBRARIES_BYTES = 1 << 30  # with less than this left of the card, that is why


def lack_in(words: str, gpu_free_bytes: Callable[[], int | None] = lambda: None) -> Lack | None:
    """Return which memory ran out; ``None`` where the words are about something else.

    ``gpu_free_bytes`` tells what is left of the card, where that can be known. It is asked only where the words leave
    it open: a card that has failed fails at that question, too.
    """
    if _GPU.search(words):
        return "gpu"
    if _LIBRARIES.search(words):
        free_bytes = gpu_free_bytes()
        if free_bytes is not None and free_bytes < _LIBRARIES_BYTES:
            return "gpu"
    return "main" if _MAIN.search(words) else None
