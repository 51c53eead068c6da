"""The worker of this stage: one step of a conversion a request. It answers with ``Progress`` and a record.

``make``      a folder or a GGUF file → GGUF files, several in one pass
``vocabulary`` reads a folder's tokenizer as llama.cpp's converter does
``importance`` runs a model over text → its importance matrix
``project``   a folder → the file of the part that reads pictures or sound (mmproj)
``compare``   runs the original and what was made of it over a text → how far they agree
``check``     opens a finished file as the runtime will
``pack``      a folder → a folder of packed weights (NF4, INT8, GPTQ, AWQ)
``fidelity``  runs a folder and what was packed of it over a text → how far they agree
``hash``      SHA-256 of files
"""

from __future__ import annotations

import dataclasses
import os
import queue
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.catalog import records
from engine.catalog.facts import read_facts
from engine.convert.folders.recipes import FEW_SAMPLES, FolderRecipe
from engine.convert.recipes import FOR_FEW_VALUES
from engine.convert.room import Room, fullness_explained
from engine.errors import DamagedFile, NotEnoughMemory
from engine.events import Event, Finished, Notice
from engine.formats import format_named
from engine.pace import Pace
from engine.process.child import Blocking, Emit, Handlers, serve
from engine.process.peak import peak_resident_bytes
from engine.texts import texts_sha256

if TYPE_CHECKING:
    from engine.convert.methods.calibration import Samples

LESS_MEMORY = (
    "Fewer samples take less (--samples 32), and NF4 and INT8 take one matrix at a time. Or close other programs."
)
CASTING = "Reading and casting"


def make_handlers(stop: threading.Event) -> Handlers:
    del stop  # native code polls nothing: the host ends this process
    return {
        "make": _make,
        "vocabulary": _vocabulary,
        "importance": _importance,
        "project": _project,
        "compare": _compare,
        "check": _check,
        "pack": Blocking(_pack),  # GPTQModel sets signal handlers, which only the main thread may
        "fidelity": _fidelity,
        "hash": _hash,
    }


def _make(
    source: str,
    layout: str,
    output_type: str,
    targets: list[dict[str, Any]],
    threads: int,
    imatrix: str = "",
    doing: str = "",
) -> Iterator[Event]:
    """Make files in one pass. ``layout`` is a name for a file that is only there for moments.

    ``targets`` have a ``file``, a ``journal``, the ``recipe`` and the ``identity`` of what the file is to become.
    """

    def work(emit: Emit) -> dict[str, Any]:
        from engine.convert.methods import arrange, make

        wanted = [make.Wanted.of(target) for target in targets]
        task = make.Task(Path(source), Path(layout), output_type, wanted, threads, Path(imatrix) if imatrix else None)
        runs_on = arrange.arrange() if Path(source).is_dir() else ""
        step = "Quantizing" if all(target.recipe.intermediate or not runs_on for target in wanted) else CASTING
        made = make.make(task, _meter(doing or step, emit), _teller(emit))
        for target in wanted:
            _to_disk(target.file)
        return {**made, "runs_on": runs_on, "peak_memory_bytes": peak_resident_bytes()}

    return _watched(work)


def _vocabulary(source: str) -> Iterator[Event]:
    """Let the converter write a folder's vocabulary, to see whether it can; the folder needs no weights."""

    def work(emit: Emit) -> dict[str, Any]:
        from engine.convert.methods import arrange, gguf

        arrange.arrange()
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "vocabulary.gguf"
            gguf.convert(Path(source), target, "f16", _meter("Reading the tokenizer", emit), only_vocabulary=True)
        return {}

    return _watched(work)


def _importance(
    model: str, texts: list[str], target: str, threads: int, own_words: int | None = None
) -> Iterator[Event]:
    """Compute an importance matrix of a GGUF file; without ``texts``, of those that come with Halfbyte.

    ``own_words`` is the seed of text that the model writes itself, in place of texts.
    """

    def work(emit: Emit) -> dict[str, Any]:
        from engine.convert.folders.plan import OWN_WORDS
        from engine.convert.methods import activations, arrange, importance

        arrange.arrange()  # the matrix is written by the converter's own gguf
        learning = _meter("Learning what matters", emit, "tokens")
        if own_words is None:
            read = _texts(texts)
            matrix = activations.collect(Path(model), read, threads, learning)
        else:
            writing = _meter("Letting the model write", emit, "tokens")
            chunks, said = activations.written(Path(model), own_words, threads, writing)
            read = [(OWN_WORDS, said)]
            matrix = activations.learnt(Path(model), chunks, (OWN_WORDS,), threads, learning)
        file = Path(target)
        Room(file.parent, _teller(emit)).wait_for(lambda: importance.write(matrix, file))
        return {
            "entries": len(matrix.sums),
            "tokens": matrix.chunks * matrix.chunk_tokens,
            "datasets": list(matrix.datasets),
            "texts_sha256": texts_sha256([text for _, text in read]),
            **({} if own_words is None else {"seed": own_words}),
            "peak_memory_bytes": peak_resident_bytes(),
        }

    return _watched(work)


