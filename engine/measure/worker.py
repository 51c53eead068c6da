"""The worker of this stage: ``python -m engine.measure.worker``.

``score``  a model's quality, against a reference or as the reference
``speed``  a model's load time, rates and memory
``hash``   SHA-256 of files
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.catalog import records
from engine.convert.room import SOME_ROOM_BYTES, is_full
from engine.errors import Cancelled, DiskFull, Refused
from engine.events import Event, Finished
from engine.measure.options import MeasureOptions
from engine.measure.registry import row_for
from engine.pace import Pace
from engine.process.child import Handlers, serve
from engine.process.peak import peak_resident_bytes


class Measuring:
    """The handlers. Each request opens its model and closes it."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def score(
        self,
        path: str,
        format_id: str,
        options: Mapping[str, Any],
        texts: list[tuple[str, str, str]],
        values: str,
        reference: str = "",
        writes: bool = False,
    ) -> Iterator[Event]:
        """Score the texts (name, path, SHA-256), window by window.

        ``values`` is the file that keeps what is done, so that a later request goes on there. ``reference`` is the
        file to compare with, or to write if ``writes``.
        """
        from engine.measure.methods import scoring

        chosen = MeasureOptions(**options)
        files = scoring.Files(Path(values), Path(reference) if reference else None, writes)
        with closing(self._made(row_for(format_id).scorer)) as scorer:
            yield from scorer.load(Path(path), chosen)
            job = scoring.Scoring(scorer, chosen, files, self._stop)
            try:
                yield from job.run(scoring.read_texts(texts))
            except OSError as error:
                if not is_full(error):
                    raise
                folder = files.values.parent
                raise DiskFull(SOME_ROOM_BYTES, shutil.disk_usage(folder).free, str(folder)) from error

    def speed(self, path: str, format_id: str, options: Mapping[str, Any]) -> Iterator[Event]:
        from engine.measure.methods import speed

        chosen = MeasureOptions(**options)
        with closing(self._made(row_for(format_id).runner)) as runner:
            loaded: Any = None
            for event in runner.load(Path(path), chosen):
                if isinstance(event, Finished):
                    loaded = event.value
                else:
                    yield event
            spreads: dict[str, Any] = {}
            for event in speed.timings(runner, chosen, self._stop):
                if isinstance(event, Finished):
                    spreads = event.value
                else:
                    yield event
            yield Finished(
                {
                    "speed": {
                        "load_s": loaded.load_s,
                        "prompt_tokens": chosen.prompt_tokens,
                        "answer_tokens": chosen.answer_tokens,
                        **{name: dataclasses.asdict(value) for name, value in spreads.items()},
                    },
                    "memory": _memory(loaded, runner.gpu_bytes()),
                    "loaded": dataclasses.asdict(loaded),
                }
            )

    def hash(self, files: list[str]) -> Iterator[Event]:
        """Hash a model's files, one after the other into one sum where there are several."""
        paths = [Path(file) for file in files]
        try:
            pace, done = Pace("Hashing", sum(path.stat().st_size for path in paths)), 0
            sums = []
            for path in paths:
                digest = hashlib.sha256()
                for chunk in records.chunks(path):
                    digest.update(chunk)
                    done += len(chunk)
                    if done % (64 << 20) < len(chunk):
                        yield pace.at(done)
                    if self._stop.is_set():
                        raise Cancelled("The measurement")
                sums.append(digest.hexdigest())
        except OSError as error:
            raise Refused(f"{error.filename} cannot be read: {error.strerror}.", "Check who may read it.") from error
        joined = hashlib.sha256("".join(sums).encode()).hexdigest() if len(sums) > 1 else sums[0]
        yield Finished(joined)

    def _made(self, target: str) -> Any:
        module, _, name = target.partition(":")
        return getattr(importlib.import_module(module), name)(self._stop)


def _memory(loaded: Any, gpu_bytes: int | None) -> dict[str, Any] | None:
    """Return what this process held; what a model takes on a server is not known here."""
    if loaded.backend == "remote":
        return None
    return {"peak_bytes": peak_resident_bytes(), "gpu_bytes": gpu_bytes}


def make_handlers(stop: threading.Event) -> Handlers:
    measuring = Measuring(stop)
    return {"score": measuring.score, "speed": measuring.speed, "hash": measuring.hash}


if __name__ == "__main__":
    serve(make_handlers)
