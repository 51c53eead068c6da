"""One model in one worker process, seen from the app's side.

The worker is started when it is first needed. If it dies, the question it was answering fails, and the next one
starts another worker and loads the model again.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.notes import Notes
from engine.errors import EngineError, NotFound
from engine.events import Event, Finished, Notice
from engine.process.host import Request, Worker
from engine.runtime import kept_prompts, observing, registry
from engine.runtime.options import LoadOptions, Sampling

LOADING = "loading the model"
ANSWERING = "the answer"
MODULE = "engine.runtime.worker"


class Session:
    """A model to ask. Jobs may be iterated in one thread and cancelled from another; one runs at a time.

    ``record`` is the last :class:`engine.runtime.results.Loaded` as a dictionary, empty before the first load.
    Raises :class:`UnsupportedModel` or :class:`NotFound` if no back end fits.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        options: LoadOptions = LoadOptions(),  # noqa: B008 (frozen)
        backend: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        row = registry.named(backend) if backend else registry.for_checkpoint(checkpoint)
        self.checkpoint = checkpoint
        self.options = options
        self.backend = row.name
        self.record: dict[str, Any] = {}
        self._worker = Worker(MODULE, ANSWERING, lambda: {**row.card(), **(environment or {})}, row.interpreter())
        self._loaded_in = 0  # the worker's start in which the model was loaded
        self._expected: observing.Expected | None = None
        self._job: SessionJob | None = None

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory now."""
        return self._worker.alive and self._holds_model

    @property
    def worker_pid(self) -> int | None:
        return self._worker.pid

    def load(self) -> SessionJob:
        """Return a job that loads the model, also if it is loaded already."""
        self._job = SessionJob(self._load_and_note)
        return self._job

    def generate(
        self,
        messages: Sequence[Mapping[str, Any]],
        sampling: Sampling = Sampling(),  # noqa: B008 (frozen)
        *,
        continue_last: bool = False,
        kept_as: str = "",
    ) -> SessionJob:
        """Return a job that answers; it loads the model first where that is needed.

        ``continue_last`` writes on where the last message, an assistant's, breaks off. ``kept_as`` is the key that
        :meth:`keep` may have kept this conversation's KV cache under.
        """
        asked = {
            "messages": [dict(message) for message in messages],
            "sampling": dataclasses.asdict(sampling),
            "continue_last": continue_last,
            "recall": str(kept_prompts.file_for(kept_as)) if kept_as else "",
        }
        self._job = SessionJob(lambda job: self._with_model(job, "generate", asked))
        return self._job

    def count(self, messages: Sequence[Mapping[str, Any]], texts: Sequence[str] = ()) -> SessionJob:
        """Return a job that counts the tokens of a prompt; it loads the model first where that is needed.

        The value has ``total`` (of the messages, the template's own included), ``texts`` (of each text) and ``exact``.
        """
        asked = {"messages": [dict(message) for message in messages], "texts": list(texts)}
        self._job = SessionJob(lambda job: self._with_model(job, "count", asked))
        return self._job

    def keep(self, key: str) -> SessionJob:
        """Return a job that writes the KV cache to disk, for the conversation that was asked last.

        The value tells whether it is there now. Without a loaded model there is nothing to keep.
        """
        self._job = SessionJob(lambda job: self._keep(job, key))
        return self._job

    def close(self) -> None:
        """Cancel what runs and end the worker; all memory of the model comes back. The session can be used again."""
        if self._job is not None:
            self._job.cancel()
        self._loaded_in = 0
        self._worker.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _holds_model(self) -> bool:
        return self._loaded_in == self._worker.starts > 0

    def _load_and_note(self, job: SessionJob) -> Iterator[Event]:
        yield from self._load(job)
        Notes().note_use(self.checkpoint.path)
        self._observe()

    def _observe(self) -> None:
        """Keep what the load took beside what was foretold for it, once for each load."""
        if self._expected is None and self.record:
            checkpoint = self.checkpoint
            as_loaded = self.options.weights_as or checkpoint.format_id
            self._expected = observing.expect(checkpoint.path, as_loaded, self.options, self.record)
            if self._expected:
                observing.keep(self._expected, self._expected.observed(self.record))

    def _load(self, job: SessionJob) -> Iterator[Event]:
        self._loaded_in, self._expected = 0, None
        if not self.checkpoint.path.exists():
            raise NotFound(str(self.checkpoint.path), hint="Was it moved or deleted? Refresh the library.")
        request = self._ask("load", LOADING, **self._model())
        try:
            for event in job.follow(request):
                if isinstance(event, Finished):
                    self.record, self._loaded_in = event.value, self._worker.starts
                yield event
        except EngineError:
            self._worker.close()  # what a failed load leaves behind goes with its process
            raise

    def _keep(self, job: SessionJob, key: str) -> Iterator[Event]:
        if self.loaded:
            yield from job.follow(self._ask("keep", "keeping the conversation", file=str(kept_prompts.file_for(key))))
        else:
            yield Finished(False)

    def _with_model(self, job: SessionJob, do: str, asked: dict[str, Any]) -> Iterator[Event]:
        while True:
            if not self.loaded:
                yield from self._load_again(job)
            request = self._ask(do, ANSWERING, **asked)
            if self._holds_model:
                break
            request.cancel()  # the worker died just now, and the question started a new one without the model
        Notes().note_use(self.checkpoint.path)
        for event in job.follow(request):
            yield event
            if isinstance(event, Finished) and do == "generate":
                self._observe()
                if self._expected:
                    observing.keep(self._expected, self._expected.answered(event.value))

    def _load_again(self, job: SessionJob) -> Iterator[Event]:
        if self._holds_model:  # and yet it is not alive
            yield Notice("The model is loaded again, because its process had ended.")
        yield from (event for event in self._load(job) if not isinstance(event, Finished))

    def _model(self) -> dict[str, Any]:
        return {
            "backend": self.backend,
            "path": str(self.checkpoint.path),
            "options": dataclasses.asdict(self.options),
        }

    def _ask(self, do: str, doing: str, **arguments: Any) -> Request:
        self._worker.doing = doing
        return self._worker.ask(do, **arguments)


class SessionJob:
    """A job of one or more requests, run one after the other. Iterate once."""

    def __init__(self, steps: Callable[[SessionJob], Iterator[Event]]) -> None:
        self._steps = steps
        self._request: Request | None = None
        self._cancelled = False
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Event]:
        return self._steps(self)

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._request is not None:
                self._request.cancel()

    def follow(self, request: Request) -> Iterator[Event]:
        """Yield a request's events and let :meth:`cancel` reach it."""
        with self._lock:
            self._request = request
            if self._cancelled:
                request.cancel()
        yield from request
