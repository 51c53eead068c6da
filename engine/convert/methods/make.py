"""A model → its files: the choice of types, the headers, and the pass over the weights."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from engine.convert.methods import choose, gguf, header, importance, weights
from engine.convert.methods.header import Header
from engine.convert.methods.importance import Importance
from engine.convert.methods.journal import Journal
from engine.convert.methods.stream import Stream, Target
from engine.convert.methods.weights import Weight
from engine.convert.recipes import Recipe
from engine.convert.room import GOES_ON, Room, some_room, waiting
from engine.errors import DiskFull, Refused

OnBytes = Callable[[int, int], None]
OnNotice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is to be made, its journal, and what both are to become (see :mod:`engine.convert.leftovers`)."""

    file: Path
    journal: Path
    recipe: Recipe
    identity: str

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Wanted:
        """Return one as it came over the wire."""
        return cls(
            Path(record["file"]), Path(record["journal"]), Recipe.of_record(record["recipe"]), record["identity"]
        )


@dataclass(frozen=True, slots=True)
class Task:
    """``output_type`` is the precision that the quantizer is to see of a folder's weights (``bf16``)."""

    source: Path
    layout: Path
    output_type: str
    wanted: Sequence[Wanted]
    threads: int
    imatrix: Path | None = None


def make(task: Task, on_bytes: OnBytes, on_notice: OnNotice) -> dict[str, Any]:
    """Make all files; return what is worth a record. Raises what the converter and the quantizer have against it."""
    if not task.source.is_dir():
        read = header.read(task.source)
        if "split.count" in read.values:
            raise Refused(f"{task.source.name} is one of several parts.", "Join the parts with llama-gguf-split first.")
        return _quantize(task, task.source, read, weights.of_file(task.source, read), on_bytes, on_notice)
    result: dict[str, Any] = {}

    def take(tensors: list[tuple[str, Any]]) -> None:
        layout = header.read(task.layout)
        coming = weights.of_converter(tensors, layout)
        result.update(_quantize(task, task.layout, layout, coming, on_bytes, on_notice))

    def convert() -> None:
        try:
            gguf.convert(task.source, task.layout, task.output_type, lambda done, total: None, on_notice, take)
        finally:
            task.layout.unlink(missing_ok=True)

    patiently(task.layout.parent, on_notice, convert)
    return result


def patiently(folder: Path, on_notice: OnNotice, work: Callable[[], None]) -> None:
    """Do what the converter does at one go, and again from its beginning when a full disk has room once more."""
    told = False
    while True:
        try:
            work()
            break
        except DiskFull as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EFBIG:
                raise  # a limit of this process or of the file system: waiting does not help
        if not told:
            told = True
            on_notice(waiting(folder))
        for _ in some_room(folder):
            pass
    if told:
        on_notice(GOES_ON)


def _quantize(
    task: Task, layout: Path, source: Header, coming: Iterable[Weight], on_bytes: OnBytes, on_notice: OnNotice
) -> dict[str, Any]:
    matrix = importance.read(task.imatrix) if task.imatrix else None
    from_folder = layout == task.layout
    planned = [
        _planned(layout, source, wanted.recipe, matrix, from_folder and not wanted.recipe.intermediate)
        for wanted in task.wanted
    ]
    if from_folder:
        layout.unlink()  # its header was all that was needed of it
    room = Room(task.wanted[0].file.parent, on_notice)
    values = matrix.weights() if matrix else {}
    total = sum(entry.bytes for entry in source.tensors)
    on_bytes(0, total)
    with contextlib.ExitStack() as stack:
        targets = [
            _opened(wanted, *plan, values, room, stack) for wanted, plan in zip(task.wanted, planned, strict=True)
        ]
        resumed = max(len(target.journal.done) for target in targets)
        stream = Stream(str(task.source), targets, task.threads, room, lambda done: on_bytes(done, total))
        stream.run(coming)
    return {"resumed_tensors": resumed, "tensors": len(source.tensors)}


def _planned(
    layout: Path, source: Header, recipe: Recipe, matrix: Importance | None, direct: bool
) -> tuple[Header, bytes]:
    """Return a result's header and its bytes; what the converter writes by itself keeps the header that it wrote."""
    if direct:
        with layout.open("rb") as file:
            return source, file.read(source.bytes)
    types = choose.types_at(layout, source, recipe, matrix)
    return header.for_level(source, types, choose.file_type(recipe.level), _of_matrix(matrix))


def _of_matrix(matrix: Importance | None) -> dict[str, bytes]:
    """Return the values by which llama-quantize tells what a file's importance matrix was made of."""
    if matrix is None:
        return {}
    values: dict[str, bytes] = {}
    if matrix.datasets:
        values["quantize.imatrix.dataset"] = header.text_value(matrix.datasets[0][:127])
    values["quantize.imatrix.entries_count"] = header.number_value(len(matrix.sums))
    if matrix.chunks:
        values["quantize.imatrix.chunks_count"] = header.number_value(matrix.chunks)
    return values


def _opened(
    wanted: Wanted, made: Header, head: bytes, values: dict[str, Any], room: Room, stack: contextlib.ExitStack
) -> Target:
    """Open a file for its weights: a new one, or the one that was left unfinished."""
    file: BinaryIO = stack.enter_context(wanted.file.open("r+b" if wanted.file.exists() else "w+b", buffering=0))  # type: ignore[assignment]
    if file.seek(0, 2) != made.file_bytes:  # nothing of it can be right
        wanted.journal.unlink(missing_ok=True)
    room.write_at(file, memoryview(head), 0)
    room.wait_for(lambda: file.truncate(made.file_bytes))
    journal = Journal(wanted.journal, file, wanted.identity, room)
    stack.callback(journal.close)
    return Target(file, made, journal, values)
