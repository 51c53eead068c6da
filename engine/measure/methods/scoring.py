"""Score windows one after the other; what is done is on the disk after each."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from engine.errors import Cancelled, DamagedFile, Refused
from engine.events import Event, Finished
from engine.measure.methods import summary
from engine.measure.methods.base import Scorer
from engine.measure.methods.distribution import Comparison, Reader, Writer, log_softmax
from engine.measure.methods.frames import Frames
from engine.measure.methods.windows import Window, digest, windows_of
from engine.measure.options import MeasureOptions
from engine.pace import Pace

REFERENCE_LAYOUT = 2
SHARED_HEADER = "what is read"


@dataclass(frozen=True, slots=True)
class Files:
    """Where a scoring keeps its values, and the reference that it compares with or (``writes``) makes."""

    values: Path
    reference: Path | None
    writes: bool


def read_texts(rows: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Return name and text of ``(name, path, SHA-256)``. Raises :class:`DamagedFile` for a text that was changed."""
    found = []
    for name, path, expected in rows:
        content = Path(path).read_bytes()
        if (actual := sha256(content).hexdigest()) != expected:
            raise DamagedFile(path, f"SHA-256 {expected}", actual)
        found.append((name, content.decode("utf-8", "replace")))
    return found


class Scoring:
    """One model's pass over the texts."""

    def __init__(self, scorer: Scorer, options: MeasureOptions, files: Files, stop: threading.Event) -> None:
        self._scorer = scorer
        self._options = options
        self._files = files
        self._stop = stop

    def run(self, texts: Sequence[tuple[str, str]]) -> Iterator[Event]:
        """Yield progress in tokens, and last ``Finished`` with the quality. Raises :class:`Refused`."""
        length = self._options.window_tokens
        ids = [(name, self._scorer.tokens(text)) for name, text in texts]
        windows = windows_of(ids, length, self._options.tokens)
        header = {"layout": REFERENCE_LAYOUT, SHARED_HEADER: digest(windows, self._scorer.window_start)}
        with ExitStack() as stack:
            values = stack.enter_context(Frames(self._files.values, header))
            reference = self._reference(stack, header, len(windows))
            done = self._already_done(values, reference)
            values.cut(done)
            pace = Pace("Reading the text", len(windows) * length, "tokens", already_done=done * length)
            yield pace.at(done * length)
            for number in range(done, len(windows)):
                values.append(self._window(windows[number], reference, number))
                yield pace.at((number + 1) * length)
            names = [window.text for window in windows]
            frames = [values[number] for number in range(len(windows))]
        yield Finished(summary.quality(names, frames, len(windows) * length, compared=self._compares))

    @property
    def _compares(self) -> bool:
        return self._files.reference is not None and not self._files.writes

    def _reference(self, stack: ExitStack, header: dict[str, object], windows: int) -> Frames | None:
        path = self._files.reference
        if path is None:
            return None
        if self._compares:
            _check_reference(path, header)
        reference = stack.enter_context(Frames(path, header))
        if self._compares and len(reference) < windows:
            raise DamagedFile(str(path), f"{windows} windows", str(len(reference)))
        return reference

    def _already_done(self, values: Frames, reference: Frames | None) -> int:
        return min(len(values), len(reference)) if reference is not None and self._files.writes else len(values)

    def _window(self, window: Window, reference: Frames | None, number: int) -> bytes:
        tokens = list(window.tokens)
        first = len(tokens) // 2
        targets = tokens[first + 1 :]
        if self._scorer.window_start is not None:
            tokens[0] = self._scorer.window_start
        writer = Writer(targets) if reference is not None and self._files.writes else None
        reader = Reader(reference[number]) if reference is not None and writer is None else None
        comparison = Comparison(targets, reader)
        for rows in self._scorer.logits(tokens, first):
            for row in rows:
                log_p = log_softmax(row)
                comparison.take(log_p)
                if writer is not None:
                    writer.take(log_p)
                if self._stop.is_set():
                    raise Cancelled("The measurement")
        if writer is not None and reference is not None and len(reference) == number:
            reference.append(writer.reference())
        return comparison.frame()


def _check_reference(path: Path, header: dict[str, object]) -> None:
    """Refuse a reference of another reading before it is opened, which would empty it."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.readline(1 << 16))
    except (OSError, ValueError) as error:
        raise DamagedFile(str(path), "a reference", "none") from error
    if found != header:
        raise Refused(
            "The model reads the text as other tokens than its reference does.",
            "Choose a reference of the same model, or measure without one.",
        )
