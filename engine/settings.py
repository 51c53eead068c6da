"""The settings: one declared table, typed, ranged and documented.

The window draws its settings page from the table and the command line its help. A file that cannot be read never
keeps the app from starting: the damaged value falls back to its default and is reported.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import Refused
from engine.paths import folders

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Setting:
    """One row: what it is called, what it may be, and what it does. ``choices`` or ``lowest``..``highest`` bound it.

    ``words`` are the choices as people read them, where they are not read as they are.
    """

    name: str
    default: Value
    title: str
    help: str
    choices: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    unit: str = ""
    words: tuple[str, ...] = ()

    def checked(self, value: Any) -> Any:
        """Return ``value`` as this setting's type. Raises :class:`Refused` with the allowed range."""
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise Refused(f"{self.title}: {value!r} is not a {_KIND_WORDS[kind]}.")
        if self.choices and value not in self.choices:
            raise Refused(f"{self.title}: {value!r} is not one of {', '.join(self.choices)}.")
        if isinstance(value, int | float):
            self._check_range(value)
        return value

    def _check_range(self, value: float) -> None:
        if self.lowest is not None and value < self.lowest:
            raise Refused(f"{self.title}: {value} is below {self.lowest:g}.")
        if self.highest is not None and value > self.highest:
            raise Refused(f"{self.title}: {value} is above {self.highest:g}.")


_KIND_WORDS: dict[type, str] = {str: "text", int: "whole number", float: "number", bool: "yes or no"}

_MOST_TOKENS = 2**20

TABLE: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting("theme", "system", "Theme", "Follow the system, or stay light or dark.", ("system", "light", "dark")),
        Setting(
            "contrast",
            "system",
            "Contrast",
            "Follow the system, or stay normal, or high: pure colours, and an edge around everything.",
            ("system", "normal", "high"),
        ),
        Setting(
            "motion",
            "system",
            "Motion",
            "Follow the system, or show it all, or as little as can be: nothing moves or blinks by itself.",
            ("system", "all", "reduced"),
        ),
        Setting("models_folder", "", "Models folder", "Where models are kept. Empty: the app's own data folder."),
        Setting(
            "download_limit_mb_s", 0.0, "Speed limit", "For all downloads together; 0: no limit.", (), 0.0, 1e5, "MB/s"
        ),
        Setting(
            "continue_downloads",
            True,
            "Continue at the start",
            "With the downloads and conversions of the last end.",
        ),
        Setting(
            "context_tokens",
            4096,
            "Context",
            "How much of a conversation the model sees.",
            lowest=256,
            highest=_MOST_TOKENS,
            unit="tokens",
        ),
        Setting(
            "when_full",
            "stop",
            "When the context is full",
            "Stop and say so, leave out the oldest turns, keep the first and the latest ones, or put a summary in "
            "place of the oldest. The conversation shows where something was left out.",
            ("stop", "drop_oldest", "keep_ends", "summarise"),
        ),
        Setting("gpu_layers", -1, "GPU layers", "Computed on the GPU; -1: as many as fit.", lowest=-1, highest=1000),
        Setting("threads", 0, "Threads", "0: the physical cores that may be used.", lowest=0, highest=512),
        Setting(
            "cache_type",
            "f16",
            "Memory of the context",
            "How exactly the model's notes of the conversation (the KV cache) are kept: fewer bits take less memory "
            "and answer a little less exactly. The chat shows what each takes: press its gauge.",
            ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "iq4_nl", "q4_1", "q4_0"),
            words=(
                "32 bits (F32)",
                "16 bits (F16)",
                "16 bits (BF16)",
                "8 bits (Q8_0)",
                "5 bits (Q5_1)",
                "5 bits (Q5_0)",
                "4 bits (IQ4_NL)",
                "4 bits (Q4_1)",
                "4 bits (Q4_0)",
            ),
        ),
        Setting(
            "flash_attention",
            True,
            "Flash attention",
            "Computes with less memory in long conversations, wherever the model can. Fewer than 16 bits need it.",
        ),
        Setting(
            "guess_ahead",
            False,
            "Guess ahead",
            "Guesses the next words from what was already said and checks several at once: faster where an answer "
            "repeats its question, such as changed code. It pauses by itself while that does not pay.",
        ),
        Setting(
            "draft_model",
            "",
            "Draft model",
            "A small GGUF model with the same vocabulary, which guesses the next words for a larger one. It pauses by "
            "itself while that does not pay. Empty: none.",
        ),
        Setting(
            "kept_prompts_gb",
            4.0,
            "Kept prompts",
            "How much of the disk read conversations may take, so that one that is opened again need not be read "
            "again. The oldest go first; 0: none are kept, and those that are there are deleted.",
            (),
            0.0,
            1000.0,
            "GB",
        ),
        Setting("temperature", 0.7, "Temperature", "0 takes the likeliest token; more is more varied.", (), 0.0, 2.0),
        Setting(
            "top_p", 0.95, "Top P", "Choose among the likeliest tokens that together have this share.", (), 0.0, 1.0
        ),
        Setting("top_k", 40, "Top K", "Choose among this many of the likeliest tokens; 0: all.", (), 0, 1000),
        Setting("min_p", 0.05, "Min P", "Leave out tokens below this share of the likeliest one's.", (), 0.0, 1.0),
        Setting("repeat_penalty", 1.0, "Repeat penalty", "Above 1 repeats less; 1: off.", (), 0.5, 2.0),
        Setting("seed", -1, "Seed", "The same seed, the same answer; -1: a new one each time.", (), -1, 2**31 - 1),
        Setting(
            "max_tokens",
            0,
            "Longest answer",
            "0: until the model ends or the context is full.",
            lowest=0,
            highest=_MOST_TOKENS,
            unit="tokens",
        ),
        Setting("system_prompt", "", "System prompt", "What the model is told before each conversation."),
    )
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force, and ``complaints`` about the file that they were read from."""

    values: Mapping[str, Value]
    complaints: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def changed(self, **changes: Any) -> Settings:
        """Return the settings with some values replaced. Raises :class:`Refused` for a value out of range."""
        checked = {name: TABLE[name].checked(value) for name, value in changes.items()}
        return Settings({**self.values, **checked}, self.complaints)

    @property
    def models_folder(self) -> Path:
        return Path(self["models_folder"]) if self["models_folder"] else folders().models


DEFAULTS = Settings({name: setting.default for name, setting in TABLE.items()})


def load(file: Path | None = None) -> Settings:
    """Read the settings; what is missing or wrong has its default."""
    file = file or folders().settings_file
    try:
        stored = json.loads(file.read_text("utf-8"))
        if not isinstance(stored, dict):
            raise ValueError("it is not a table of settings")
    except FileNotFoundError:
        return DEFAULTS
    except (OSError, ValueError) as error:
        return Settings(DEFAULTS.values, (f"{file} could not be read ({error}); the defaults are used.",))
    values, complaints = dict(DEFAULTS.values), []
    for name in TABLE.keys() & stored.keys():
        try:
            values[name] = TABLE[name].checked(stored[name])
        except Refused as error:
            complaints.append(error.message)
    return Settings(values, tuple(sorted(complaints)))


def save(settings: Settings, file: Path | None = None) -> None:
    """Write what differs from the defaults, under a temporary name first."""
    file = file or folders().settings_file
    changed = {name: value for name, value in settings.values.items() if value != TABLE[name].default}
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(changed, indent=2, ensure_ascii=False) + "\n", "utf-8")
    temporary.replace(file)
