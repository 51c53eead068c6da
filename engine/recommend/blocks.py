"""How GGUF's tensor types lie in memory: elements and bytes of a block. A row of a tensor is a whole number of blocks.

Source: llama.cpp 0c1e57098, gguf-py/gguf/constants.py (``GGMLQuantizationType``, ``GGML_QUANT_SIZES``), which mirrors
``type_traits`` of ggml/src/ggml.c.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlockType:
    """A tensor type: ``elements`` values are stored in ``bytes`` bytes. ``number`` is its id in a GGUF file."""

    name: str
    number: int
    elements: int
    bytes: int

    @property
    def quantized(self) -> bool:
        return self.elements > 1


BLOCK_TYPES: dict[str, BlockType] = {
    name: BlockType(name, number, elements, size)
    for name, number, elements, size in (
        ("F32", 0, 1, 4),
        ("F16", 1, 1, 2),
        ("Q4_0", 2, 32, 18),
        ("Q4_1", 3, 32, 20),
        ("Q5_0", 6, 32, 22),
        ("Q5_1", 7, 32, 24),
        ("Q8_0", 8, 32, 34),
        ("Q8_1", 9, 32, 36),
        ("Q2_K", 10, 256, 84),
        ("Q3_K", 11, 256, 110),
        ("Q4_K", 12, 256, 144),
        ("Q5_K", 13, 256, 176),
        ("Q6_K", 14, 256, 210),
        ("Q8_K", 15, 256, 292),
        ("IQ2_XXS", 16, 256, 66),
        ("IQ2_XS", 17, 256, 74),
        ("IQ3_XXS", 18, 256, 98),
        ("IQ1_S", 19, 256, 50),
        ("IQ4_NL", 20, 32, 18),
        ("IQ3_S", 21, 256, 110),
        ("IQ2_S", 22, 256, 82),
        ("IQ4_XS", 23, 256, 136),
        ("I8", 24, 1, 1),
        ("I16", 25, 1, 2),
        ("I32", 26, 1, 4),
        ("I64", 27, 1, 8),
        ("F64", 28, 1, 8),
        ("IQ1_M", 29, 256, 56),
        ("BF16", 30, 1, 2),
        ("TQ1_0", 34, 256, 54),
        ("TQ2_0", 35, 256, 66),
        ("MXFP4", 39, 32, 17),
        ("NVFP4", 40, 64, 36),
        ("Q1_0", 41, 128, 18),
        ("Q2_0", 42, 64, 18),
    )
}

BLOCK_TYPE_BY_NUMBER: dict[int, BlockType] = {block.number: block for block in BLOCK_TYPES.values()}


def stored_bytes(shape: tuple[int, ...], type_name: str) -> int:
    """Return the bytes of a tensor of ``shape`` (row length first). The row must be a whole number of blocks."""
    block = BLOCK_TYPES[type_name]
    rows = 1
    for extent in shape[1:]:
        rows *= extent
    return rows * (shape[0] // block.elements) * block.bytes
