"""Two models on one question: whether both fit the memory together, and what a vote remembers of them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.catalog import records
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import read_facts
from engine.catalog.generation import Recommended, read_recommended
from engine.catalog.library import Library
from engine.errors import EngineError, NotFound, Refused
from engine.formats import Family
from engine.machine.facts import Machine
from engine.machine.probe import probe
from engine.measure.identity import hash_key, known_sha256, model_files
from engine.measure.store import Store
from engine.measure.votes import Side
from engine.recommend.footprint import footprint
from engine.recommend.pools import Pool, pool
from engine.runtime.options import LoadOptions


@dataclass(frozen=True, slots=True)
class Contestant:
    """A model that is to answer, and what its makers recommend."""

    checkpoint: Checkpoint
    recommended: Recommended


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two models in the order in which they are shown. ``together``: both fit the free memory and answer at once."""

    contestants: tuple[Contestant, Contestant]
    together: bool


def paired(
    library: Library, paths: Sequence[Path], options: LoadOptions, *, blind: bool, place: random.Random | None = None
) -> Pairing:
    """Look at two models; ``blind`` mixes their order. Raises :class:`Refused` for one and the same, or not found.

    It looks at the machine, which takes half a second.
    """
    if len(paths) != 2 or paths[0] == paths[1]:
        raise Refused("Two different models are needed.", "Choose another one on one side.")
    found = [library.find(str(path)) for path in paths]
    if blind:
        (place or random.SystemRandom()).shuffle(found)
    first, second = (Contestant(checkpoint, read_recommended(checkpoint.path)) for checkpoint in found)
    return Pairing((first, second), fit_together(found, options, probe(measure_bandwidth=False)))


def fit_together(models: Sequence[Checkpoint], options: LoadOptions, machine: Machine) -> bool:
    """Return whether all fit at once: wholly on the GPUs where their programs compute there, else in main memory.

    Each finds what those before it leave: two that compute on one card each may take two cards.
    """
    for model in models:
        room = _room(model, options, machine)
        on_gpu = room.gpu_bytes > 0
        need = _memory_bytes(model, options, on_gpu=on_gpu)
        if need > (room.gpu_bytes if on_gpu else room.main_bytes) or (room.unified and need > room.main_bytes):
            return False
        machine = _less(machine, need, room if on_gpu else Pool(room.main_bytes))
    return True


def _less(machine: Machine, need: int, room: Pool) -> Machine:
    """Return the machine with so much taken of the GPUs of a room, or of main memory where it has none."""
    gpus, left = [], need
    for gpu in machine.gpus:
        taken = min(left, gpu.usable_bytes) if gpu in room.gpus else 0
        gpus.append(replace(gpu, usable_bytes=gpu.usable_bytes - taken))
        left -= taken
    in_main = 0 if room.gpus and not room.unified else need
    memory = replace(machine.memory, available_bytes=machine.memory.available_bytes - in_main)
    return replace(machine, gpus=tuple(gpus), memory=memory)


def _room(checkpoint: Checkpoint, options: LoadOptions, machine: Machine) -> Pool:
    row = checkpoint.format
    found = pool(machine, row.family if row else Family.GGUF)
    return found if options.gpu_layers else Pool(found.main_bytes)


def _memory_bytes(checkpoint: Checkpoint, options: LoadOptions, *, on_gpu: bool) -> int:
    """Return what a model takes where it computes; a server's takes nothing here."""
    try:
        facts = read_facts(checkpoint.path)
    except NotFound:
        return 0
    except EngineError:
        return checkpoint.size_bytes
    layers = facts.layers + 1 if on_gpu else 0
    need = footprint(
        facts,
        checkpoint.format_id,
        options.context_tokens,
        options.cache_type,
        gpu_layers=layers,
        flash_attention=options.flash_attention,
    )
    return need.total_bytes


def side_of(checkpoint: Checkpoint) -> Side:
    """Return what a vote remembers of a model. It may read the whole model once."""
    files = [file for file in model_files(checkpoint) if file.is_file()]
    return Side(_sha256(checkpoint, files) if files else checkpoint.name, checkpoint.format_id, checkpoint.name)


def _sha256(checkpoint: Checkpoint, files: Sequence[Path]) -> str:
    """Return the hash that a measurement gives (:mod:`engine.measure.run`), known again by size and time of change."""
    store = Store()
    if (known := known_sha256(checkpoint, store)) is not None:
        return known
    sums = [records.sha256(file) for file in files]
    found = sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()
    store.keep(hash_key(files), found)
    return found
