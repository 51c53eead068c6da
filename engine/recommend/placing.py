"""Finds where a model fits: how many layers on the GPUs, and with which context at most."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.formats import Family
from engine.machine.facts import Machine
from engine.recommend.context import CELL_STEP, Context
from engine.recommend.corrections import Corrected
from engine.recommend.fit import Footprint
from engine.recommend.footprint import NOTHING, Placed, gguf_placed, pytorch_footprint
from engine.recommend.learned import Learned, Place
from engine.recommend.pools import Pool
from engine.recommend.runtime_cost import driver_bytes
from engine.recommend.sizes import Part, Reading, Sizes
from engine.recommend.speed import (
    CPU_LAYER_S,
    GPU_LAYER_S,
    Share,
    cache_reading_bytes,
    decode_s,
    prompt_s,
    pytorch_layer_s,
    rate,
)

GPU_ONLY = frozenset({Family.AWQ, Family.GPTQ, Family.BNB})
LONGEST_CONTEXT = 1 << 20  # where a model does not say what it was trained on


@dataclass(frozen=True, slots=True)
class Placement:
    """One way to lay a model out. ``footprint`` and ``free_bytes`` are of the memory that decides."""

    place: Place
    gpu_layers: int
    footprint: Footprint
    free_bytes: int
    fits: bool
    decode_tokens_s: float | None = None
    prompt_tokens_s: float | None = None
    estimates: tuple[Corrected, ...] = ()


def best_placement(
    sizes: Sizes, machine: Machine, memory: Pool, context: Context, learned: Learned | None = None
) -> Placement:
    """Return the fastest way that fits, else the one that comes nearest to it; corrected by what was learned."""
    ways = [placement(sizes, machine, memory, context, layers, learned) for layers in _splits(sizes, memory, context)]
    return max(
        ways,
        key=lambda way: (
            (way.fits, way.decode_tokens_s or 0.0, way.gpu_layers)
            if way.fits
            else (False, -(way.footprint.total_bytes - way.free_bytes), way.gpu_layers)
        ),
    )


def placement(
    sizes: Sizes, machine: Machine, memory: Pool, context: Context, gpu_layers: int, learned: Learned | None = None
) -> Placement:
    """Return one way, with ``gpu_layers`` on GPUs, the output counted as one."""
    way = _with_speed(_laid_out(sizes, memory, context, gpu_layers), sizes, machine, memory, context)
    return _corrected(way, learned) if learned else way


def largest_context(sizes: Sizes, memory: Pool, context: Context) -> int:
    """Return the largest context that fits, in tokens; 0 if not even the smallest does."""
    trained = sizes.facts.trained_context or LONGEST_CONTEXT
    steps = range(CELL_STEP, trained + CELL_STEP, CELL_STEP)

    def too_long(tokens: int) -> bool:
        longer = replace(context, tokens=tokens)
        return not any(_laid_out(sizes, memory, longer, layers).fits for layers in _splits(sizes, memory, longer))

    count = bisect_right(steps, False, key=too_long)
    return min(steps[count - 1], trained) if count else 0


def _splits(sizes: Sizes, memory: Pool, context: Context) -> tuple[int, ...]:
    """Return the numbers of GPU layers worth looking at: none, and the most that the GPUs hold."""
    everything = sizes.facts.layers + 1
    if sizes.family in GPU_ONLY:
        return (everything,)
    if not memory.gpus:
        return (0,)
    if sizes.family is Family.PLAIN:  # PyTorch does not fall back: what its card does not hold is refused
        return (everything,)

    def too_many(layers: int) -> bool:
        return not _gpus_hold(_placed(sizes, memory, context, layers), sizes, memory)

    if not too_many(everything):
        return (0, everything)
    held = bisect_right(range(1, everything), False, key=too_many)
    return (0, held) if held else (0,)


def _laid_out(sizes: Sizes, memory: Pool, context: Context, gpu_layers: int) -> Placement:
    placed = _placed(sizes, memory, context, gpu_layers)
    if not gpu_layers:
        free, shown = memory.main_bytes, placed.main
        return Placement("cpu", 0, shown, free, shown.total_bytes <= free)
    fits = _gpus_hold(placed, sizes, memory) and _main_holds(placed, memory)
    if gpu_layers <= sizes.facts.layers:
        return Placement("gpu+cpu", gpu_layers, placed.whole, memory.whole_bytes, fits)
    shown, free = (placed.whole, memory.main_bytes) if memory.unified else (placed.gpu, memory.gpu_bytes)
    return Placement("gpu", gpu_layers, shown, free, fits)


def _placed(sizes: Sizes, memory: Pool, context: Context, gpu_layers: int) -> Placed:
    """Return the footprint in both places; each GPU has a driver's part and a compute buffer of its own."""
    drivers = sum(map(driver_bytes, memory.gpus)) if gpu_layers else 0
    if sizes.family is Family.GGUF:
        placed = gguf_placed(sizes, context, gpu_layers, max(len(memory.gpus), 1), copies=not memory.unified)
        placed = Placed(placed.main, replace(placed.gpu, runtime_bytes=drivers))
    else:
        whole = replace(pytorch_footprint(sizes, context), runtime_bytes=drivers)
        placed = Placed(NOTHING, whole) if gpu_layers else Placed(whole, NOTHING)
    return Placed(placed.main.corrected(memory.main_factor), placed.gpu.corrected(memory.gpu_factor))


