"""The settings of an answer in words, and words as settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from desktop.language import tr
from desktop.quantities import short_number
from engine.chat.steering import SOURCES, Steering

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_MEANT = {"\\": "\\", "n": "\n", "t": "\t", "r": "\r"}


def inherited_words(steering: Steering, name: str) -> str:
    """Say what holds where nothing is chosen, and who says so: “0.6 is from the model (…).”"""
    value, source = steering.inherited(name)
    where = f"{SOURCES[source]} ({steering.recommended.source})" if source == "model" else SOURCES[source]
    return tr("{value} is {where}.").format(value=short_number(value), where=where)


def stops_text(stops: Sequence[str]) -> str:
    """Return stop strings one a line; a line break within one is written ``\\n``."""
    return "\n".join("".join(_ESCAPES.get(letter, letter) for letter in stop) for stop in stops)


def stops_of(text: str) -> list[str]:
    """Return the stop strings of :func:`stops_text`."""
    return [_meant(line) for line in text.split("\n") if line]


def preset_of(presets: Mapping[str, Mapping[str, Any]], sampling: Mapping[str, Any]) -> str:
    """Return the name of the preset that a choice is; empty if it is none of them."""
    return next((name for name, values in presets.items() if dict(values) == dict(sampling)), "")


def _meant(line: str) -> str:
    letters, meant = iter(line), ""
    for letter in letters:
        if letter == "\\":
            letter = next(letters, "\\")
            meant += _MEANT.get(letter, "\\" + letter)
        else:
            meant += letter
    return meant
