"""How much fits and how fast it would be, each with the formula that a person can check.

These are predictions before anything ran, as rough as those of :mod:`engine.recommend.speed`, and rougher with several
cards: what they say to each other is a flat share. “vllm bench serve” measures it.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import NotEnoughMemory
from engine.formats import ModelFacts
from engine.handover.site import Site
from engine.quantities import size
from engine.recommend.context import Context
from engine.recommend.kv_cache import kv_cache_bytes
from engine.recommend.sizes import sizes_of
from engine.recommend.speed import (
    FILLED_TOKENS,
    GPU_BANDWIDTH_SHARE,
    GPU_FLOPS_PER_BANDWIDTH,
    GPU_LAYER_S,
    OPERATIONS,
)

# What a card holds besides weights and cache: CUDA's context, captured graphs, and buffers for NCCL.
RUNTIME_BYTES = 2 << 30
BATCH_TOKENS = 8192  # that vLLM computes at once at most when it plans its memory (0.33.0, engine/arg_utils.py)
HALF_BYTES = 2
STEP_TOKENS = 256
SPLIT_SHARE = 0.8  # of the speed that is left when tensors are split over cards, which must add up their results
BLOCK_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Room:
    """The memory of one card of the fullest stage, in bytes; ``pool_tokens`` is what the cache holds in all."""

    weights_bytes: int
    compute_bytes: int
    token_bytes: int
    sequence_bytes: int
    budget_bytes: int

    @property
    def pool_bytes(self) -> int:
        return self.budget_bytes - self.weights_bytes - self.compute_bytes - RUNTIME_BYTES

    def context_tokens(self, users: int) -> int:
        """Return how long the conversations of so many users may be, all at the same time."""
        left = self.pool_bytes // users - self.sequence_bytes
        return max(left // max(self.token_bytes, 1), 0) // BLOCK_TOKENS * BLOCK_TOKENS

    def users(self, context_tokens: int) -> int:
        """Return how many conversations of a length fit at the same time."""
        each = self.sequence_bytes + self.token_bytes * context_tokens
        return max(self.pool_bytes, 0) // max(each, 1)


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second with ``users`` answers at once; ``formula`` is the arithmetic in words."""

    users: int
    total_tokens_s: float
    formula: str

    @property
    def each_tokens_s(self) -> float:
        return self.total_tokens_s / self.users


def room(facts: ModelFacts, site: Site, tensor: int, pipeline: int) -> Room:
    """Return what one card has room for. Raises :class:`NotEnoughMemory` if the weights alone are too much."""
    cache_shares = max((min(tensor, heads) for heads in facts.kv_heads if heads), default=tensor)
    token = (_cache_bytes(facts) - facts.recurrent_bytes) / STEP_TOKENS / cache_shares / pipeline
    computed = HALF_BYTES * BATCH_TOKENS * (3 * facts.feed_forward // tensor + 4 * facts.width)
    here = Room(
        _weights_bytes(facts, pipeline) // tensor,
        computed,
        round(token),
        facts.recurrent_bytes // tensor // pipeline,
        site.budget_bytes,
    )
    if here.context_tokens(1) < STEP_TOKENS:
        needed = site.budget_bytes - here.pool_bytes + here.sequence_bytes + here.token_bytes * STEP_TOKENS
        raise NotEnoughMemory(needed, site.budget_bytes, 0, f"each card's memory ({site.gpu_name})")
    return here


def memory_formula(here: Room) -> str:
    """Return the cache's arithmetic for one card."""
    return (
        f"cache {size(here.pool_bytes)} = {size(here.budget_bytes)} allowed − {size(here.weights_bytes)} weights − "
        f"{size(here.compute_bytes)} for a batch − {size(RUNTIME_BYTES)} for CUDA; "
        f"a token takes {size(here.token_bytes)}"
    )


def speed(facts: ModelFacts, site: Site, tensor: int, pipeline: int, users: int) -> Speed | None:
    """Return the rate with ``users`` answers of a few hundred tokens at once; ``None`` where no bandwidth is known.

    A step makes one token for each answer of a stage. It reads all weights once and each answer's cache, or computes
    longer than that; and starting each layer's kernels costs as much as it does llama.cpp.
    """
    if not site.bandwidth_bytes_s:
        return None
    sizes = sizes_of(facts, facts.format_id)
    weights = sum(part.reading.bytes for part in (*sizes.layers, sizes.output, sizes.embedding))
    count = sum(part.reading.count for part in (*sizes.layers, sizes.output, sizes.embedding))
    experts = facts.experts / facts.experts_used if facts.experts_used else 1
    batch = max(users / pipeline, 1)
    read = weights * min(experts, batch) + batch * _cache_bytes(facts) / STEP_TOKENS * FILLED_TOKENS
    cards = tensor * pipeline
    rate = site.bandwidth_bytes_s * GPU_BANDWIDTH_SHARE * (SPLIT_SHARE if tensor > 1 else 1)
    read_s = read / cards / rate
    compute_s = OPERATIONS * count * batch / cards / (site.bandwidth_bytes_s * GPU_FLOPS_PER_BANDWIDTH)
    start_s = facts.layers / pipeline * GPU_LAYER_S
    step_s = max(read_s, compute_s) + start_s
    total = batch / step_s if users >= pipeline else users / (step_s * pipeline)
    limit = "reading" if read_s >= compute_s else "computing"
    counted = f"{cards} card{'' if cards == 1 else 's'}"
    formula = (
        f"a step of {batch:.0f} answers is {limit}: {size(read)} / {counted} / {size(rate)}/s = "
        f"{read_s * 1e3:.1f} ms against {compute_s * 1e3:.1f} ms of arithmetic, and {start_s * 1e3:.1f} ms to start; "
        f"{batch:.0f} / {step_s * 1e3:.1f} ms = {total:,.0f} tokens/s"
    )
    return Speed(users, total, formula)


def _cache_bytes(facts: ModelFacts) -> int:
    return kv_cache_bytes(facts, Context(STEP_TOKENS, "f16", whole_windows=True))


def _weights_bytes(facts: ModelFacts, pipeline: int) -> int:
    """Return the weights of the fullest stage: the first has the embedding, the last the output, each its layers."""
    sizes = sizes_of(facts, facts.format_id)
    layers = sum(part.bytes for part in sizes.layers)
    if pipeline == 1:
        return layers + sizes.embedding.bytes + sizes.output.bytes
    output = sizes.embedding.bytes if sizes.tied else sizes.output.bytes
    return -(-layers // pipeline) + max(sizes.embedding.bytes, output)
