"""How a process ended, in words."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import psutil

from engine.errors import NotEnoughMemory

_SIGNALS = {
    "SIGSEGV": "it read memory that is not its own: SIGSEGV",
    "SIGABRT": "it gave up on a failed check: SIGABRT",
    "SIGILL": "its code uses an instruction that this processor lacks: SIGILL",
    "SIGBUS": "a file that it had mapped changed or its disk failed: SIGBUS",
    "SIGFPE": "a division failed: SIGFPE",
    "SIGKILL": "it was killed: SIGKILL",
    "SIGTERM": "it was asked to end: SIGTERM",
}
# Windows ends a process with the NTSTATUS of the exception (ntstatus.h).
_STATUSES = {
    0xC0000005: "it read memory that is not its own",
    0xC000001D: "its code uses an instruction that this processor lacks",
}

# What CUDA and its libraries say when the GPU is full (seen with cuBLAS and cuSOLVER of CUDA 13.0), and what C++, ggml
# and Python print when an allocation fails.
_GPU = r"CUDA out of memory|CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED|cusolverDnCreate"
_OUT_OF_GPU_MEMORY = re.compile(_GPU, re.IGNORECASE)
_OUT_OF_MEMORY = re.compile(
    r"std::bad_alloc|out of memory|failed to allocate|unable to allocate|cannot allocate memory|MemoryError|" + _GPU,
    re.IGNORECASE,
)


def in_words(exit_code: int) -> str:
    """Say what an exit code means; negative codes are signals, as in :mod:`subprocess`."""
    if exit_code < 0:
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            return f"signal {-exit_code}"
        return _SIGNALS.get(name, name)
    return _STATUSES.get(exit_code & 0xFFFFFFFF, f"exit code {exit_code}")


def was_memory(exit_code: int, log: str, kills_before: int) -> bool:
    """Tell whether a process ended for lack of memory: by the kernel's hand, or by its own last lines."""
    if exit_code == 0:
        return False
    if exit_code == -9 and oom_kills() > kills_before:
        return True
    return bool(_OUT_OF_MEMORY.search("\n".join(log.splitlines()[-40:])))


def memory_error(log: str) -> NotEnoughMemory:
    """Return what to say of it: by the last lines, the GPU's memory ran out (how much it has is not known), or ours."""
    if _OUT_OF_GPU_MEMORY.search("\n".join(log.splitlines()[-40:])):
        return NotEnoughMemory(0, 0, where="GPU memory")
    return NotEnoughMemory(0, psutil.virtual_memory().available)


def oom_kills() -> int:
    """Count the kernel's out-of-memory kills so far (Linux; /proc/vmstat, kernel 4.13 or newer); elsewhere 0."""
    try:
        return int(re.findall(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE)[0])
    except (OSError, IndexError):
        return 0
