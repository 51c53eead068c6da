"""The most main memory that this process ever held."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import psutil


def peak_resident_bytes() -> int:
    """Return the peak of this process's resident memory, mapped files included.

    Not ``ru_maxrss`` on Linux: it begins with what the parent held when it started this process (getrusage(2)).
    """
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text("ascii", "replace")
        match = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        return int(match[1]) * 1024 if match else psutil.Process().memory_info().rss
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes on macOS, KiB elsewhere
