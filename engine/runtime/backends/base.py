"""The shape of a back end: a class with three generator methods, used in a worker process only."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from engine.events import Event
from engine.runtime.options import LoadOptions, Sampling


class Backend(Protocol):
    """Load one model and answer with it.

    ``stop`` is set while the running request is cancelled: native calls that take long poll it. A cancelled
    generator may be closed at any ``yield`` and must leave the back end fit for the next request.
    """

    def __init__(self, stop: threading.Event) -> None: ...

    def load(self, path: Path, options: LoadOptions) -> Iterator[Event]:
        """Yield ``Progress(step="load")`` and last ``Finished(Loaded)``. If it fails, nothing stays loaded."""
        ...

    def generate(
        self, messages: Sequence[Mapping[str, Any]], sampling: Sampling, *, continue_last: bool = False
    ) -> Iterator[Event]:
        """Yield ``Progress(step="prompt")``, ``PromptRead``, ``Token`` …, and last ``Finished(Usage)``.

        A message is ``{"role": …, "content": …, "thinking": …}``. ``continue_last`` writes on where the last
        message, the assistant's own, breaks off. Raises ``ContextTooLong`` before any work.
        """
        ...

    def unload(self) -> Iterator[Event]:
        """Free the model; do nothing if there is none."""
        ...


@runtime_checkable
class Counting(Protocol):
    """What a back end may have besides: its tokenizer, to say how long a prompt is."""

    def count(self, messages: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> tuple[int, list[int]] | None:
        """Return the tokens of a whole prompt, the template's own included, and of each text; ``None``: unknown."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """What a back end may have besides: its KV cache on disk. It only saves time and raises nothing but ``OSError``."""

    def keep(self, file: Path) -> bool:
        """Write what the cache holds; return whether it is there now."""
        ...

    def recall(self, file: Path) -> bool:
        """Read what was kept, if it is of use and was made with this model, settings and build."""
        ...


_BYTES_PER_TOKEN = 3  # fewer than English text has with any vocabulary of today: a guess shall not be too small


def guessed_tokens(text: str) -> int:
    """Return about how many tokens a text takes, for back ends that cannot count."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)
