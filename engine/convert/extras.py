"""What a conversion does besides making its file: the comparison with the original, as far as there is room for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engine.convert import estimates
from engine.convert.estimates import Needs
from engine.convert.places import room_problems
from engine.convert.recipes import Recipe
from engine.convert.source import VOCABULARIES, Source
from engine.formats import ModelFacts
from engine.quantities import size


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants besides the file; ``None`` where there is room for it.

    ``comparison``: the result is compared with the original, which takes a file of all its precision. ``gain``: a
    result that has an importance matrix is made without it, too, and compared, to tell what the matrix gains.
    """

    comparison: bool | None = None
    gain: bool | None = None


@dataclass(frozen=True, slots=True)
class Extras:
    """What is done besides, what all of it takes, and sentences about what is left out."""

    compares: bool = False
    twin: Recipe | None = None
    needs: Needs | None = None
    notes: tuple[str, ...] = ()


def choose(source: Source, facts: ModelFacts, recipe: Recipe, wanted: Wanted, threads: int, target: Path) -> Extras:
    """Return the most that is wanted and that there is room for; what a person asked for is not left out."""
    compares = quantizes(source, recipe) and wanted.comparison is not False
    twin = recipe.without_importance if compares and wanted.gain is not False else None
    kept_twin = twin if wanted.gain else None
    kept_comparison = compares and bool(wanted.comparison or kept_twin)
    most = _with(source, facts, recipe, threads, compares, twin)
    for less in (most, replace(most, twin=kept_twin), replace(most, compares=kept_comparison, twin=kept_twin)):
        chosen = _with(source, facts, recipe, threads, less.compares, less.twin)
        if chosen.needs and not any(room_problems(chosen.needs, target)):
            break
    return replace(chosen, notes=tuple(_left_out(most, chosen)))


def quantizes(source: Source, recipe: Recipe) -> bool:
    """Tell whether the quantizer has a part in a conversion."""
    return bool(recipe.intermediate) or source.is_gguf


def output_type(source: Source, recipe: Recipe) -> str:
    """Return what llama.cpp's converter is to write, "" where it has no part in it."""
    return "" if source.is_gguf else recipe.output_type(source.stored_type)


def _with(
    source: Source, facts: ModelFacts, recipe: Recipe, threads: int, compares: bool, twin: Recipe | None
) -> Extras:
    needed = estimates.needs(
        facts,
        recipe,
        output_type(source, recipe),
        threads,
        source.size_bytes,
        _vocabulary_bytes(source),
        compares=compares,
        twin=twin is not None,
    )
    disk_bytes = needed.disk_bytes + source.projector_bytes + (source.afar.fetched_bytes if source.afar else 0)
    return Extras(compares, twin, replace(needed, disk_bytes=disk_bytes))


def _left_out(most: Extras, chosen: Extras) -> Iterator[str]:
    assert most.needs
    disk, memory = size(most.needs.disk_bytes), size(most.needs.memory_bytes)
    takes = f"for that {disk} of disk and {memory} of memory must be free."
    if most.compares and not chosen.compares:
        yield f"The result will not be compared with the original: {takes}"
    elif most.twin and not chosen.twin:
        yield f"What the importance matrix gains will not be shown: {takes}"


def _vocabulary_bytes(source: Source) -> int:
    if source.afar:
        return source.afar.vocabulary_bytes
    files = [source.path / name for name in VOCABULARIES] if source.path.is_dir() else []
    return max((file.stat().st_size for file in files if file.is_file()), default=4 << 20)
