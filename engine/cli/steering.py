"""The options of ``halfbyte chat`` that steer an answer: the same as in the window's model settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.generation import read_recommended
from engine.chat.context import WHEN_FULL, WhenFull
from engine.chat.presets import presets
from engine.chat.prompts import prompts
from engine.chat.steering import Choice, Steering
from engine.settings import TABLE, Settings

Command = TypeVar("Command", bound=Callable[..., Any])

_NUMBERS = {
    "temperature": "0 always takes the likeliest token.",
    "top_p": TABLE["top_p"].help,
    "top_k": TABLE["top_k"].help,
    "min_p": TABLE["min_p"].help,
    "repeat_penalty": TABLE["repeat_penalty"].help,
    "seed": "The same seed gives the same answer.",
    "max_tokens": "Longest answer; 0: no limit.",
}


def steering_options(command: Command) -> Command:
    """Add the options; :func:`steering_of` reads them."""
    options = [
        click.option("--preset", help="A preset by name: precise, balanced, creative, code, or one that you saved."),
        click.option("--saved-prompt", help="A system prompt that you saved, by name."),
        *(_number(name, words) for name, words in _NUMBERS.items()),
        click.option("--stop", "stops", multiple=True, help="End the answer before this text; may be repeated."),
        click.option("--when-full", type=click.Choice(list(WHEN_FULL)), help="What happens when the context is full."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def steering_of(checkpoint: Checkpoint, settings: Settings, given: dict[str, Any]) -> Steering:
    """Take the options out of what the command line gave, and return what they steer."""
    choice = Choice(when_full=_when_full(given.pop("when_full")))
    if preset := given.pop("preset"):
        choice = Choice(presets().named(preset), choice.when_full)
    for name in _NUMBERS:
        value = given.pop(name)
        choice = choice if value is None else choice.with_value(name, value)
    if stops := given.pop("stops"):
        choice = choice.with_value("stop", list(stops))
    return Steering(choice, read_recommended(checkpoint.path), settings)


def system_prompt_of(given: dict[str, Any]) -> str | None:
    """Take the system prompt out of what the command line gave; ``None`` for the setting's."""
    saved, text = given.pop("saved_prompt"), given.pop("system")
    return prompts().named(saved) if saved and text is None else text


def _when_full(given: WhenFull | None) -> Any:
    return given or ""


def _number(name: str, words: str) -> Callable[[Any], Any]:
    setting = TABLE[name]
    whole = isinstance(setting.default, int)
    kind: click.ParamType
    if whole:
        kind = click.IntRange(int(setting.lowest or 0), None if setting.highest is None else int(setting.highest))
    else:
        kind = click.FloatRange(setting.lowest, setting.highest)
    return click.option(f"--{name.replace('_', '-')}", type=kind, help=words)
