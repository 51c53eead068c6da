"""ggml's own row kernels: stored rows → numbers at 32 bits → rows of another type, byte for byte as llama.cpp does it.

Each call lets go of Python's lock while it computes, so threads share the cores.
Source: llama.cpp 0c1e57098, ggml/include/ggml.h (``ggml_quantize_chunk``, ``ggml_validate_row_data``) and
src/llama-quant.cpp (``llama_tensor_quantize_impl``), which gives each chunk of rows to the same functions.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refused
from engine.recommend.blocks import BLOCK_TYPES

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.float32]
_NAMES = ("libggml-base.so", "libggml-base.dylib", "ggml-base.dll")
_TO_FLOAT = {"F16": "ggml_fp16_to_fp32_row", "BF16": "ggml_bf16_to_fp32_row"}


@cache
def base_library() -> ctypes.CDLL:
    """Return the library that holds ggml's tensors and kernels."""
    from engine.convert.methods.native import library

    folder = Path(library().__file__ or "").parent / "lib"  # type: ignore[arg-type]
    found = next((folder / name for name in _NAMES if (folder / name).is_file()), None)
    base = ctypes.CDLL(str(found)) if found else library()._lib
    base.ggml_quantize_chunk.restype = ctypes.c_size_t
    base.ggml_quantize_chunk.argtypes = [ctypes.c_int, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 3, ctypes.c_void_p]
    base.ggml_validate_row_data.restype = ctypes.c_bool
    base.ggml_validate_row_data.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
    return base


@cache
def _widening(type_name: str) -> Any:
    name = _TO_FLOAT.get(type_name, f"dequantize_row_{type_name.lower()}")
    function = getattr(base_library(), name, None)
    if function is None:
        raise Refused(f"Weights of the type {type_name} cannot be quantized again.", "Choose another source.")
    function.restype, function.argtypes = None, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    return function


def row_bytes(type_name: str, width: int) -> int:
    """Return the bytes of a row of ``width`` elements."""
    block = BLOCK_TYPES[type_name]
    return width // block.elements * block.bytes


def widen(stored: Bytes, type_name: str, elements: int) -> Numbers:
    """Return stored rows as numbers at 32 bits; a view where they are stored so."""
    if type_name == "F32":
        return stored.view(np.float32)
    numbers = np.empty(elements, np.float32)
    _widening(type_name)(stored.ctypes.data, numbers.ctypes.data, elements)
    return numbers


def narrow(numbers: Numbers, type_name: str, rows: int, width: int, importance: Numbers | None = None) -> Bytes:
    """Return rows in another type; ``importance`` has one number a column."""
    made = np.empty(rows * row_bytes(type_name, width), np.uint8)
    weights = importance.ctypes.data if importance is not None else None
    number = BLOCK_TYPES[type_name].number
    written = base_library().ggml_quantize_chunk(number, numbers.ctypes.data, made.ctypes.data, 0, rows, width, weights)
    assert written == made.nbytes, f"{type_name}: {written} bytes instead of {made.nbytes}"
    return made


def valid(stored: Bytes, type_name: str) -> bool:
    """Tell whether stored rows hold finite numbers only, as llama.cpp checks it."""
    return bool(base_library().ggml_validate_row_data(BLOCK_TYPES[type_name].number, stored.ctypes.data, stored.nbytes))
