"""Bytes of the compute buffers: what llama.cpp reserves for the largest intermediate values of a batch.

Its allocator lets tensors share memory as soon as they are no longer needed, so what counts is the largest set that is
alive at once. The sets below were found from the graphs of llama.cpp 0c1e57098 (src/llama-graph.cpp, src/models/) and
checked against the sizes that it reserves itself for 17 models of real shapes, with contexts of 512 to 32,768 tokens
and batches of 128 and 512 (tests/cases/recommend/compute_buffers.json).
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.formats import ModelFacts
from engine.recommend.blocks import BLOCK_TYPES
from engine.recommend.context import Context

F16_BYTES, F32_BYTES = 2, 4


@dataclass(frozen=True, slots=True)
class Widths:
    """Values a token that a layer's steps produce at their widest."""

    model: int
    query: int
    keys: int
    values: int
    feed_forward: int
    branches: int  # gate, up and their product are alive together; without a gate, up and its activation
    experts_out: int
    recurrent: int


def compute_bytes(facts: ModelFacts, context: Context, widths: Widths | None = None) -> int:
    """Return the bytes of the compute buffer."""
    widths = widths or widths_of(facts)
    step = max(_feed_forward(widths, context), _experts(widths), _attention(facts, widths, context), _recurrent(widths))
    in_layers = context.rows * step * F32_BYTES + mask_bytes(facts, context)
    scores = min(context.logit_rows, context.rows) * (facts.vocabulary + 2 * facts.width) * F32_BYTES
    return max(in_layers, scores)


def _feed_forward(widths: Widths, context: Context) -> int:
    """Return the values alive in a feed-forward part; the queries' memory is used again if the cache is quantized."""
    queries = 0 if BLOCK_TYPES[context.cache_type.upper()].quantized else widths.query
    residuals = 3 * widths.model + queries if widths.branches == 3 else 0
    return widths.branches * widths.feed_forward + residuals


def _experts(widths: Widths) -> int:
    """Return the values alive while the outputs of the chosen experts are added up."""
    return widths.feed_forward + 2 * widths.experts_out + 3 * widths.model if widths.experts_out else 0


def _attention(facts: ModelFacts, widths: Widths, context: Context) -> int:
    """Return the values alive in attention; without flash attention, the scores of every head for every cell."""
    scores = 0 if context.flash_attention else facts.heads * context.cells
    return 3 * widths.model + 2 * widths.query + widths.keys + widths.values + scores


def _recurrent(widths: Widths) -> int:
    return 6 * widths.recurrent + widths.model if widths.recurrent else 0


def mask_bytes(facts: ModelFacts, context: Context) -> int:
    """Return the masks of attention: one for full layers, one for windowed ones."""
    value_bytes = F16_BYTES if context.flash_attention else F32_BYTES
    kinds = {window for heads, window in zip(facts.kv_heads, facts.window, strict=True) if heads}
    cells = sum(context.window_cells(window) if window else context.cells for window in kinds)
    return context.rows * cells * value_bytes


def widths_of(facts: ModelFacts) -> Widths:
    """Return the widths of a model's widest layers, from the shapes of its tensors."""
    rows = {"ffn_up": 0, "ffn_gate": 0, "ffn_up_exps": 0, "ssm_out": 0, "attn_qkv": 0}
    columns = dict(rows)
    for tensor in facts.tensors:
        part = tensor.name.split(".")[2] if tensor.name.startswith("blk.") and tensor.name.endswith(".weight") else ""
        if part in rows and len(tensor.shape) > 1:
            rows[part] = max(rows[part], tensor.shape[1])
            columns[part] = max(columns[part], tensor.shape[0])
    gated = rows["ffn_gate"] > 0 or rows["ffn_up_exps"] > 0
    fused = not gated and rows["ffn_up"] > 1.5 * facts.feed_forward > 0  # gate and up in one matrix
    dense = (rows["ffn_up"] // 2 if fused else rows["ffn_up"]) or facts.feed_forward
    return Widths(
        model=facts.width,
        query=facts.heads * facts.key_length,
        keys=max(facts.kv_heads, default=0) * facts.key_length,
        values=max(facts.kv_heads, default=0) * facts.value_length,
        feed_forward=max(dense, rows["ffn_up_exps"] * facts.experts_used),
        branches=3 if gated or fused else 2,
        experts_out=facts.width * facts.experts_used if rows["ffn_up_exps"] else 0,
        recurrent=columns["ssm_out"],
    )
