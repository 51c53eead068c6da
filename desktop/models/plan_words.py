"""What a conversion will take and what it made, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desktop.language import tr
from desktop.models.making import Manner
from desktop.quantities import duration, number, size
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.convert.card import agreement_words, gain_words
from engine.convert.folders.plan import FolderPlan, folder_plan, target_of
from engine.convert.folders.recipes import FOLDER_RECIPES
from engine.convert.plan import Plan, plan


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, the size of its source, whether the library has the result already, and what was chosen."""

    plan: Plan | FolderPlan
    source_bytes: int
    made_before: bool
    manner: Manner = Manner()  # noqa: RUF009 (frozen)


def prepare(source: Path, format_id: str, library: Library, manner: Manner = Manner()) -> Prepared:  # noqa: B008 (frozen)
    """Plan a conversion into the library. It blocks: run it as a job. Raises :class:`NotFound` if nothing is there."""
    entry = library.entry_at(source)
    if format_id in FOLDER_RECIPES:
        target = target_of(library, entry, format_id)
        planned = folder_plan(source, format_id, target, library, manner.folder_options)
    else:
        target = library.target(entry, format_id)
        planned = plan(source, format_id, target, library, manner.options)
    return Prepared(planned, planned.source.size_bytes, target.exists(), manner)


def fact_words(prepared: Prepared) -> tuple[tuple[str, str], ...]:
    """Return what a conversion takes, as pairs."""
    return tuple(_facts(prepared))


def _facts(prepared: Prepared) -> Iterator[tuple[str, str]]:
    planned, needs = prepared.plan, prepared.plan.needs
    yield tr("From"), f"{planned.source.path.name} ({size(prepared.source_bytes)})"
    yield tr("Makes"), planned.target.name
    yield tr("Into"), str(planned.target.parent)
    if isinstance(planned, FolderPlan) and planned.recipe.calibrates:
        samples, tokens = number(planned.recipe.samples), number(planned.recipe.sample_tokens)
        yield tr("Learns from"), tr("{samples} samples of {tokens} tokens").format(samples=samples, tokens=tokens)
    if needs:
        yield tr("Size"), size(needs.result_bytes)
        yield tr("Disk"), tr("{size} while it runs").format(size=size(needs.disk_bytes))
        yield tr("Memory"), size(needs.memory_bytes)
        if needs.gpu_bytes:
            yield tr("GPU memory"), size(needs.gpu_bytes)
        yield tr("Time"), tr("about {time}").format(time=duration(needs.seconds))


def made_words(made: Checkpoint) -> tuple[tuple[str, str], ...]:
    """Return what a conversion made, as its record tells."""
    return tuple(_made(made, made.record))


def _made(made: Checkpoint, record: Any) -> Iterator[tuple[str, str]]:
    yield tr("Model"), made.title
    yield tr("Format"), made.format.label if made.format else made.format_id
    yield tr("Size"), size(made.size_bytes)
    if calibration := record.get("calibration"):
        texts = ", ".join(calibration["texts"])
        yield (
            tr("Calibrated on"),
            tr("{samples} samples of {tokens} tokens: {texts}").format(
                samples=calibration["samples"], tokens=calibration["sample_tokens"], texts=texts
            ),
        )
    if bits := record.get("bits_per_weight"):
        yield tr("Width"), tr("{bits} bits for each weight").format(bits=number(bits, 2))
    if found := record.get("agreement"):
        yield tr("Beside the original"), agreement_words(found)
    if gain := gain_words(record):
        yield tr("Importance matrix"), gain
    if seconds := record.get("seconds"):
        yield tr("Took"), duration(sum(seconds.values()))
    if memory_bytes := record.get("peak_memory_bytes"):
        yield tr("Memory"), tr("{size} at most").format(size=size(memory_bytes))
    if digest := record.get("sha256"):
        yield "SHA-256", digest
    yield tr("Lies in"), str(made.path.parent)
