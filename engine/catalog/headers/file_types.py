"""Which level a GGUF file says it is: ``general.file_type`` and the format id it stands for.

Source: llama.cpp 0c1e57098, include/llama.h, ``enum llama_ftype``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from engine.formats import TensorFacts

GUESSED = 1024  # a flag that llama.cpp adds where the file does not say

FILE_TYPES: dict[int, str] = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4_MOE",
    39: "NVFP4",
    40: "Q1_0",
    41: "Q2_0",
}


def format_id(file_type: object, tensors: Iterable[TensorFacts]) -> str:
    """Return the format id of a GGUF file; where it does not say, the type that most bytes are stored in."""
    label = FILE_TYPES.get(file_type & ~GUESSED) if isinstance(file_type, int) else None
    return f"gguf-{(label or prevailing_type(tensors)).lower()}"


def prevailing_type(tensors: Iterable[TensorFacts]) -> str:
    """Return the type that most bytes are stored in; ``F32`` where there are none."""
    stored: Counter[str] = Counter()
    for tensor in tensors:
        stored[tensor.type] += tensor.bytes
    return stored.most_common(1)[0][0] if stored else "F32"
