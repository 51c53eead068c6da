"""What a person chose for one conversation, and what holds where nothing was chosen: pure functions of values.

A value comes from the first of these that has one: the conversation, the settings that the person changed, the model's
makers, Halfbyte's defaults.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from engine.catalog.generation import NOTHING, Recommended
from engine.chat.context import WHEN_FULL, WhenFull
from engine.errors import InvalidForm, Refused
from engine.runtime.forms import LARGEST_FORM, schema_of
from engine.runtime.options import Sampling
from engine.settings import DEFAULTS, TABLE, Settings

NUMBERS = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "seed", "max_tokens")
STOPS_LIMIT = 16
LOGPROBS_LIMIT = 20  # what servers of OpenAI's protocol allow

Source = Literal["conversation", "settings", "model", "halfbyte"]
SOURCES: dict[Source, str] = {
    "conversation": "chosen for this conversation",
    "settings": "from your settings",
    "model": "from the model",
    "halfbyte": "Halfbyte's default",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for a conversation: ``sampling`` has only what was, by the names of :class:`Sampling`.

    ``when_full`` is empty and ``context_tokens`` 0 where the setting holds.
    """

    sampling: Mapping[str, Any] = field(default_factory=dict)
    when_full: WhenFull | Literal[""] = ""
    context_tokens: int = 0

    def with_value(self, name: str, value: Any) -> Choice:
        """Return the choice with one value more; ``None`` takes it back. Raises :class:`Refused` for a wrong one."""
        others = {key: kept for key, kept in self.sampling.items() if key != name}
        return replace(self, sampling=others if value is None else {**others, name: checked(name, value)})

    def record(self) -> dict[str, Any]:
        """Return the part of a conversation's options that this is, JSON values."""
        return {
            "sampling": dict(self.sampling),
            "when_full": self.when_full,
            "context_tokens": self.context_tokens,
        }

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Choice:
        """Rebuild from a conversation's options; what makes no sense is left out."""
        chosen = cls(sound(options.get("sampling")), context_tokens=_context_of(options))
        ways = [replace(chosen, when_full=way) for way in WHEN_FULL if way == options.get("when_full")]
        return ways[0] if ways else chosen


@dataclass(frozen=True, slots=True)
class Steering:
    """A choice upon what holds without it: the model's recommendations and the settings.

    ``instructed`` is the system prompt that was chosen; ``None``: none was, and empty: the model is told nothing.
    """

    choice: Choice = Choice()
    recommended: Recommended = NOTHING
    settings: Settings = DEFAULTS
    instructed: str | None = None

    def sampling(self) -> Sampling:
        """Return what the next answer is made with."""
        values = {name: self.value(name) for name in NUMBERS}
        return Sampling.from_record({**values, **self.choice.sampling})

    @property
    def system_prompt(self) -> str:
        """What the model is told before a conversation that begins now."""
        if self.instructed is not None:
            return self.instructed
        return self.settings["system_prompt"] or self.recommended.system_prompt

    @property
    def when_full(self) -> WhenFull:
        return self.choice.when_full or self.settings["when_full"]

    def value(self, name: str) -> Any:
        """Return the value in force of one of :data:`NUMBERS`."""
        chosen = self.choice.sampling.get(name)
        return self.inherited(name)[0] if chosen is None else chosen

    def inherited(self, name: str) -> tuple[Any, Source]:
        """Return what one of :data:`NUMBERS` is where nothing was chosen for the conversation, and who says so."""
        if self.settings[name] != TABLE[name].default:
            return self.settings[name], "settings"
        if name in self.recommended.values:
            return self.recommended.values[name], "model"
        return TABLE[name].default, "halfbyte"


def checked(name: str, value: Any) -> Any:
    """Return a value of :class:`Sampling` as JSON has it. Raises :class:`Refused` with what it may be."""
    if name in NUMBERS:
        if isinstance(value, float) and not math.isfinite(value):
            raise Refused(f"{TABLE[name].title}: {value} is no number to choose.")
        return TABLE[name].checked(value)
    if name == "stop":
        return _stops(value)
    if name in ("json_schema", "grammar"):
        return _form(name, value)
    if name == "logprobs":
        if type(value) is not int or not 0 <= value <= LOGPROBS_LIMIT:
            raise Refused(f"Token probabilities: {value!r} is not a number from 0 to {LOGPROBS_LIMIT}.")
        return value
    raise Refused(f"“{name}” is no setting of an answer.")


def sound(values: Any) -> dict[str, Any]:
    """Return what is right of values that were read from a file."""
    kept: dict[str, Any] = {}
    for name, value in values.items() if isinstance(values, Mapping) else ():
        try:
            kept[name] = checked(name, value)
        except (Refused, InvalidForm):
            continue
    return kept


def _context_of(options: Mapping[str, Any]) -> int:
    """Return the context that was chosen for a conversation; 0 for none, and for what makes no sense."""
    value, row = options.get("context_tokens"), TABLE["context_tokens"]
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return value if (row.lowest or 0) <= value <= (row.highest or math.inf) else 0


def _form(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > LARGEST_FORM:
        raise Refused("The form of an answer is a text of moderate length.")
    if name == "json_schema" and value.strip():
        schema_of(value)
    return value if value.strip() else ""


def _stops(value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(stop, str) for stop in value):
        raise Refused("Stop strings are a list of texts.")
    stops = list(dict.fromkeys(stop for stop in value if stop))
    if len(stops) > STOPS_LIMIT:
        raise Refused(f"There are {len(stops)} stop strings; {STOPS_LIMIT} are the most.")
    return stops
