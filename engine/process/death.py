"""How a process ended, in words."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import psutil

from engine.errors import NotEnoughMemory
from engine.process.lacking import lack_in

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
_LAST_LINES = 40  # of a log, where it says why


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
    return lack_in(_end_of(log)) is not None


def memory_error(log: str) -> NotEnoughMemory:
    """Return what to say of it: by the last lines, the GPU's memory ran out (how much it has is not known), or ours."""
    if lack_in(_end_of(log)) == "gpu":
        return NotEnoughMemory(0, 0, where="GPU memory")
    return NotEnoughMemory(0, psutil.virtual_memory().available)


def _end_of(log: str) -> str:
    return "\n".join(log.splitlines()[-_LAST_LINES:])


def oom_kills() -> int:
    """Count the kernel's out-of-memory kills so far (Linux; /proc/vmstat, kernel 4.13 or newer); elsewhere 0."""
    try:
        return int(re.findall(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE)[0])
    except (OSError, IndexError):
        return 0
