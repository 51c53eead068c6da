"""A GGUF file → a GGUF file at another level, by llama.cpp's own quantizer."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.convert.methods.native import NativeLog, library, reason
from engine.errors import Refused

# [  39/ 272] blk.3.ffn_up.weight - [ 576,  1536, 1, 1], type = f16,   … and, when it is done, size = 1.69 MiB -> …
_BEGUN = re.compile(r"^\[\s*\d+/\s*\d+\]\s+(\S+)\s")
_DONE = re.compile(r"size\s*=\s")


def quantize(
    source: Path,
    target: Path,
    level: str,
    threads: int,
    tensor_bytes: Mapping[str, int],
    on_bytes: Callable[[int, int], None],
) -> None:
    """Write ``target`` at a level such as ``Q4_K_M``.

    ``tensor_bytes`` are the sizes in ``source``: progress is counted in them. Raises :class:`Refused`,
    :class:`engine.errors.DamagedFile`, :class:`engine.errors.UnsupportedModel` and :class:`engine.errors.DiskFull`.
    """
    if target.exists() and source.samefile(target):
        # llama.cpp maps the one and truncates the other: the process dies and the model is gone.
        raise Refused(f"{source.name} cannot be converted into itself.", "Choose another name for the result.")
    binding = library()
    meter = _Meter(tensor_bytes, on_bytes)
    log = NativeLog(binding, meter.read)
    parameters = binding.llama_model_quantize_default_params()
    parameters.ftype = _file_type(level)
    parameters.nthread = threads
    parameters.allow_requantize = True  # only of Q8_0: the plan refuses coarser sources
    failed = binding.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(parameters))
    if failed:
        raise reason(log.errors, source, target)


def _file_type(level: str) -> int:
    name = "LLAMA_FTYPE_ALL_F32" if level == "F32" else f"LLAMA_FTYPE_MOSTLY_{level}"
    number = getattr(library(), name, None)
    if number is None:
        raise Refused(f"This llama.cpp knows no level {level}.")
    return number


class _Meter:
    """Counts the bytes of the tensors that the log says are done."""

    def __init__(self, tensor_bytes: Mapping[str, int], on_bytes: Callable[[int, int], None]) -> None:
        self._bytes = tensor_bytes
        self._total = sum(tensor_bytes.values())
        self._on_bytes = on_bytes
        self._done = 0
        self._current = ""

    def read(self, text: str) -> None:
        if match := _BEGUN.match(text):
            self._current = match[1]
        if self._current and _DONE.search(text):
            self._done += self._bytes.get(self._current, 0)
            self._current = ""
            self._on_bytes(self._done, self._total)
