"""What the programs that run a model take themselves, and what is left free beside them."""

from __future__ import annotations

from engine.formats import ModelFacts
from engine.machine.facts import Gpu, Machine

GIB = 1024**3

# A worker process with Python, numpy and llama.cpp, measured on Linux (tests/benchmarks/footprint_check.py), and what
# llama.cpp keeps for each entry of a vocabulary: 298 to 357 bytes for 32,000 to 256,000 entries.
WORKER_BYTES = 55 << 20
VOCABULARY_ENTRY_BYTES = 350

# CUDA's context and cuBLAS, measured on an H200 with driver 580: 600 to 670 MiB under llama.cpp, 686 under PyTorch.
CUDA_BYTES = 680 << 20
# The same with what PyTorch's libraries and our kernels keep for themselves once a prompt was read.
PYTORCH_BYTES = 810 << 20

# What stays free of each GPU, CUDA's own share included, as the runtime decides too
# (engine/runtime/backends/llama/fit.py; llama.cpp 0c1e57098, common/common.h, ``fit_params_target``).
GPU_MARGIN_BYTES = GIB
# What stays free of main memory, for the system and what else runs.
MAIN_MARGIN_SHARE = 0.05
MAIN_MARGIN_BYTES = 256 << 20


def worker_bytes(facts: ModelFacts) -> int:
    """Return what a worker takes in main memory."""
    return WORKER_BYTES + VOCABULARY_ENTRY_BYTES * facts.vocabulary


def driver_bytes(gpu: Gpu) -> int:
    """Return what a GPU's driver takes for a program that computes on it."""
    return CUDA_BYTES if gpu.vendor == "nvidia" else 0


def gpu_room_bytes(gpu: Gpu) -> int:
    """Return what a model may take of a GPU, the driver's part included."""
    return max(gpu.usable_bytes - GPU_MARGIN_BYTES + driver_bytes(gpu), 0)


def main_room_bytes(machine: Machine) -> int:
    """Return what a model may take of main memory now."""
    margin = max(MAIN_MARGIN_BYTES, int(MAIN_MARGIN_SHARE * machine.memory.total_bytes))
    return max(machine.memory.available_bytes - margin, 0)
