"""Whether llama.cpp's converter knows how a model's tokenizer parts text: asked of the converter itself, in a worker.

A tokenizer says in many ways how it parts text, and the converter knows those that it was taught, by what comes out of
one long text. So that only running it tells; its weights are not needed, and of a folder on the Hub only small files.
"""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from engine.catalog.download.source import Lines, RemoteSource
from engine.catalog.hub.client import Hub
from engine.catalog.hub.values import RemoteFile, RemoteModel
from engine.catalog.remote.ranges import RemoteBytes
from engine.convert.plan import Plan
from engine.convert.steps import Steps
from engine.errors import DamagedFile, EngineError, NotFound, UnsupportedModel
from engine.events import Event, Finished, Progress

_FILES = re.compile(
    r"config\.json|generation_config\.json|tokenizer[\w.-]*|(added_tokens|special_tokens_map)\.json"
    r"|vocab[\w.-]*|merges\.txt|[\w.-]+\.(model|tiktoken)"
)
_LARGEST_BYTES = 64 << 20
STEP = "Fetching the tokenizer"


class VocabularyCheck:
    """A job: let the converter read the tokenizer of a folder. Ends with what is wrong with it, or ``None``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._steps = Steps()

    def cancel(self) -> None:
        self._steps.cancel()

    def __iter__(self) -> Iterator[Event]:
        """Raise :class:`Cancelled`, and what ends a worker."""
        problem: EngineError | None = None
        try:
            yield from self._steps.run("vocabulary", source=str(self._folder))
        except (UnsupportedModel, DamagedFile, NotFound) as error:
            problem = error
        finally:
            self._steps.end_worker()
        yield Finished(problem)


class VocabularyOnHub:
    """The same for a folder on the Hub, of which only what the tokenizer is made of is fetched, for a moment."""

    def __init__(self, hub: Hub, model: RemoteModel, files: Sequence[RemoteFile]) -> None:
        self._hub = hub
        self._model = model
        self._files = [file for file in files if file.path == file.name and _is_of_tokenizer(file)]
        self._stop = threading.Event()
        self._lines = Lines()
        self._check: VocabularyCheck | None = None

    def cancel(self) -> None:
        self._stop.set()
        self._lines.hang_up()
        if check := self._check:
            check.cancel()

    def __iter__(self) -> Iterator[Event]:
        """Raise :class:`Cancelled`, :class:`Offline` and the Hub's other refusals."""
        with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(1) as pool:
            folder, total, done = Path(name), sum(file.size_bytes for file in self._files), 0
            self._check = VocabularyCheck(folder)
            if self._stop.is_set():
                self._check.cancel()
            for file in self._files:
                yield Progress(STEP, done, total, "bytes")
                source = RemoteSource(self._hub, self._model.name, self._model.commit, file, self._lines)
                remote = RemoteBytes(source, pool, self._hub.patience, self._stop, None)
                (folder / file.name).write_bytes(remote.read(0, file.size_bytes))
                done += file.size_bytes
            yield from self._check


def _is_of_tokenizer(file: RemoteFile) -> bool:
    return file.size_bytes <= _LARGEST_BYTES and _FILES.fullmatch(file.name) is not None


def can_be_checked(plans: Sequence[Plan]) -> bool:
    """Tell whether there is a tokenizer to look at, and nothing in the way of it already."""
    return any(not plan.problems and not plan.source.is_gguf for plan in plans)


def with_vocabulary(plans: Sequence[Plan], problem: EngineError | None) -> tuple[Plan, ...]:
    """Return plans that tell what is wrong with the tokenizer, before what else is."""
    if problem is None:
        return tuple(plans)
    return tuple(replace(plan, problems=(problem, *plan.problems)) for plan in plans)
