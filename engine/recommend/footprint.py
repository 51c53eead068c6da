"""Bytes that a loaded model takes, term by term, in main memory and on GPUs.

Weights count in full, although llama.cpp maps the file and a page becomes resident only when it is first read: each
answer reads them all. Where its kernels want weights in another order (``CPU_REPACK``), it keeps a rearranged copy, and
the file's own pages become free to be dropped: they count once.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.formats import Family, ModelFacts
from engine.recommend.compute import F32_BYTES, compute_bytes, mask_bytes
from engine.recommend.context import Context
from engine.recommend.fit import Footprint
from engine.recommend.kv_cache import kv_cache_bytes, layer_cache_bytes
from engine.recommend.runtime_cost import PYTORCH_BYTES, worker_bytes
from engine.recommend.sizes import Sizes, sizes_of

HALF_BYTES = 2
PROMPT_PART_TOKENS = 2048
NOTHING = Footprint(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Placed:
    """A footprint in two places. Each holds the intermediate values of the layers that it computes."""

    main: Footprint
    gpu: Footprint

    @property
    def whole(self) -> Footprint:
        return Footprint(
            self.main.weights_bytes + self.gpu.weights_bytes,
            self.main.kv_cache_bytes + self.gpu.kv_cache_bytes,
            self.main.compute_bytes + self.gpu.compute_bytes,
            self.main.runtime_bytes + self.gpu.runtime_bytes,
            self.main.correction_bytes + self.gpu.correction_bytes,
        )


def footprint(
    facts: ModelFacts,
    format_id: str,
    context_tokens: int = 4096,
    cache_type: str = "f16",
    *,
    gpu_layers: int = 0,
    flash_attention: bool = True,
) -> Footprint:
    """Return what a model takes in a format. Of GGUF formats ``gpu_layers`` are on a GPU, the output counted as one."""
    context = Context(context_tokens, cache_type, flash_attention=flash_attention)
    sizes = sizes_of(facts, format_id)
    if sizes.family is Family.GGUF:
        return gguf_placed(sizes, context, gpu_layers).whole
    return pytorch_footprint(sizes, context)


def gguf_placed(sizes: Sizes, context: Context, gpu_layers: int, gpus: int = 1, *, copies: bool = True) -> Placed:
    """Return what llama.cpp takes with ``gpu_layers`` offloaded: from the last layer backwards, the output first.

    The embedding stays in main memory; if it is the output too, the GPU gets a copy, unless both share their memory
    (``copies``). ``gpus`` is how many share the layers; each has its compute buffer. Without its driver's part.
    Source: llama.cpp 0c1e57098, src/llama-model.cpp (``load_tensors``).
    """
    facts = sizes.facts
    blocks = max(min(gpu_layers, facts.layers + 1) - 1, 0)
    first = facts.layers - blocks
    cache, computed = layer_cache_bytes(facts, context), compute_bytes(facts, context, sizes.widths)
    state = facts.recurrent_bytes * blocks // facts.layers
    on_gpu = sum(part.bytes for part in sizes.layers[first:]) + (sizes.output.bytes if gpu_layers else 0)
    main = Footprint(
        sizes.weights_bytes - on_gpu,
        sum(cache[:first]) + facts.recurrent_bytes - state,
        computed if first or not gpu_layers else _inputs_bytes(facts, context),
        worker_bytes(facts),
    )
    if not gpu_layers:
        return Placed(main, NOTHING)
    copy = sizes.embedding.bytes if sizes.tied and copies else 0
    return Placed(main, Footprint(on_gpu + copy, sum(cache[first:]) + state, computed * gpus, 0))


def _inputs_bytes(facts: ModelFacts, context: Context) -> int:
    """Return what main memory holds of a batch that a GPU computes: the embedded tokens and the masks."""
    return context.rows * facts.width * F32_BYTES + mask_bytes(facts, context)


def pytorch_footprint(sizes: Sizes, context: Context) -> Footprint:
    """Return what PyTorch with transformers takes for AWQ, GPTQ, bitsandbytes and plain formats.

    The cache holds 16-bit values. A prompt is computed in parts of 2,048 tokens (engine/runtime/backends/hf,
    ``GPU_BATCHES``); a token of one keeps three times the feed-forward width and four times the model's at once, and a
    packed matrix is widened to 16 bits. Measured by NVML on an H200 (torch 2.11, transformers 5.17): models of 1.2
    and 8.0 billion parameters in BF16, NF4, INT8 and GPTQ, with contexts of 1,024, 4,096 and 16,384 tokens.
    """
    activations = (3 * sizes.widths.feed_forward + 4 * sizes.widths.model) * min(context.tokens, PROMPT_PART_TOKENS)
    widened = 0 if sizes.family is Family.PLAIN else sizes.largest_matrix
    return Footprint(
        sizes.weights_bytes,
        kv_cache_bytes(sizes.facts, Context(context.tokens, "f16", whole_windows=True)),
        HALF_BYTES * (activations + widened),
        PYTORCH_BYTES,
    )
