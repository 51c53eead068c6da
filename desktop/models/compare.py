"""The formats of one model beside each other: what is here, what was measured of it, and what cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.catalog.servers.listing import FORMAT_ID as SERVER
from engine.errors import EngineError
from engine.formats import label_of
from engine.measure.choose import Choice, Room, Rule, choose
from engine.measure.export import Votes
from engine.measure.identity import known_sha256
from engine.measure.options import MeasureOptions, default_texts
from engine.measure.original import PRECISE, siblings_of
from engine.measure.registry import row_for
from engine.measure.report import Report
from engine.measure.run import texts_key
from engine.measure.store import Store
from engine.measure.votes import Tally


@dataclass(frozen=True, slots=True)
class Contender:
    """A format of the model. ``report`` is ``None`` until it is measured; ``why_not`` says why it cannot be.

    ``tally`` counts the votes on its answers beside another model's, ``None`` before the first.
    """

    model: Checkpoint
    report: Report | None = None
    why_not: str = ""
    tally: Tally | None = None

    @property
    def label(self) -> str:
        return label_of(self.model.format_id)

    @property
    def can_measure(self) -> bool:
        return self.report is None and not self.why_not


@dataclass(frozen=True, slots=True)
class Comparison:
    """All formats of ``model``; measured quickly and thoroughly, which cannot be compared with each other."""

    model: Checkpoint
    quick: tuple[Contender, ...]
    thorough: tuple[Contender, ...]

    @property
    def is_quick(self) -> bool:
        """Whether at least as much was measured quickly."""
        return _count(self.quick) >= _count(self.thorough)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A contender with its place by the rule: ``choice`` is ``None`` for what was not measured."""

    contender: Contender
    choice: Choice | None = None
    best: bool = False


def read_comparison(
    path: Path,
    entries: Sequence[Checkpoint],
    library: Library,
    options: MeasureOptions,
    store: Store,
    votes: Votes | None = None,
) -> Comparison:
    """Return the formats of the model at ``path``. It blocks: run it as a job. Raises :class:`NotFound`."""
    model = next((entry for entry in entries if entry.path == path), None) or library.entry_at(path)
    siblings = siblings_of(model, [entry for entry in entries if not entry.damaged])
    key, reports = texts_key(default_texts()), store.reports()
    siblings = [*siblings, *_on_servers(siblings, reports)]
    quick, thorough = (
        _voted(_contenders(siblings, [report for report in reports if _is_of(report, key, asked)]), votes or {}, store)
        for asked in (options.quick(), options)
    )
    return Comparison(model, quick, thorough)


def in_order(contenders: Iterable[Contender]) -> list[Contender]:
    """Return what is still to be measured, the original first: the others are compared with it."""
    left = [each for each in contenders if each.can_measure]
    return sorted(left, key=lambda each: (_precision(each.model.format_id), -each.model.size_bytes))


def rank(contenders: Sequence[Contender], rule: Rule, room: Room) -> tuple[Ranked, ...]:
    """Return the measured formats, the best first, and below them those that were not measured."""
    measured = {id(each.report): each for each in contenders if each.report}
    reports = [each.report for each in contenders if each.report]
    choices = choose(reports, rule, room.free_bytes, room.gpu_free_bytes)
    ranked = [Ranked(measured[id(each.report)], each, each.passes and not place) for place, each in enumerate(choices)]
    return (*ranked, *(Ranked(each) for each in contenders if each.report is None))


def _on_servers(models: Sequence[Checkpoint], reports: Sequence[Report]) -> Iterator[Checkpoint]:
    """Yield the models on servers that were compared with one of these."""
    names = {model.name for model in models}
    found = [report for report in reports if report.format_id == SERVER and report.reference in names]
    for path, name in {report.path: report.name for report in found}.items():
        if Path(path).is_file():
            yield Checkpoint(Path(path), name, SERVER, 0)


def _contenders(models: Sequence[Checkpoint], reports: Sequence[Report]) -> tuple[Contender, ...]:
    """Return the models with those reports that share the most precise original: others cannot be compared."""
    found = {model.path: [report for report in reports if _describes(report, model)] for model in models}
    known = [report for each in found.values() for report in each]
    best = min(known, key=lambda report: _precision(report.reference_format), default=None)
    return tuple(
        Contender(model, next((each for each in found[model.path] if _same_reference(each, best)), None), _why(model))
        for model in models
    )


def _voted(contenders: Sequence[Contender], votes: Votes, store: Store) -> tuple[Contender, ...]:
    return tuple(replace(each, tally=votes.get(_sha256(each, store))) for each in contenders)


def _sha256(contender: Contender, store: Store) -> str:
    return contender.report.sha256 if contender.report else known_sha256(contender.model, store) or ""


def _same_reference(report: Report, other: Report | None) -> bool:
    return other is not None and report.reference_sha256 == other.reference_sha256


def _describes(report: Report, model: Checkpoint) -> bool:
    """Tell whether a report is of this file as it is now: by its hash, or by place, size and time."""
    if report.size_bytes != model.size_bytes:
        return False
    recorded = model.record.get("sha256")
    if isinstance(recorded, str) and recorded:
        return recorded == report.sha256
    try:
        changed_s = max(file.stat().st_mtime for file in model.files)
        return report.path == str(model.path) and changed_s <= datetime.fromisoformat(report.measured_at).timestamp()
    except (OSError, ValueError):
        return False


def _is_of(report: Report, key: str, options: MeasureOptions) -> bool:
    return report.texts_sha256 == key and dict(report.quality_settings) == options.quality_record()


def _why(model: Checkpoint) -> str:
    try:
        row_for(model.format_id)
    except EngineError as error:
        return f"{error.message} {error.hint}".strip()
    return model.problem


def _precision(format_id: str) -> int:
    return PRECISE.index(format_id) if format_id in PRECISE else len(PRECISE)


def _count(contenders: Sequence[Contender]) -> int:
    return sum(each.report is not None for each in contenders)
