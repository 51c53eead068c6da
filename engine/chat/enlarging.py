"""What a larger context would cost on this machine now."""

from __future__ import annotations

from pathlib import Path

from engine.catalog.facts import read_facts
from engine.chat.context import Enlargement, enlargement
from engine.errors import EngineError
from engine.machine import memory
from engine.machine.probe import probe
from engine.machine.sources import Live
from engine.runtime.options import LoadOptions


def offered_enlargement(
    path: Path, options: LoadOptions, needed_tokens: int, window: int, *, on_gpu: bool
) -> Enlargement | None:
    """Return the next larger context that holds so many tokens; ``None`` where the model or its place has none.

    A server's model has the context that its server gives it. It may take seconds where a GPU is to be asked.
    """
    try:
        facts = read_facts(path)
    except EngineError:
        return None
    return enlargement(facts, options, needed_tokens, _free_bytes(on_gpu), window)


def _free_bytes(on_gpu: bool) -> int:
    """Return what is free where the layers are, and the keys and values with them."""
    if on_gpu and (gpus := probe(measure_bandwidth=False).gpus):
        return sum(gpu.usable_bytes for gpu in gpus)
    return memory.read(Live()).available_bytes
