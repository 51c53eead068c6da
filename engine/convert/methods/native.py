"""llama.cpp's library in this process, which must be a worker, and what it says while it works."""

from __future__ import annotations

import ctypes
import re
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

from engine.errors import DamagedFile, DiskFull, EngineError, Refused, UnsupportedModel
from engine.machine.native import load

DEBUG, ERROR, CONTINUED = 1, 4, 5  # ggml.h, enum ggml_log_level


class NativeLog:
    """What the library logs: each piece goes to ``on_text``, errors are kept, standard error has all but debugging."""

    def __init__(self, library: ModuleType, on_text: Callable[[str], None] = lambda text: None) -> None:
        self.errors: list[str] = []
        self._level = 0
        self._on_text = on_text
        callback = library.llama_log_callback(self._take)
        library.llama_log_set(callback, ctypes.c_void_p(0))
        # The library keeps a bare pointer to it, until the next one is set: so it lives as long as the library does.
        library.__dict__["halfbyte_log"] = callback

    def _take(self, level: int, text: bytes, user_data: ctypes.c_void_p) -> None:
        del user_data
        words = text.decode("utf-8", "replace")
        self._level = self._level if level == CONTINUED else level
        if self._level == ERROR:
            self.errors.append(words.strip())
        if self._level != DEBUG:
            sys.stderr.write(words)
        self._on_text(words)


@cache
def library() -> ModuleType:
    """Load llama.cpp with its dynamic back ends. Raises ``ImportError`` where it is not installed."""
    import llama_cpp

    load()
    return llama_cpp.llama_cpp


# What the library says, and what it means. Source: llama.cpp 0c1e57098, src/llama-quant.cpp, llama-model-loader.cpp and
# llama-arch.cpp.
_INVALID = re.compile(r"tensor '([^']+)' has invalid data|quantized data validation failed|found tensors with invalid")
_ARCHITECTURE = re.compile(r"unknown model architecture: '([^']*)'")
_REQUANTIZED = re.compile(r"requantizing from type (\w+) is disabled")
_TOLD = re.compile(r"(?:error loading model|failed to quantize): (.*?)(?: llama_\w+: |$)")
_DISK = re.compile(r"iostream error|basic_ios::clear|No space left")


def reason(errors: list[str], read: Path, written: Path | None = None) -> EngineError:
    """Turn the library's last errors over a file into ours; a full disk is told by what could not be written."""
    text = " ".join(errors) or "it gave no reason"
    if written is not None and _DISK.search(text):
        return DiskFull(0, shutil.disk_usage(written.parent).free, str(written.parent))
    if match := _INVALID.search(text):
        return DamagedFile(str(read), f"finite numbers in {match[1] or 'all tensors'}", "NaN or infinite ones")
    if match := _ARCHITECTURE.search(text):
        return UnsupportedModel(match[1], "This llama.cpp")
    if match := _REQUANTIZED.search(text):
        return Refused(
            f"{read.name} is already quantized ({match[1].upper()}).",
            "Convert from the original model, or from a file at 16 bits or Q8_0.",
        )
    if "requires an imatrix" in text or "Missing importance matrix" in text:
        return Refused(
            "This level needs an importance matrix.",
            "Let Halfbyte compute one (--imatrix auto), or choose a level of three bits or more.",
        )
    told = _TOLD.search(text)
    return DamagedFile(str(read), "a model that llama.cpp can read", told[1].strip() if told else text)
