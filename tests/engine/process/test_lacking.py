"""Which memory ran out, by the words of the programs that ran out of it."""

from __future__ import annotations

import pytest

from engine.process.lacking import lack_in

GIB = 1 << 30


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 139.80 GiB",
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA driver error: out of memory",
        "CUDA_ERROR_OUT_OF_MEMORY: The API call failed because it was unable to allocate enough memory",
        "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 512 MiB on device 0: cudaMalloc failed: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cusolver error: CUSOLVER_STATUS_INTERNAL_ERROR, when calling `cusolverDnCreate(handle)`",
    ],
)
def test_a_full_card(words: str) -> None:
    assert lack_in(words) == "gpu"


@pytest.mark.parametrize(
    "words",
    [
        "[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried to allocate",
        "unable to mmap 268435456 bytes from file <model.safetensors>: Cannot allocate memory (12)",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 1024",
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8.00 GiB",
        "MemoryError: ",
    ],
)
def test_full_main_memory(words: str) -> None:
    assert lack_in(words) == "main"


def test_a_library_that_only_failed_lacked_memory_if_little_is_left() -> None:
    words = "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"
    assert lack_in(words, lambda: GIB // 2) == "gpu"
    assert lack_in(words, lambda: 20 * GIB) is None
    assert lack_in(words) is None


@pytest.mark.parametrize("words", ["", "CUDA error: an illegal memory access was encountered", "mat1 and mat2 shapes"])
def test_other_failures(words: str) -> None:
    assert lack_in(words, lambda: pytest.fail("a card that has failed fails at this question, too")) is None
