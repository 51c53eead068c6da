"""The one error of the stand-in: it says what is missing, so that nothing is ever converted wrongly in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn


class Lacking(AttributeError):
    """Say what only the real torch and transformers can do.

    An ``AttributeError``, so that ``hasattr`` answers no for what is missing.
    """


def attribute_of(owner: str) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a module or an object that names what it lacks."""

    def lacks(name: str) -> NoReturn:
        raise Lacking(f"{owner}.{name}")

    return lacks
