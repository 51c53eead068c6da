"""The shape of what can be measured: a class for each family of formats, used in a worker process only.

Whoever adds a family writes one such class and one row in :mod:`engine.measure.registry`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from engine.events import Event
from engine.measure.options import MeasureOptions


class Scorer(Protocol):
    """Says how likely a model finds each token of a text.

    ``stop`` is set while the request is cancelled: what takes longer than a second polls it and raises ``Cancelled``.
    """

    vocabulary_size: int
    window_start: int | None  # the token that begins each window in place of its first, where the model wants one

    def __init__(self, stop: threading.Event) -> None: ...

    def load(self, path: Path, options: MeasureOptions) -> Iterator[Event]:
        """Yield ``Progress(step="load")`` and notices. If it fails, nothing stays loaded."""
        ...

    def tokens(self, text: str) -> list[int]:
        """Tokenize plain text as the model reads it from its beginning; no control token is parsed out of it."""
        ...

    def logits(self, window: Sequence[int], first: int) -> Iterator[Any]:
        """Read a window from an empty context; yield the logits behind the positions ``first`` … ``len(window) - 2``.

        Arrays of float32, shape (rows, vocabulary), rows in order, each valid until the next is asked for. How many
        rows come at once is up to the class, so that its memory stays bounded.
        """
        ...

    def close(self) -> None: ...


class Runner(Protocol):
    """Runs a model as the app would, to time it: the same settings, the same process boundary."""

    def __init__(self, stop: threading.Event) -> None: ...

    def load(self, path: Path, options: MeasureOptions) -> Iterator[Event]:
        """Yield progress, and last ``Finished(engine.runtime.results.Loaded)``."""
        ...

    def prompt(self, tokens: int) -> float:
        """Read a prompt of so many tokens into an empty cache; return the seconds to the end of the computation."""
        ...

    def first_token(self, tokens: int) -> float:
        """Return the seconds from an unread prompt of so many tokens to the first token of its answer."""
        ...

    def decode(self, tokens: int) -> float:
        """Compute so many tokens one by one from an empty cache; return the seconds."""
        ...

    def gpu_bytes(self) -> int | None:
        """Return what the model takes on GPUs now; ``None`` where none is used or nothing tells."""
        ...

    def close(self) -> None: ...
