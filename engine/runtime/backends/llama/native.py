"""llama.cpp as a library: started once in a process, its log kept, its devices told."""

from __future__ import annotations

import ctypes
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from llama_cpp import llama_cpp as binding

from engine.machine.native import function, load

_LINES = 2000  # a load says about 200
_DISCRETE, _INTEGRATED = 1, 2  # ggml-backend.h, enum ggml_backend_dev_type
# ggml.h, enum ggml_log_level
_DEBUG = 1  # several lines for each tensor
_CONTINUES = 5  # the line before goes on
_SHOWN = (3, 4)  # warnings and errors also go to the worker's log


class NativeLog:
    """What llama.cpp and ggml say: the only place where they tell why something failed."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque([""], maxlen=_LINES)
        self._level = _DEBUG
        self.callback = binding.llama_log_callback(self._take)

    @property
    def lines(self) -> Sequence[str]:
        return [line for line in self._lines if line]

    def clear(self) -> None:
        self._lines.clear()
        self._lines.append("")

    def _take(self, level: int, text: bytes, _: Any) -> None:
        self._level = level if level != _CONTINUES else self._level
        if self._level <= _DEBUG:
            return
        told = text.decode("utf-8", "replace")
        if self._level in _SHOWN:
            sys.stderr.write(told)
        first, *others = told.split("\n")
        self._lines[-1] += first
        self._lines.extend(others)


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """A device that layers can be offloaded to, as llama.cpp names it (``CUDA0``)."""

    name: str
    description: str
    total_bytes: int
    free_bytes: int
    unified: bool = False  # its memory is main memory


@cache
def start() -> NativeLog:
    """Load the library's back ends and take its log, once for the process."""
    log = NativeLog()
    binding.llama_log_set(log.callback, ctypes.c_void_p())
    load()
    binding.llama_backend_init()
    return log


def gpus() -> tuple[GpuDevice, ...]:
    """Return the devices that llama.cpp would offload to: discrete GPUs, or integrated ones where there are none."""
    get = function("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
    kind_of = function("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)
    count = function("ggml_backend_dev_count", ctypes.c_size_t)()
    kinds = [(kind_of(device), device) for device in map(get, range(count))]
    for wanted in (_DISCRETE, _INTEGRATED):
        if found := tuple(_gpu(device, kind) for kind, device in kinds if kind == wanted):
            return found
    return ()


def _gpu(device: int, kind: int) -> GpuDevice:
    name = function("ggml_backend_dev_name", ctypes.c_char_p, ctypes.c_void_p)
    description = function("ggml_backend_dev_description", ctypes.c_char_p, ctypes.c_void_p)
    size = ctypes.POINTER(ctypes.c_size_t)
    memory = function("ggml_backend_dev_memory", None, ctypes.c_void_p, size, size)
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    memory(device, ctypes.byref(free), ctypes.byref(total))
    told = name(device).decode()
    unified = kind == _INTEGRATED or told.startswith(("MTL", "Metal"))
    return GpuDevice(told, description(device).decode().strip(), total.value, free.value, unified)
