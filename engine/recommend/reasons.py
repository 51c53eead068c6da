"""One sentence for each format: why it suits this machine, or which term of its footprint breaks it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.formats import Family, Format
from engine.machine.facts import Gpu
from engine.quantities import size
from engine.recommend.context import Context
from engine.recommend.fit import Footprint
from engine.recommend.placing import Placement
from engine.recommend.runtime_cost import gpu_room_bytes

PLACES = {"gpu": "all on the GPU", "gpu+cpu": "partly on the GPU", "cpu": "on the processor"}
FLUENT_TOKENS_S = 10.0
READING_TOKENS_S = 5.0  # about 230 words a minute


def fitting(row: Format, way: Placement, layers: int, gpus: int = 1) -> str:
    """Return why a format that fits is worth having, and what it is like to use; ``gpus`` share the layers."""
    where = f"divided over {gpus} GPUs" if gpus > 1 and way.place == "gpu" else PLACES[way.place]
    if way.place == "gpu+cpu":
        where = f"{min(way.gpu_layers, layers)} of {layers} layers on the GPU"
    purpose = "" if row.family in (Family.GGUF, Family.PLAIN) else f", made for {row.best_for}"
    return f"{_quality(row)}, {_pace(way.decode_tokens_s)}, {where}{purpose}."


def _quality(row: Format) -> str:
    words = row.quality.words
    return f"{words[0].upper()}{words[1:]} quality" if "lossless" not in words else words.capitalize()


def _pace(tokens_s: float | None) -> str:
    if tokens_s is None:
        return "at a speed that is not known yet"
    speed = f"about {tokens_s:.0f} tokens a second" if tokens_s >= 1.5 else "a token a second or less"
    if tokens_s >= FLUENT_TOKENS_S:
        return speed
    return f"{speed}, as fast as one reads" if tokens_s >= READING_TOKENS_S else f"{speed}, slower than one reads"


def breaking(way: Placement, context: Context, largest_context: int) -> str:
    """Return which term of a footprint breaks it."""
    need, free = way.footprint, size(way.free_bytes)
    term = _breaking_term(need, way.free_bytes)
    shorter = f" A context of {largest_context:,} tokens would fit." if largest_context else ""
    sentences = {
        "weights": f"Its weights alone take {size(need.weights_bytes)}, and {free} are free.",
        "runtime": f"Beside {size(need.weights_bytes)} of weights nothing is left for the program; {free} are free.",
        "cache": f"The KV cache for {context.tokens:,} tokens takes {size(need.kv_cache_bytes)} beside "
        f"{size(need.weights_bytes)} of weights, and {free} are free.{shorter}",
        "compute": f"The buffers to compute in take {size(need.compute_bytes)} beside {size(need.weights_bytes)} of "
        f"weights, and {free} are free.{shorter}",
        "uneven": f"It takes {size(need.total_bytes)} of {free} that are free, and its parts do not divide that well.",
    }
    return sentences[term]


def on_several(way: Placement, cards: Sequence[Gpu]) -> str:
    """Return what to do with a model that one card does not hold and all together would; "" where they would not."""
    if len(cards) < 2 or way.footprint.total_bytes > sum(map(gpu_room_bytes, cards)):
        return ""
    return (
        f" The {len(cards)} cards together would hold it, but this format computes on one: a GGUF file is divided over "
        "all of them, and vLLM (“Serve for many”) divides this one."
    )


def _breaking_term(need: Footprint, free_bytes: int) -> str:
    """Return the first term that does not fit, those that no setting changes first."""
    reached = 0
    for term, count in (
        ("weights", need.weights_bytes),
        ("runtime", need.runtime_bytes),
        ("cache", need.kv_cache_bytes),
        ("compute", need.compute_bytes),
    ):
        reached += count
        if reached > free_bytes:
            return term
    return "uneven"
