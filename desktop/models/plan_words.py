"""What a conversion will take and what it made, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.convert.card import agreement_words, gain_words
from engine.convert.folders.plan import FolderPlan, folder_plan
from engine.convert.folders.recipes import FOLDER_RECIPES
from engine.convert.plan import Plan, plan
from engine.quantities import duration, size


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, the size of its source, and whether the library has the result already."""

    plan: Plan | FolderPlan
    source_bytes: int
    made_before: bool


def prepare(source: Path, format_id: str, library: Library) -> Prepared:
    """Plan a conversion into the library. It blocks: run it as a job. Raises :class:`NotFound` if nothing is there."""
    target = library.target(library.entry_at(source), format_id)
    make = folder_plan if format_id in FOLDER_RECIPES else plan
    planned = make(source, format_id, target, library)
    return Prepared(planned, planned.source.size_bytes, target.exists())


def fact_words(prepared: Prepared) -> tuple[tuple[str, str], ...]:
    """Return what a conversion takes, as pairs."""
    return tuple(_facts(prepared))


def _facts(prepared: Prepared) -> Iterator[tuple[str, str]]:
    planned, needs = prepared.plan, prepared.plan.needs
    yield "From", f"{planned.source.path.name} ({size(prepared.source_bytes)})"
    yield "Makes", planned.target.name
    yield "Into", str(planned.target.parent)
    if needs:
        yield "Size", size(needs.result_bytes)
        yield "Disk", f"{size(needs.disk_bytes)} while it runs"
        yield "Memory", size(needs.memory_bytes)
        yield "Time", f"about {duration(needs.seconds)}"


def made_words(made: Checkpoint) -> tuple[tuple[str, str], ...]:
    """Return what a conversion made, as its record tells."""
    return tuple(_made(made, made.record))


def _made(made: Checkpoint, record: Any) -> Iterator[tuple[str, str]]:
    yield "Model", made.title
    yield "Format", made.format.label if made.format else made.format_id
    yield "Size", size(made.size_bytes)
    if calibration := record.get("calibration"):
        texts = ", ".join(calibration["texts"])
        yield "Calibrated on", f"{calibration['samples']} samples of {calibration['sample_tokens']} tokens: {texts}"
    if bits := record.get("bits_per_weight"):
        yield "Width", f"{bits:.2f} bits for each weight"
    if found := record.get("agreement"):
        yield "Beside the original", agreement_words(found)
    if gain := gain_words(record):
        yield "Importance matrix", gain
    if seconds := record.get("seconds"):
        yield "Took", duration(sum(seconds.values()))
    if memory_bytes := record.get("peak_memory_bytes"):
        yield "Memory", f"{size(memory_bytes)} at most"
    if digest := record.get("sha256"):
        yield "SHA-256", digest
    yield "Lies in", str(made.path.parent)
