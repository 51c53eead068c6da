"""Carries out plans: each step in a process of its own, each result under a temporary name until it is checked."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.catalog import records
from engine.catalog.checkpoint import Checkpoint
from engine.convert import card
from engine.convert.identity import identity_of
from engine.convert.leftovers import adopted, journal_of, remove_leftovers, unfinished
from engine.convert.outcome import explained, projector_record, record_of
from engine.convert.plan import PLAIN, Plan, together_bytes
from engine.convert.recipes import recipe_for
from engine.convert.steps import Steps
from engine.errors import (
    DamagedFile,
    DiskFull,
    EngineError,
    NotEnoughMemory,
    Refused,
    UnsupportedModel,
    WorkerCrashed,
)
from engine.events import Event, Finished, Notice


@dataclass(slots=True)
class _Making:
    """A file on its way: ``results`` and ``seconds`` are of the steps that made it."""

    plan: Plan
    file: Path
    identity: str
    results: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    finished: bool = False


class Conversions:
    """A job for several formats of one source, all quantized ones in one pass over its weights.

    Iterate once for its events; the last is ``Finished`` with a tuple of checkpoints, in the order of ``plans``. Each
    file gets its name as soon as it is checked. Whatever happens, nothing half-made stays, neither a file nor an empty
    folder; only a process that was killed leaves what the next conversion of the same kind goes on with.
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        assert plans, "there is nothing to convert"
        assert len({plan.source.path for plan in plans}) == 1, "several sources"
        self.plans = tuple(plans)
        self._steps = Steps()
        self._layouts: list[Path] = []  # there for moments, and of no use later
        self._temporary: list[Path] = []

    def cancel(self) -> None:
        """Stop at once: native code asks nobody, so its process is ended."""
        self._steps.cancel()

    def __iter__(self) -> Iterator[Event]:
        """Raise the plans' first problem, the error of a step, or :class:`Cancelled`."""
        for problem in (problem for plan in self.plans for problem in plan.problems):
            raise problem
        new_folders = [(plan.target.parent, _first_missing(plan.target.parent)) for plan in self.plans]
        for folder, _ in new_folders:
            folder.mkdir(parents=True, exist_ok=True)
        makings = [self._begun(plan) for plan in self.plans]
        for folder, _ in new_folders:
            remove_leftovers(folder)
        resumable = False
        try:
            yield from map(Notice, dict.fromkeys(note for plan in self.plans for note in plan.notes))
            yield from self._carry_out(makings)
        except DiskFull as error:
            raise _with_needs(error, self.plans) from error
        except WorkerCrashed:
            resumable = True
            raise
        except EngineError as error:
            ours = [*(making.file for making in makings), *self._temporary, *self._layouts]
            raise explained(error, self.plans[0], ours) from error
        finally:
            self._steps.end_worker()
            _remove(*self._layouts, *(() if resumable else (*self._temporary, *_files_of(makings))))
            for folder, new_folder in new_folders:
                _remove_empty(folder, new_folder)
        yield Finished(tuple(plan.library.entry_at(plan.target) for plan in self.plans))

    def _begun(self, plan: Plan) -> _Making:
        identity = identity_of(plan)
        return _Making(plan, adopted(plan.target.parent, identity[:16]), identity)

    def _carry_out(self, makings: Sequence[_Making]) -> Iterator[Event]:
        """Make what the converter writes by itself one by one, and all quantized levels together."""
        for making in (making for making in makings if not making.plan.quantizes):
            yield from self._make([making])
            yield from self._finish([making])
        quantized = [making for making in makings if making.plan.quantizes]
        if quantized:
            yield from self._quantize(quantized)
            yield from self._finish(quantized)
        yield from self._project(makings[0].plan, makings[0].results["hash"])

    def _quantize(self, makings: Sequence[_Making]) -> Iterator[Event]:
        """Make all quantized levels in one pass; with an importance matrix, a file that can be run comes first."""
        plan = makings[0].plan
        if plan.computes_importance:
            runnable = yield from self._original(makings)
            imatrix = yield from self._learn(makings, runnable)
            yield from self._make(makings, runnable, imatrix)
        else:
            runnable = None
            yield from self._make(makings, imatrix=plan.imatrix)
        if plan.compares:
            yield from self._compare(makings, runnable or (yield from self._original(makings)))

    def _original(self, makings: Sequence[_Making]) -> Generator[Event, None, Path]:
        """Return the original as a file that llama.cpp can run, made first where it is a folder."""
        plan = makings[0].plan
        if plan.source.is_gguf:
            return plan.source.path
        runnable = self._runnable(plan)
        yield from self._make([runnable])
        for making in makings:
            making.seconds["cast"] = runnable.seconds["make"]
        return runnable.file

    def _learn(self, makings: Sequence[_Making], source: Path) -> Generator[Event, None, Path]:
        """Compute an importance matrix and return its file."""
        plan = makings[0].plan
        imatrix = self._named(unfinished(plan.target.parent))
        yield from self._step(
            makings,
            "importance",
            model=str(source),
            texts=[str(text) for text in plan.calibration],
            target=str(imatrix),
            threads=plan.threads,
            own_words=plan.options.own_words,
        )
        self._steps.end_worker()
        return imatrix

    def _compare(self, makings: Sequence[_Making], original: Path) -> Iterator[Event]:
        """Let the original and the results read the same text; refuse what is too far.

        What an importance matrix gains is told by twins that are made without it, and gone afterwards.
        """
        twins = {making.plan.target: self._twin(making.plan) for making in makings if making.plan.twin}
        if twins:
            yield from self._make([*twins.values()], original, doing="Quantizing without importance")
        compared = [*makings, *twins.values()]
        try:
            yield from self._step(
                makings,
                "compare",
                original=str(original),
                files=[str(making.file) for making in compared],
                format_ids=[making.plan.recipe.format_id for making in makings if making.plan.recipe],
                threads=makings[0].plan.threads,
            )
        except (WorkerCrashed, NotEnoughMemory) as error:
            if self._steps.cancelled:
                raise
            yield Notice(f"The result could not be compared with its original. {error.message}", "warning")
            return
        finally:
            self._steps.end_worker()
            _remove(*(path for twin in twins.values() for path in (twin.file, journal_of(twin.file))))
        for making, found in zip(compared, makings[0].results["compare"]["agreements"], strict=False):
            making.results["agreement"] = found
        for making in makings:
            if twin := twins.get(making.plan.target):
                making.results["agreement_without_importance"] = twin.results.get("agreement", {})
                making.seconds["without_importance"] = twin.seconds["make"]

    def _twin(self, plan: Plan) -> _Making:
        """Return what is made like a plan's result, but without its importance matrix, and only to be compared."""
        name = plan.target.with_name(f"{plan.target.stem} without importance.gguf")
        twin = dataclasses.replace(plan, recipe=plan.twin, target=name, options=PLAIN)
        return self._passing(twin)

    def _runnable(self, plan: Plan) -> _Making:
        """Return what is made of a folder so that llama.cpp can run it: all of its precision, for a while."""
        recipe = recipe_for(f"gguf-{plan.output_type}")
        return self._passing(dataclasses.replace(plan, recipe=recipe, options=PLAIN))

    def _passing(self, plan: Plan) -> _Making:
        """Return a file that is there for a while only."""
        making = self._begun(plan)
        self._named(making.file)
        self._named(journal_of(making.file))
        return making

    def _make(
        self, makings: Sequence[_Making], source: Path | None = None, imatrix: Path | None = None, doing: str = ""
    ) -> Iterator[Event]:
        plan = makings[0].plan
        layout = unfinished(plan.target.parent)
        self._layouts.append(layout)
        yield from self._step(
            makings,
            "make",
            source=str(source or plan.source.path),
            layout=str(layout),
            output_type=plan.output_type,
            targets=[_wanted(making) for making in makings],
            threads=plan.threads,
            imatrix=str(imatrix or ""),
            doing=doing,
        )
        self._steps.end_worker()  # its memory comes back before the next step asks for its own

    def _finish(self, makings: Sequence[_Making]) -> Iterator[Event]:
        """Check each file, give it its name, and write its record and its card beside it."""
        yield from self._step(makings, "hash", files=[*map(str, makings[0].plan.source.files)])
        _remove(*self._temporary)  # before the first name: whoever is killed behind the last one comes back to nothing
        for making in makings:
            plan = making.plan
            assert plan.recipe is not None
            yield from self._step(
                [making],
                "check",
                file=str(making.file),
                format_id=plan.recipe.format_id,
                tensors=making.results["make"]["tensors"],
            )
            yield from self._name(making)

    def _project(self, plan: Plan, hashes: Mapping[str, str]) -> Iterator[Event]:
        """Write the part that reads pictures or sound beside the model, which is whole and useful without it."""
        target = plan.projector
        if target is None or target.exists():
            return
        file = self._named(unfinished(target.parent))
        making = _Making(plan, file, "")
        try:
            yield from self._step(
                [making], "project", source=str(plan.source.path), file=str(file), model=str(plan.target)
            )
        except (UnsupportedModel, Refused, DamagedFile, WorkerCrashed) as error:
            if self._steps.cancelled:
                raise
            yield Notice(
                f"The part that reads pictures or sound could not be made. {error.message} "
                "The model itself is done, and chats about text.",
                "warning",
            )
            _remove(file)
            return
        finally:
            self._steps.end_worker()
        record = projector_record(plan, hashes, making.results["project"], making.seconds, file.stat().st_size)
        yield from self._steps.with_room(target.parent, lambda: records.write(target, record))
        file.replace(target)
        yield Notice(f"{target.name} beside it reads {_senses(record)}.")

    def _name(self, making: _Making) -> Iterator[Event]:
        """Give a checked file its name, last of all: what is listed is whole and has its record."""
        target = making.plan.target
        record = record_of(making.plan, making.results, making.seconds, making.file.stat().st_size)
        if target.exists():
            raise Refused(f"{target} has come into being meanwhile.", "Choose another name.")
        yield from self._steps.with_room(target.parent, lambda: records.write(target, record))
        yield from self._steps.with_room(target.parent, lambda: card.write(target, record))
        _remove(journal_of(making.file))
        making.file.replace(target)
        making.finished = True

    def _step(self, makings: Sequence[_Making], do: str, **arguments: Any) -> Iterator[Event]:
        """Run one step in the worker; its result and its seconds are kept with all files that it made."""
        result, seconds = yield from self._steps.run(do, **arguments)
        for making in makings:
            making.results[do] = result
            making.seconds[do] = seconds

    def _named(self, file: Path) -> Path:
        self._temporary.append(file)
        return file


