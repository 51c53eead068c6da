"""How a process ended, told by its exit code and its last lines."""

from __future__ import annotations

import pytest

from engine.process import death

CUSOLVER = "RuntimeError: cusolver error: CUSOLVER_STATUS_INTERNAL_ERROR, when calling `cusolverDnCreate(handle)`."
CUBLAS = "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"


@pytest.mark.parametrize("line", [CUSOLVER, CUBLAS, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate"])
def test_a_full_gpu_is_told_from_the_last_lines(line: str) -> None:
    log = f"Traceback\n{line}\n"
    assert death.was_memory(1, log, death.oom_kills())
    error = death.memory_error(log)
    assert error.message == "The GPU memory ran out."
    assert error.details["where"] == "GPU memory"


def test_the_computers_memory_is_told_with_what_is_free() -> None:
    error = death.memory_error("terminate called after throwing an instance of 'std::bad_alloc'")
    assert error.details["free_bytes"] > 0
    assert "are free" in error.message


@pytest.mark.parametrize("log", ["", "CUDA error: an illegal memory access", "x\n" * 50 + "done"])
def test_other_ends_are_no_lack_of_memory(log: str) -> None:
    assert not death.was_memory(1, log, death.oom_kills())
    assert not death.was_memory(0, CUBLAS, death.oom_kills())
