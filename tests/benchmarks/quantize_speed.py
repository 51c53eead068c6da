"""Measures how fast weights are quantized to each tensor type: the rates of ``engine/convert/estimates.py``.

``python -m tests.benchmarks.quantize_speed`` prints millions of weights a second of one thread. The best of several
short runs counts: other programs only slow it down.
"""

from __future__ import annotations

import ctypes
import time

import numpy as np

from engine.convert.methods.native import library
from engine.recommend.blocks import BLOCK_TYPES

ROWS, WIDTH, RUNS = 32, 2048, 60
# ggml.h, enum ggml_type (llama.cpp 0c1e57098)
TYPES = {
    "Q4_0": 2,
    "Q4_1": 3,
    "Q5_0": 6,
    "Q5_1": 7,
    "Q8_0": 8,
    "Q2_K": 10,
    "Q3_K": 11,
    "Q4_K": 12,
    "Q5_K": 13,
    "Q6_K": 14,
}


def best_s(quantize: ctypes._CFuncPtr, number: int, type_name: str) -> float:
    """Return the seconds of the fastest run over ``ROWS`` rows."""
    weights = (np.random.default_rng(0).standard_normal((ROWS, WIDTH), np.float32) * 0.05).ravel()
    block = BLOCK_TYPES[type_name]
    made = ctypes.create_string_buffer(weights.size // block.elements * block.bytes)
    source = weights.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    times = []
    for _ in range(RUNS):
        start_s = time.perf_counter()
        quantize(number, source, made, 0, ROWS, WIDTH, None)
        times.append(time.perf_counter() - start_s)
    return min(times)


def main() -> None:
    quantize = library()._lib.ggml_quantize_chunk
    quantize.restype = ctypes.c_size_t
    quantize.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p]
    for type_name, number in TYPES.items():
        print(f"{type_name:5} {ROWS * WIDTH / best_s(quantize, number, type_name) / 1e6:8.1f} M weights/s")


if __name__ == "__main__":
    main()
