"""Bytes of the KV cache: keys and values of every layer that keeps them, and the state of recurrent layers.

Source: llama.cpp 0c1e57098, src/llama-kv-cache.cpp (one key and one value row a cell and layer, of the cache's type),
src/llama-kv-cache-iswa.cpp (windowed layers apart), src/llama-memory-recurrent.cpp (one F32 state a sequence).
"""

from __future__ import annotations

from engine.formats import ModelFacts
from engine.recommend.blocks import BLOCK_TYPES
from engine.recommend.context import Context


def kv_cache_bytes(facts: ModelFacts, context: Context) -> int:
    """Return the bytes of all layers, with the recurrent state."""
    return sum(layer_cache_bytes(facts, context)) + facts.recurrent_bytes


def layer_cache_bytes(facts: ModelFacts, context: Context) -> tuple[int, ...]:
    """Return the bytes of each layer's cache; 0 for one that keeps nothing."""
    kinds = tuple(zip(facts.kv_heads, facts.window, strict=True))
    sizes = {
        (heads, window): _cells(window, context) * _cell_bytes(facts, heads, window, context.cache_type)
        for heads, window in set(kinds)
    }
    return tuple(sizes[kind] for kind in kinds)


def _cells(window: int, context: Context) -> int:
    return context.window_cells(window) if window else context.cells


def _cell_bytes(facts: ModelFacts, heads: int, window: int, cache_type: str) -> int:
    """Return the bytes that one token takes in one layer."""
    keys = facts.window_key_length if window else facts.key_length
    values = facts.window_value_length if window else facts.value_length
    return _row_bytes(heads * keys, cache_type) + _row_bytes(heads * values, cache_type)


def _row_bytes(values: int, cache_type: str) -> int:
    block = BLOCK_TYPES[cache_type.upper()]
    return -(-values // block.elements) * block.bytes
