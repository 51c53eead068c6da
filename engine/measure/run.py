"""Carries out a measurement: each step in a worker process of its own, each result kept as soon as it is there."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from engine import __version__
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import read_facts
from engine.catalog.servers.listing import FORMAT_ID as SERVER
from engine.errors import Cancelled, DamagedFile, EngineError
from engine.events import Event, Finished, Notice
from engine.formats import Family
from engine.machine import cuda_cards, nvidia
from engine.measure.identity import hash_key, known_sha256, model_files
from engine.measure.options import MeasureOptions, default_texts
from engine.measure.original import is_precise
from engine.measure.patience import done, with_room
from engine.measure.registry import row_for
from engine.measure.report import Memory, Quality, Report, quality_from, speed_from
from engine.measure.store import Store, key_of
from engine.process.host import Request, Worker
from engine.recommend.footprint import footprint
from engine.runtime import observing
from engine.runtime.options import LoadOptions
from engine.texts import Text

DOING = "the measurement"
MODULE = "engine.measure.worker"
LAYOUT = 2  # of what is kept; another number and everything is measured again

Place = tuple[Path | None, bool]  # the interpreter that has the packages; whether its GPU is one card
ANYWHERE: Place = (None, False)

Kept = TypeVar("Kept")
Step = Generator[Event, None, Kept]


class Measurement:
    """A job: iterate once for its events; the last is ``Finished(Report)``.

    ``reference`` is what the quality is compared with (see :func:`engine.measure.original.original_of`); without one
    there is only perplexity. What was measured before with the same file, settings, texts and versions is not measured
    again; what was broken off goes on after the last window. ``store`` is where that is kept.
    """

    def __init__(
        self,
        model: Checkpoint,
        reference: Checkpoint | None = None,
        options: MeasureOptions = MeasureOptions(),  # noqa: B008 (frozen)
        texts: Sequence[Text] = (),
        store: Store | None = None,
    ) -> None:
        self.model = model
        self.reference = reference
        self.options = options
        self.texts = tuple(texts) or default_texts()
        self.store = store or Store()
        self._lock = threading.Lock()
        self._cancelled = False
        self._worker: Worker | None = None
        self._place = ANYWHERE
        self._request: Request | None = None
        self._result: Any = None

    @property
    def worker_pid(self) -> int | None:
        """The process that computes now."""
        return self._worker.pid if self._worker else None

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._request is not None:
                self._request.cancel()

    def __iter__(self) -> Iterator[Event]:
        """Raise :class:`UnsupportedModel`, what loading raises, :class:`DamagedFile` or :class:`Cancelled`."""
        for checkpoint in filter(None, (self.model, self.reference)):
            row_for(checkpoint.format_id)
        with self.store.alone():
            try:
                yield from self._measure()
            finally:
                self._end_worker()

    def _measure(self) -> Iterator[Event]:
        sha256 = yield from self._hash(self.model)
        reference_sha256 = ""
        if self.reference is not None:
            reference_sha256 = yield from self._hash(self.reference)
        key = self._quality_key(self.model, sha256, reference=reference_sha256, speed=self.options.speed_record())
        report = self.store.report(key)
        if report is None:
            quality = yield from self._quality(sha256, reference_sha256)
            timed = yield from self._timed(sha256)
            report = self._report(sha256, reference_sha256, quality, timed)
            folder = self.store.reports_folder
            yield from with_room(folder, lambda: done(self.store.save(key, report)), self._check)
        yield Finished(dataclasses.replace(report, name=self.model.name, path=str(self.model.path)))

    # quality

    def _quality(self, sha256: str, reference_sha256: str) -> Step[Quality]:
        reference = self.reference
        if reference is None:
            yield Notice("No more precise file of this model is here, so there is no divergence, only perplexity.")
            return (yield from self._score(self.model, self._quality_key(self.model, sha256)))
        if not is_precise(reference):
            text = f"The comparison is with {reference.title}, which is itself not exact."
            yield Notice(text, "warning")
        reference_key = self._quality_key(reference, reference_sha256)
        if self._quality_key(self.model, sha256) == reference_key:
            return (yield from self._make_reference(reference, reference_key))
        try:
            return (yield from self._compare(sha256, reference, reference_key))
        except DamagedFile as error:
            if Path(error.details["file"]).parent != self.store.references_folder:
                raise
            self.store.drop_reference(reference_key)
            return (yield from self._compare(sha256, reference, reference_key))

    def _compare(self, sha256: str, reference: Checkpoint, reference_key: str) -> Step[Quality]:
        file = self.store.reference(reference_key)
        if file is None:
            yield Notice(f"First {reference.title} reads the text; the next formats of this model go without.")
            yield from self._make_reference(reference, reference_key)
            file = self.store.reference(reference_key)
        key = self._quality_key(self.model, sha256, against=reference_key)
        return (yield from self._score(self.model, key, reference=str(file)))

    def _make_reference(self, reference: Checkpoint, key: str) -> Step[Quality]:
        if self.store.reference(key) is None:
            self.store.drop_entry(key)
        elif (known := self.store.entry(key)) is not None:
            return quality_from(known)
        part = str(self.store.unfinished_reference(key))
        quality = yield from self._score(reference, key, reference=part, writes=True)
        self.store.finish_reference(key)
        return quality

    def _score(self, model: Checkpoint, key: str, **reference: Any) -> Step[Quality]:
        known = self.store.entry(key)
        if known is None:
            values = self.store.values_path(key)
            texts = [(text.name, str(text.path), text.sha256) for text in self.texts]
            arguments = {**self._of(model), "texts": texts, "values": str(values), **reference}
            yield from with_room(values.parent, lambda: self._ask("score", **arguments), self._check)
            known = self._result
            yield from with_room(values.parent, lambda: done(self.store.keep(key, known)), self._check)
            values.unlink(missing_ok=True)
        return quality_from(known)

    # speed and memory

    def _timed(self, sha256: str) -> Step[dict[str, Any] | None]:
        if not self.options.repeats:
            return None
        key = key_of({"timed": sha256, "speed": self.options.speed_record(), **_settings(self.model)})
        known = self.store.entry(key)
        if known is None:
            self._end_worker()  # a fresh process, so that its peak of memory is the model's own
            yield from self._ask("speed", **self._of(self.model))
            known = self._result
            self.store.keep(key, known)
            self._observe(known)
        return known

    def _observe(self, timed: dict[str, Any]) -> None:
        """Keep what was measured beside what had been foretold, for the next estimate."""
        options = LoadOptions(self.options.context_tokens, self.options.gpu_layers, self.options.threads)
        expected = observing.expect(self.model.path, self.model.format_id, options, timed["loaded"])
        if expected is not None:
            speed, peak_bytes = speed_from(timed["speed"]), timed["memory"]["peak_bytes"]
            rates = speed.prompt_tokens_s.median, speed.decode_tokens_s.median
            observing.keep(expected, chain(expected.observed(timed["loaded"]), expected.measured(peak_bytes, *rates)))

    def _predicted_bytes(self, loaded: dict[str, Any]) -> int:
        try:
            facts = read_facts(self.model.path)
            context, layers = loaded["context_tokens"], loaded["gpu_layers"]
            return footprint(facts, self.model.format_id, context, gpu_layers=layers).total_bytes
        except EngineError:
            return 0

    # the report

    def _report(self, sha256: str, reference_sha256: str, quality: Quality, timed: dict[str, Any] | None) -> Report:
        reference, speed, memory, device = self.reference, None, None, ""
        if timed is not None:
            speed = speed_from(timed["speed"])
            taken, predicted_bytes = timed["memory"], self._predicted_bytes(timed["loaded"])
            memory = taken and Memory(**taken, predicted_bytes=predicted_bytes)
            device = timed["loaded"]["device"]
        return Report(
            name=self.model.name,
            path=str(self.model.path),
            format_id=self.model.format_id,
            size_bytes=self.model.size_bytes,
            sha256=sha256,
            reference=reference.name if reference else "",
            reference_format=reference.format_id if reference else "",
            reference_sha256=reference_sha256,
            texts_sha256=self._texts_sha256(),
            quality_settings=self.options.quality_record(),
            quality=quality,
            speed=speed,
            memory=memory,
            device=device,
            measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
            versions={"halfbyte": __version__, **_settings(self.model)["versions"]},
        )

    def _quality_key(self, model: Checkpoint, sha256: str, **more: Any) -> str:
        settings = {"texts": self._texts_sha256(), **self.options.quality_record(), **_settings(model)}
        return key_of({"model": sha256, **settings, **more})

    def _texts_sha256(self) -> str:
        return texts_key(self.texts)

    # the worker

    def _hash(self, model: Checkpoint) -> Step[str]:
        """Return a model's hash: the one in its record, or of its bytes; known again by size and time of change."""
        known, files = known_sha256(model, self.store), model_files(model)
        if known is None:
            yield from self._ask("hash", files=[str(file) for file in files])
            known = self._result
            self.store.keep(hash_key(files), known)
        return known

    def _of(self, model: Checkpoint) -> dict[str, Any]:
        options = dataclasses.asdict(dataclasses.replace(self.options, weights_as=_made_while_loading(model)))
        row = row_for(model.format_id)
        asked = {"path": str(model.path), "format_id": model.format_id, "options": options}
        return {"place": (row.interpreter(), row.on_one_card), **asked}

    def _ask(self, do: str, place: Place = ANYWHERE, **arguments: Any) -> Iterator[Event]:
        """Run one request in the place that it asks for; what it made is kept in ``_result``."""
        if self._place != place:
            self._end_worker()
        with self._lock:
            self._check()
            self._worker, self._place = self._worker or _worker_at(*place), place
            self._request = self._worker.ask(do, **arguments)
        for event in self._request:
            if not isinstance(event, Finished):
                yield event
        self._result = self._request.result

    def _check(self) -> None:
        if self._cancelled:
            raise Cancelled(DOING[:1].upper() + DOING[1:])

    def _end_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()


def _worker_at(python: Path | None, on_one_card: bool) -> Worker:
    card = cuda_cards.only(nvidia.freest()) if on_one_card else {}
    return Worker(MODULE, doing=DOING, environment=card, python=python)


def texts_key(texts: Sequence[Text]) -> str:
    """Return what a report notes of its texts: equal texts, equal key."""
    return key_of({"texts": [text.sha256 for text in texts]})


def _settings(model: Checkpoint) -> dict[str, Any]:
    """Return what else a result depends on: another version of what computes, and it is measured again.

    What a server has under a name may be another model tomorrow.
    """
    versions = row_for(model.format_id).versions()
    made = {"weights_as": weights_as} if (weights_as := _made_while_loading(model)) else {}
    today = {"day": datetime.now(UTC).date().isoformat()} if model.format_id == SERVER else {}
    return {"layout": LAYOUT, "versions": versions, **made, **today}


def _made_while_loading(model: Checkpoint) -> str:
    """Return the format that a folder's plain weights are to be quantized to; "" where they are taken as they are."""
    if model.format_id.partition("-")[0] != Family.BNB or not read_facts(model.path).format_id.startswith("plain-"):
        return ""
    return model.format_id