def _project(source: str, file: str, model: str) -> Iterator[Event]:
    """Write the part of a folder's model that reads pictures or sound, and open it beside the finished ``model``."""

    def work(emit: Emit) -> dict[str, Any]:
        from engine.convert.methods import arrange, gguf, header, make, projector, verify

        path, runs_on = Path(file), arrange.arrange()
        meter = _meter("Writing the part that sees or hears", emit)
        make.patiently(
            path.parent,
            _teller(emit),
            lambda: gguf.convert(Path(source), path, projector.OUTPUT_TYPE, meter, _teller(emit), projector=True),
        )
        _to_disk(path)
        types = Counter(tensor.type for tensor in header.read(path).tensors)
        sha256 = verify.sha256_and_numbers(path, _meter("Checking", emit))
        return {
            **projector.senses(path, Path(model)),
            "sha256": sha256,
            "tensor_types": dict(types.most_common()),
            "runs_on": runs_on,
            "peak_memory_bytes": peak_resident_bytes(),
        }

    return _watched(work)


def _compare(original: str, files: list[str], format_ids: list[str], threads: int) -> Iterator[Event]:
    """Compare ``files`` with the original GGUF file; no agreement is told of models that continue no text.

    The first ones are results of the formats, and refused if they are too far from it; others are only compared.
    """

    def work(emit: Emit) -> dict[str, Any]:
        from engine.convert.methods import agreement
        from engine.texts import named

        meter = _meter("Comparing with the original", emit, "tokens")
        paths = [Path(file) for file in files]
        found = agreement.agreements(Path(original), paths, named("prose").read(), threads, meter)
        for one, format_id in zip(found or (), format_ids, strict=False):
            made = format_named(format_id)
            if made and made.label not in FOR_FEW_VALUES:
                agreement.refuse_strangers(one, made.label, made.bits)
        told = [dataclasses.asdict(one) for one in found or ()]
        return {"agreements": told, "peak_memory_bytes": peak_resident_bytes()}

    return _watched(work)


def _check(file: str, format_id: str, tensors: int) -> Iterator[Event]:
    """Open a file; ``format_id`` and the number of ``tensors`` are what it must have."""

    def work(emit: Emit) -> dict[str, Any]:
        from engine.convert.methods import check, verify

        path = Path(file)
        facts = read_facts(path)
        if len(facts.tensors) != tensors:
            raise DamagedFile(file, f"{tensors} tensors", str(len(facts.tensors)))
        if facts.format_id != format_id:
            raise DamagedFile(file, f"the format {format_id}", facts.format_id)
        sha256 = verify.sha256_and_numbers(path, _meter("Checking", emit))
        counts = check.load(path)
        types = Counter(tensor.type for tensor in facts.tensors)
        return {
            **counts,
            "sha256": sha256,
            "tensor_types": dict(types.most_common()),
            "bits_per_weight": round(8 * facts.weights_bytes / facts.parameters, 3),
            "peak_memory_bytes": peak_resident_bytes(),
        }

    return _watched(work)


def _pack(
    emit: Emit,
    source: str,
    files: list[str],
    target: str,
    unfinished: str,
    recipe: dict[str, Any],
    texts: list[str],
    own_words: int | None = None,
) -> dict[str, Any]:
    """Write the folder ``target``. ``files`` are the source's weights; without ``texts``, Halfbyte's own calibrate.

    ``unfinished`` is a folder for what a process that is killed leaves to the next one. ``own_words`` is the seed of
    text that the model writes itself, in place of texts.
    """
    from engine.convert.methods import described, own_code, pytorch

    own_code.forbid()
    own_code.refuse(Path(source))
    described.check(Path(source), tuple(map(Path, files)))
    how = FolderRecipe.of_record(recipe)
    if how.maker == "bitsandbytes":
        from engine.convert.methods import bnb

        weights = tuple(map(Path, files))
        meter, room = _meter("Packing", emit), Room(Path(target).parent, _teller(emit))
        made = bnb.make(Path(source), weights, Path(target), how.format_id, meter, room.wait_for)
    else:
        given = _samples(emit, Path(source), Path(unfinished), how, texts, own_words)
        meter = _meter("Calibrating layers", emit, "steps")
        try:
            with fullness_explained(Path(target)):
                made = _calibrated(Path(source), Path(target), Path(unfinished), how, given, meter)
        except NotEnoughMemory as error:
            told: dict[str, Any] = error.details
            raise NotEnoughMemory(**{**told, "instead": LESS_MEMORY}) from error
    with fullness_explained(Path(target)):
        own_code.leave_out(Path(target))
        for file in Path(target).iterdir():
            _to_disk(file)
    return {**made, "peak_memory_bytes": peak_resident_bytes(), "peak_gpu_bytes": pytorch.peak_gpu_bytes()}


