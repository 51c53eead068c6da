"""The options of ``halfbyte chat`` that steer an answer: the same as in the window's model settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.generation import read_recommended
from engine.chat.context import WHEN_FULL, WhenFull
from engine.chat.presets import presets
from engine.chat.prompts import prompts
from engine.chat.steering import LOGPROBS_LIMIT, Choice, Steering
from engine.errors import Refused
from engine.settings import TABLE, Settings

Command = TypeVar("Command", bound=Callable[..., Any])

_TEXT_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
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
        click.option("--json-schema", type=_TEXT_FILE, help="Hold the answer to the JSON schema of this file."),
        click.option("--grammar", type=_TEXT_FILE, help="Hold the answer to the grammar (GBNF) of this file."),
        click.option(
            "--logprobs",
            type=click.IntRange(0, LOGPROBS_LIMIT),
            help="Tell how likely each token was, and so many of the likeliest.",
        ),
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
    for name, value in (("stop", list(given.pop("stops"))), ("logprobs", given.pop("logprobs"))):
        choice = choice.with_value(name, value or None)
    for name in ("json_schema", "grammar"):
        if path := given.pop(name):
            choice = choice.with_value(name, _read(path))
    _one_form(choice)
    return Steering(choice, read_recommended(checkpoint.path), settings, _instructed(given))


def _instructed(given: dict[str, Any]) -> str | None:
    """Take the system prompt out of what the command line gave; ``None`` where it gave none."""
    saved, text = given.pop("saved_prompt"), given.pop("system")
    return prompts().named(saved) if saved and text is None else text


def _one_form(choice: Choice) -> None:
    if choice.sampling.get("json_schema") and choice.sampling.get("grammar"):
        raise Refused("An answer has one form: a JSON schema or a grammar, not both.")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read: {error}.") from error


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
