"""llama.cpp's log lines become errors; see tests/cases/llama_logs."""

import json
from pathlib import Path

import pytest

from engine.errors import NotEnoughMemory, Refused
from engine.runtime.backends.llama.faults import (
    Buffers,
    Failure,
    buffers,
    explain,
    explain_computing,
    needed_bytes,
    offloaded_layers,
)

CASES = Path(__file__).parents[2] / "cases" / "llama_logs"
EXPECTED = json.loads((CASES / "expected.json").read_text("utf-8"))
FAILURE = Failure("/models/a.gguf", 5000, 1000, 2000, "llama", 4096)


def log(name: str) -> list[str]:
    return (CASES / f"{name}.log").read_text("utf-8").splitlines()


def test_every_log_has_an_expectation():
    assert {path.stem for path in CASES.glob("*.log")} == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_log_becomes_the_error_that_it_tells_of(name):
    error = explain(log(name), FAILURE)
    expected = dict(EXPECTED[name])
    assert error.kind == expected.pop("kind"), error
    assert expected.items() <= error.details.items()


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        # ggml/src/ggml-cuda/ggml-cuda.cu, ggml_backend_cuda_buffer_type_alloc_buffer
        (
            "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4403.12 MiB on device 0: "
            "cudaMalloc failed: out of memory",
            int(4403.12 * 1024**2),
        ),
        # ggml/src/ggml-alloc.c
        ("alloc_tensor_range: failed to allocate CUDA0 buffer of size 512", 512),
    ],
)
def test_the_memory_of_a_gpu_is_told_as_such(line, needed):
    error = explain([line], FAILURE)
    assert isinstance(error, NotEnoughMemory)
    told = {"needed_bytes": needed, "free_bytes": 2000, "largest_context": 4096, "where": "GPU memory", "instead": ""}
    assert error.details == told


def test_a_reason_that_is_not_known_is_passed_on():
    error = explain(["load: fine", "x: failed to do this: because"], FAILURE)
    assert isinstance(error, Refused)
    assert "failed to do this: because" in error.message
    assert isinstance(explain([], FAILURE), Refused)


def test_the_bytes_of_an_allocation_are_zero_if_no_line_tells():
    assert needed_bytes(["mmap failed: Cannot allocate memory"]) == 0


def test_buffers_are_summed_by_kind_and_device():
    lines = [
        "load_tensors:   CPU_Mapped model buffer size =    92.10 MiB",
        "load_tensors:        CUDA0 model buffer size =     1.50 MiB",
        "llama_kv_cache:      CUDA0 KV buffer size =    90.00 MiB",
        "llama_kv_cache_unified_iswa: nothing",
        "llama_memory_recurrent:        CPU RS buffer size =     3.00 MiB",
        "llama_context:        CPU  output buffer size =     0.50 MiB",
        "sched_reserve:        CPU compute buffer size =    17.51 MiB",
        "~llama_context:        CPU compute buffer size is  98.2520 MiB, matches expectation of  98.2520 MiB",
        "load_tensors: offloaded 3/31 layers to GPU",
    ]
    mib = 1024**2
    found = buffers(lines)
    assert found == Buffers(
        {"CPU_Mapped": round(92.10 * mib), "CUDA0": round(1.5 * mib)},
        {"CUDA0": 90 * mib, "CPU": 3 * mib},
        {"CPU": round(0.5 * mib) + round(17.51 * mib)},
    )
    assert offloaded_layers(lines) == 3
    assert offloaded_layers([]) == 0


def test_a_failed_computation_tells_of_memory_or_passes_the_last_line_on():
    memory = explain_computing(["x: failed to allocate CPU buffer of size 77", "decode: failed"], -2, 5)
    assert isinstance(memory, NotEnoughMemory)
    assert (memory.details["needed_bytes"], memory.details["free_bytes"]) == (77, 5)
    assert "decode: failed" in explain_computing(["a", "decode: failed"], -3, 5).message
    assert "status -3" in explain_computing([], -3, 5).message
