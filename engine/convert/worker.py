"""The worker of this stage: one step of a conversion a request. It answers with ``Progress`` and a record.

``cast``      a Hugging Face folder → a GGUF file at 16 or 32 bits, or Q8_0
``quantize``  a GGUF file → a GGUF file at another level
``check``     opens a finished file as the runtime will
``hash``      SHA-256 of files
"""

from __future__ import annotations

import os
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.catalog import records
from engine.catalog.facts import read_facts
from engine.errors import DamagedFile
from engine.events import Event, Finished, Notice
from engine.pace import Pace
from engine.process.child import Handlers, serve
from engine.process.peak import peak_resident_bytes

Emit = Callable[[Event], None]


def make_handlers(stop: threading.Event) -> Handlers:
    del stop  # native code polls nothing: the host ends this process
    return {"cast": _cast, "quantize": _quantize, "check": _check, "hash": _hash}


def _cast(folder: str, target: str, output_type: str) -> Iterator[Event]:
    def work(emit: Emit) -> dict[str, Any]:
        from engine.convert.methods import arrange, gguf

        runs_on = arrange.arrange()
        meter = _meter("Reading and casting", emit)
        gguf.convert(Path(folder), Path(target), output_type, meter, lambda text: emit(Notice(text, "warning")))
        _to_disk(Path(target))
        return {"runs_on": runs_on, "peak_memory_bytes": peak_resident_bytes()}

    return _watched(work)


def _quantize(source: str, target: str, level: str, threads: int) -> Iterator[Event]:
    def work(emit: Emit) -> dict[str, Any]:
        from engine.convert.methods.quantize import quantize

        sizes = {tensor.name: tensor.bytes for tensor in read_facts(Path(source)).tensors}
        quantize(Path(source), Path(target), level, threads, sizes, _meter("Quantizing", emit))
        _to_disk(Path(target))
        return {"peak_memory_bytes": peak_resident_bytes()}

    return _watched(work)


def _check(file: str, format_id: str, tensors: int) -> Iterator[Event]:
    """Open a file; ``format_id`` and the number of ``tensors`` are what it must have."""

    def work(emit: Emit) -> dict[str, Any]:
        from engine.convert.methods.check import load_whole

        path = Path(file)
        facts = read_facts(path)
        if len(facts.tensors) != tensors:
            raise DamagedFile(file, f"{tensors} tensors", str(len(facts.tensors)))
        if facts.format_id != format_id:
            raise DamagedFile(file, f"the format {format_id}", facts.format_id)
        size_bytes = path.stat().st_size
        meter = _meter("Checking", emit)
        counts = load_whole(path, lambda share: meter(round(share * size_bytes), size_bytes))
        types = Counter(tensor.type for tensor in facts.tensors)
        return {
            **counts,
            "tensor_types": dict(types.most_common()),
            "bits_per_weight": round(8 * facts.weights_bytes / facts.parameters, 3),
            "peak_memory_bytes": peak_resident_bytes(),
        }

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


def _meter(step: str, emit: Emit) -> Callable[[int, int], None]:
    """Return what turns a count of bytes into progress; it speaks up at most ten times a second."""
    pace: Pace | None = None
    sent = 0

    def at(done: int, total: int) -> None:
        nonlocal pace, sent
        pace = pace or Pace(step, total)
        if done - sent >= total / 500 or done in (0, total):
            sent = done
            emit(pace.at(done))

    return at


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