def _calibrated(
    source: Path,
    target: Path,
    unfinished: Path,
    how: FolderRecipe,
    samples_for: Callable[[Any], Samples],
    on_layers: Callable[[float, int], None],
) -> dict[str, Any]:
    """Write ``target`` with the recipe's own program."""
    if how.maker == "autoawq":
        from engine.convert.methods import autoawq

        return autoawq.make(source, target, how, samples_for, on_layers)
    from engine.convert.methods import gptq

    return gptq.make(source, target, unfinished, how, samples_for, on_layers)


def _samples(
    emit: Emit, source: Path, work: Path, how: FolderRecipe, texts: list[str], own_words: int | None
) -> Callable[[Any], Samples]:
    """Return what gives a tokenizer the samples to calibrate on."""
    from engine.convert.methods import calibration

    if own_words is None:
        read = [text for _, text in _texts(texts)]

        def given(tokenizer: Any) -> Samples:
            found = calibration.samples(read, tokenizer, how.samples, how.sample_tokens)
            if told := calibration.shortage(found, how.samples, how.sample_tokens):
                emit(Notice(told, "warning"))
            return found

        return given
    from engine.convert.methods import writing

    written = writing.own_samples(source, how, own_words, work, _meter("Letting the model write", emit, "tokens"))
    return lambda tokenizer: written


def _fidelity(original: str, result: str, format_id: str, maker: str, samples: int = 0) -> Iterator[Event]:
    """Compare a folder with the original; refuse one that answers as another model would.

    ``samples`` is how many it was calibrated on, 0 for a format that is not.
    """

    def work(emit: Emit) -> dict[str, Any]:
        from engine.convert.methods import agreement, fidelity, own_code
        from engine.texts import named

        own_code.forbid()
        load = fidelity.plain
        if maker == "gptqmodel":
            from engine.convert.methods import gptq

            load = gptq.load
        elif maker == "autoawq":
            from engine.convert.methods import autoawq

            load = autoawq.load
        meter = _meter("Comparing with the original", emit, "tokens")
        found = fidelity.fidelity(Path(original), Path(result), named("prose").read(), load, meter)
        if made := format_named(format_id):
            cause = f"It was calibrated on {samples} samples only." if 0 < samples < FEW_SAMPLES else ""
            another = "Calibrate on more samples or on other texts, or choose NF4 or INT8."
            agreement.refuse_strangers(found, made.label, made.bits, cause, another)
        return dataclasses.asdict(found)

    return _watched(work)


def _hash(files: list[str]) -> Iterator[Event]:
    def work(emit: Emit) -> dict[str, str]:
        paths = [Path(file) for file in files]
        meter = _meter("Hashing", emit)
        total, before, hashes = sum(path.stat().st_size for path in paths), 0, {}
        for path in paths:
            hashes[str(path)] = records.sha256(path, lambda done, before=before: meter(before + done, total))
            before += path.stat().st_size
        return hashes

    return _watched(work)


def _texts(files: list[str]) -> list[tuple[str, str]]:
    """Return names and contents of texts to calibrate on: a person's own files, or those that come with Halfbyte."""
    from engine.texts import texts as bundled

    if files:
        return [(Path(file).name, Path(file).read_text("utf-8", "replace")) for file in files]
    return [(text.name, text.read()) for text in bundled("calibrate")]


def _meter(step: str, emit: Emit, unit: Literal["bytes", "tokens", "steps"] = "bytes") -> Callable[[float, int], None]:
    """Return what turns a count into progress; it speaks up at most five hundred times."""
    pace: Pace | None = None
    sent = 0.0

    def at(done: float, total: int) -> None:
        nonlocal pace, sent
        resumed = unit == "steps" and done > sent + 1  # those that a process before this one finished took no time
        if pace is None or resumed:
            pace = Pace(step, total, unit, already_done=done)
        if done - sent >= total / 500 or done in (0, total):
            sent = done
            emit(pace.at(done))

    return at


def _teller(emit: Emit) -> Callable[[str], None]:
    return lambda text: emit(Notice(text, "warning"))


def _watched(work: Callable[[Emit], Any]) -> Iterator[Event]:
    """Run blocking work in a thread and yield what it emits, then its result."""
    events: queue.SimpleQueue[Event | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            events.put(Finished(work(events.put)))
        except BaseException as error:  # it is raised where it can be answered
            events.put(error)

    threading.Thread(target=run, daemon=True, name="work").start()
    while True:
        event = events.get()
        if isinstance(event, BaseException):
            raise event
        yield event
        if isinstance(event, Finished):
            return


def _to_disk(file: Path) -> None:
    """Wait until a file is on the disk and not only on its way: only then it may get its name."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


if __name__ == "__main__":
    serve(make_handlers)