def _gpus_hold(placed: Placed, sizes: Sizes, memory: Pool) -> bool:
    """Tell whether the GPUs have room. Layers are not divided: each GPU but one may stay short of a layer."""
    uneven = (len(memory.gpus) - 1) * max((part.bytes for part in sizes.layers), default=0)
    return placed.gpu.total_bytes + uneven <= memory.gpu_bytes


def _main_holds(placed: Placed, memory: Pool) -> bool:
    needed = placed.whole if memory.unified else placed.main
    return needed.total_bytes <= memory.main_bytes


def _with_speed(way: Placement, sizes: Sizes, machine: Machine, memory: Pool, context: Context) -> Placement:
    shares = tuple(_shares(sizes, context, way.gpu_layers))
    gpu = memory.slowest
    if way.gpu_layers and gpu is None:
        return way
    return replace(
        way,
        decode_tokens_s=rate(decode_s(machine, share, gpu if on_gpu else None) for on_gpu, share in shares),
        prompt_tokens_s=rate(prompt_s(machine, share, gpu if on_gpu else None) for on_gpu, share in shares),
    )


def _corrected(way: Placement, learned: Learned) -> Placement:
    """Return a way with corrected rates; its memory was corrected when it was laid out."""
    decode = learned.correct("decode", way.decode_tokens_s, way.place)
    prompt = learned.correct("prompt", way.prompt_tokens_s, way.place)
    need = way.footprint
    memory = learned.correct("memory", need.first_bytes, way.place)
    memory = memory and memory.by(need.total_bytes / need.first_bytes)  # in two places it has two factors
    load = learned.correct("load", learned.load_s, way.place)
    return replace(
        way,
        decode_tokens_s=decode and decode.value,
        prompt_tokens_s=prompt and prompt.value,
        estimates=tuple(row for row in (memory, decode, prompt, load) if row),
    )


def _shares(sizes: Sizes, context: Context, gpu_layers: int) -> Iterable[tuple[bool, Share]]:
    """Yield what the GPU and what the processor computes of a token."""
    blocks = max(min(gpu_layers, sizes.facts.layers + 1) - 1, 0)
    first = sizes.facts.layers - blocks
    cache = cache_reading_bytes(sizes, context)
    ends = sizes.output.reading + sizes.embedding.reading
    layer_s = GPU_LAYER_S if sizes.family is Family.GGUF else pytorch_layer_s(sizes.format_id)
    if gpu_layers:
        yield True, Share(_read(sizes.layers[first:], ends), sum(cache[first:]), blocks * layer_s)
    if first:
        rest = Reading() if gpu_layers else ends
        yield False, Share(_read(sizes.layers[:first], rest), sum(cache[:first]), first * CPU_LAYER_S)


def _read(parts: Iterable[Part], more: Reading) -> Reading:
    return sum((part.reading for part in parts), more)
