"""What a larger context would cost on this machine now, and one that is kept in another way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from engine.catalog.facts import read_facts
from engine.catalog.observations import Observations
from engine.chat.context import Enlargement, enlargement
from engine.errors import EngineError
from engine.formats import Family, ModelFacts, family_named, format_named
from engine.machine import memory
from engine.machine.probe import probe
from engine.machine.sources import Live
from engine.recommend.blocks import BLOCK_TYPES
from engine.recommend.context import Context
from engine.recommend.footprint import footprint
from engine.recommend.learned import Learned, Place
from engine.recommend.pools import pool
from engine.recommend.sizes import sizes_of
from engine.runtime import observing
from engine.runtime.options import CACHE_TYPES, PLAIN_CACHE_TYPES, LoadOptions


@dataclass(frozen=True, slots=True)
class CacheCost:
    """What the context takes, kept in one way: its KV cache and what computing with it takes beside the weights."""

    cache_type: str
    flash_attention: bool
    bytes: int


def cache_costs(path: Path, options: LoadOptions) -> tuple[CacheCost, ...]:
    """Return what each way to keep the context takes; none where the model or its program knows only one."""
    try:
        facts = read_facts(path)
    except EngineError:
        return ()
    row = format_named(facts.format_id)
    if row is None or row.family is not Family.GGUF:
        return ()
    ways = [(name, flash) for name in CACHE_TYPES if _divides(facts, name) for flash in (True, False)]
    return tuple(
        CacheCost(name, flash, _context_bytes(facts, replace(options, cache_type=name, flash_attention=flash)))
        for name, flash in ways
        if flash or name in PLAIN_CACHE_TYPES
    )


def _divides(facts: ModelFacts, cache_type: str) -> bool:
    """Tell whether the heads are whole blocks of a type (llama.cpp 0c1e57098, src/llama-context.cpp)."""
    lengths = (facts.key_length, facts.value_length, facts.window_key_length, facts.window_value_length)
    return all(length % BLOCK_TYPES[cache_type.upper()].elements == 0 for length in lengths)


def _context_bytes(facts: ModelFacts, options: LoadOptions) -> int:
    context, kind, flash = options.context_tokens, options.cache_type, options.flash_attention
    need = footprint(facts, facts.format_id, context, kind, flash_attention=flash)
    return need.kv_cache_bytes + need.compute_bytes


def offered_enlargement(
    path: Path, options: LoadOptions, needed_tokens: int, window: int, *, on_gpu: bool, device: str = ""
) -> Enlargement | None:
    """Return the next larger context that holds so many tokens; ``None`` where the model or its place has none.

    ``device`` is where it was loaded (``Loaded.device``), which tells one of several cards. A server's model has the
    context that its server gives it. It may take seconds where a GPU is to be asked.
    """
    try:
        facts = read_facts(path)
    except EngineError:
        return None
    free_bytes = _free_bytes(facts, device) if on_gpu else memory.read(Live()).available_bytes
    offer = enlargement(facts, options, needed_tokens, free_bytes, window)
    return offer and _corrected(offer, facts, options, free_bytes, "gpu" if on_gpu else "cpu")


def _corrected(
    offer: Enlargement, facts: ModelFacts, options: LoadOptions, free_bytes: int, place: Place
) -> Enlargement:
    """Return an offer as earlier loads on this machine correct it."""
    corrections = Observations().corrections()
    machine = observing.look(place == "cpu") if corrections.observations else None
    if machine is None:
        return offer
    context = Context(offer.context_tokens, options.cache_type)
    learned = Learned(sizes_of(facts, facts.format_id), machine, context, corrections)
    extra = learned.correct("memory", offer.extra_bytes, place)
    if extra is None or not extra.count:
        return offer
    return replace(offer, extra_bytes=round(extra.value), fits=extra.value <= free_bytes, corrected_from=extra.count)


def _free_bytes(facts: ModelFacts, device: str) -> int:
    """Return what is free on the GPUs where the layers are, and the keys and values with them."""
    machine = observing.on_card(probe(measure_bandwidth=False), device)
    gpus = pool(machine, family_named(facts.format_id) or Family.GGUF).gpus or machine.gpus
    return sum(gpu.usable_bytes for gpu in gpus) or memory.read(Live()).available_bytes