class Conversion:
    """A job for one format: as :class:`Conversions`, but its last event is ``Finished(Checkpoint)``."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._conversions = Conversions([plan])

    def cancel(self) -> None:
        """Stop at once."""
        self._conversions.cancel()

    def __iter__(self) -> Iterator[Event]:
        """Raise the plan's first problem, the error of a step, or :class:`Cancelled`."""
        events = iter(self._conversions)
        with contextlib.closing(events):  # type: ignore[type-var]
            for event in events:
                yield Finished(_only(event.value)) if isinstance(event, Finished) else event


def _only(made: tuple[Checkpoint, ...]) -> Checkpoint:
    (checkpoint,) = made
    return checkpoint


def _wanted(making: _Making) -> dict[str, Any]:
    assert making.plan.recipe is not None
    return {
        "file": str(making.file),
        "journal": str(journal_of(making.file)),
        "recipe": dataclasses.asdict(making.plan.recipe),
        "identity": making.identity,
    }


def _senses(record: Mapping[str, Any]) -> str:
    return " and ".join(what for what, has in (("pictures", record["sees"]), ("sound", record["hears"])) if has)


def _with_needs(error: DiskFull, plans: Sequence[Plan]) -> DiskFull:
    """Say how much is needed: the step that failed only knows that it was too much."""
    needed_bytes = together_bytes(plans)
    return DiskFull(needed_bytes, error.details["free_bytes"], str(plans[0].target.parent)) if needed_bytes else error


def _files_of(makings: Sequence[_Making]) -> list[Path]:
    unmade = [making for making in makings if not making.finished]
    nameless = [making.plan.target for making in unmade if not making.plan.target.exists()]
    beside = [path(target) for target in nameless for path in (records.record_path, card.card_path)]
    return [*(making.file for making in unmade), *(journal_of(making.file) for making in makings), *beside]


def _remove(*files: Path) -> None:
    for file in files:
        with contextlib.suppress(OSError):  # the next conversion tries again
            file.unlink(missing_ok=True)


def _first_missing(folder: Path) -> Path | None:
    """Return the uppermost folder that is to be made, ``None`` if all exist."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    return missing[-1] if missing else None


def _remove_empty(folder: Path, new_folder: Path | None) -> None:
    """Remove the folders that were made for nothing."""
    while new_folder and folder.is_dir() and new_folder in (folder, *folder.parents) and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
