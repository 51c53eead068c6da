"""The decision: every format of a model, the best for this machine first."""

from __future__ import annotations

from collections.abc import Callable

from engine.formats import Family, Format, ModelFacts, Quality, why_unread
from engine.machine.facts import Machine
from engine.recommend.context import Context
from engine.recommend.corrections import NO_CORRECTIONS, Corrections
from engine.recommend.fit import Fit
from engine.recommend.learned import Learned
from engine.recommend.placing import Placement, best_placement, largest_context
from engine.recommend.pools import nvidia_gpus, pool
from engine.recommend.reasons import FLUENT_TOKENS_S, READING_TOKENS_S, breaking, fitting, on_several
from engine.recommend.requirements import obstacles, offered, refusal
from engine.recommend.sizes import Sizes, sizes_of
from engine.recommend.tensor_types import arranged

HEADER_ENTRY_BYTES = 36  # of a GGUF file, for each entry of the vocabulary: 1.79 MB for SmolLM2's 49,152

# Among formats of equal merit: what runs for one person at a time, what keeps more of the original, what is simplest.
FAMILY_ORDER = (Family.GGUF, Family.AWQ, Family.GPTQ, Family.BNB, Family.PLAIN)
SLOW_TOKENS_S = 2.0

# What decides, in this order; each rule says how well a row does by it, and more is better.
RULES: tuple[tuple[str, Callable[[Fit], float]], ...] = (
    ("it fits", lambda fit: fit.fits),
    ("nothing has to be installed first", lambda fit: not fit.obstacles),
    ("it loses little, or as little as can be had", lambda fit: min(fit.format.quality, Quality.GOOD)),
    ("it answers as fast as one reads", lambda fit: _pace(fit.decode_tokens_s)),
    ("the GPU holds all of it", lambda fit: fit.place == "gpu"),
    ("it loses less, up to what can be told apart", lambda fit: min(fit.format.quality, Quality.NEAR_LOSSLESS)),
    ("its family suits one person at a time", lambda fit: -FAMILY_ORDER.index(fit.format.family)),
    ("of levels that lose something, the wider", lambda fit: fit.format.bits if _loses(fit) else -fit.format.bits),
)


def recommend(
    facts: ModelFacts,
    machine: Machine,
    context_tokens: int = 4096,
    cache_type: str = "f16",
    corrections: Corrections = NO_CORRECTIONS,
) -> tuple[Fit, ...]:
    """Return a row for every format that the model has or can be made into, ranked; those that fit come first.

    The context is cut down to what the model was trained on. Those that do not fit are ordered by what they lack.
    ``corrections`` are what earlier loads on this machine told.
    """
    longest = facts.trained_context or context_tokens
    context = Context(max(min(context_tokens, longest), 1), cache_type)
    refusals = {family: refusal(family, facts, machine, cache_type) for family in Family}
    ready = arranged(facts)
    learned = [(row, Learned(sizes_of(facts, row.id, ready), machine, context, corrections)) for row in offered(facts)]
    rows = [_fit(row, known, why_unread(row.id) or refusals[row.family]) for row, known in learned]

    def merit(fit: Fit) -> tuple[float, ...]:
        return (*standing(fit), refusals[fit.format.family] is None, -_lacking_bytes(fit))

    return tuple(sorted(rows, key=merit, reverse=True))


def standing(fit: Fit) -> tuple[float, ...]:
    """Return how a row does by each rule; the greater tuple is the better suggestion."""
    return tuple(rule(fit) for _, rule in RULES) if fit.fits else (0.0,)


def _fit(row: Format, learned: Learned, refused: str | None) -> Fit:
    sizes, machine, context = learned.sizes, learned.machine, learned.context
    facts, memory = sizes.facts, learned.weighed(pool(machine, row.family))
    way = best_placement(sizes, machine, memory, context, learned)
    fits = way.fits and refused is None
    longest = largest_context(sizes, memory, context) if refused is None else 0
    if fits:
        longest = max(longest, context.tokens)  # which may lie between two of the steps that were tried
    return Fit(
        format=row,
        fits=fits,
        place=way.place,
        footprint=way.footprint,
        free_bytes=way.free_bytes,
        file_bytes=_file_bytes(sizes),
        context_tokens=context.tokens,
        largest_context=longest,
        gpu_layers=min(way.gpu_layers, facts.layers),
        decode_tokens_s=way.decode_tokens_s,
        prompt_tokens_s=way.prompt_tokens_s,
        reason=_reason(refused, row, way, learned, longest),
        obstacles=tuple(obstacles(row, _file_bytes(sizes), facts, machine)) if refused is None else (),
        estimates=way.estimates,
    )


def _reason(refused: str | None, row: Format, way: Placement, learned: Learned, longest: int) -> str:
    if refused is not None:
        return refused
    if way.fits:
        return fitting(row, way, learned.sizes.facts.layers, len(pool(learned.machine, row.family).gpus))
    several = "" if row.family is Family.GGUF else on_several(way, nvidia_gpus(learned.machine))
    return breaking(way, learned.context, longest) + several


def _file_bytes(sizes: Sizes) -> int:
    header = HEADER_ENTRY_BYTES * sizes.facts.vocabulary if sizes.family is Family.GGUF else 0
    return sizes.weights_bytes + header


def _pace(tokens_s: float | None) -> int:
    """Return a step: fluent, reading speed, slow, hardly usable. A speed that is not known is taken for fluent."""
    steps = (FLUENT_TOKENS_S, READING_TOKENS_S, SLOW_TOKENS_S)
    return sum(tokens_s is None or tokens_s >= step for step in steps)


def _loses(fit: Fit) -> bool:
    return fit.format.quality < Quality.NEAR_LOSSLESS


def _lacking_bytes(fit: Fit) -> int:
    return max(fit.footprint.total_bytes - fit.free_bytes, 0)
