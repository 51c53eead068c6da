"""The commands. Each reads as the pipeline does: find the model, look at it, do the one thing, print."""

from __future__ import annotations

import sys
from typing import Any

import click

from engine import __version__, settings
from engine.catalog.facts import read_facts
from engine.catalog.observations import Observations
from engine.cli import hub_commands, show
from engine.cli.chat import chat_on, chat_once
from engine.cli.chats import chats
from engine.cli.convert import convert_command
from engine.cli.data import data_group
from engine.cli.duel import duel_command
from engine.cli.environments import environments_group
from engine.cli.library import json_option, named, open_library
from engine.cli.library_commands import library_group
from engine.cli.make_all import make_all_command
from engine.cli.measure import measure_command
from engine.cli.run import finish
from engine.cli.serve import serve_command
from engine.cli.servers import find_model, servers_group
from engine.cli.steering import steering_of, steering_options
from engine.machine.job import ProbeJob
from engine.machine.probe import probe
from engine.recommend.rules import recommend


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="Halfbyte")
def halfbyte() -> None:
    """Run language models on this machine. Without a command, the window opens.

    MODEL is a name from `halfbyte library` (or a part of one), "starter", or the path of a .gguf file or of a model's
    folder; to chat with one on a server, "server:NAME/MODEL" (see `halfbyte servers`).
    """


@halfbyte.command("machine")
@json_option
def machine_command(as_json: bool) -> None:
    """Show what this computer has."""
    found = finish(ProbeJob())
    if as_json:
        show.as_json(found)
    else:
        show.machine(found)


@halfbyte.command("suggest")
@click.argument("model")
@click.option("--context", type=click.IntRange(256), help="Context in tokens. [default: the setting]")
@json_option
def suggest_command(model: str, context: int | None, as_json: bool) -> None:
    """Rank the formats of MODEL for this machine, each with its reason."""
    checkpoint = open_library().find(named(model))
    tokens, corrections = context or settings.load()["context_tokens"], Observations().corrections()
    rows = recommend(read_facts(checkpoint.path), probe(), tokens, corrections=corrections)
    if as_json:
        show.as_json(rows)
    else:
        show.fits(rows)


@halfbyte.command("chat")
@click.argument("model", default="starter")
@click.argument("prompt", required=False)
@click.option("--system", help="System prompt. [default: the setting, or the model's]")
@click.option("--context", type=click.IntRange(256), help="Context in tokens. [default: the setting]")
@click.option(
    "--draft-model",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    help="A small .gguf of the same vocabulary that guesses ahead. [default: the setting]",
)
@steering_options
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON.")
def chat_command(model: str, prompt: str | None, as_json: bool, **given: Any) -> None:
    """Chat with MODEL; with a PROMPT (or text on standard input), answer it and end.

    What is not chosen here comes from your settings, then from the model's makers, then from Halfbyte's defaults.
    """
    loading = {"context_tokens": given.pop("context"), "draft_model": given.pop("draft_model")}
    values = settings.load().changed(**{name: value for name, value in loading.items() if value is not None})
    checkpoint = find_model(model)
    steering = steering_of(checkpoint, values, given)
    if prompt is None and not sys.stdin.isatty():
        prompt = sys.stdin.read()
    if prompt is None:
        chat_on(checkpoint, steering, as_json)
    else:
        chat_once(checkpoint, steering, prompt, as_json)


for command in (
    convert_command,
    make_all_command,
    library_group,
    hub_commands.search_command,
    hub_commands.show_command,
    hub_commands.get_command,
    hub_commands.verify_command,
    hub_commands.token_command,
    chats,
    duel_command,
    data_group,
    environments_group,
    measure_command,
    serve_command,
    servers_group,
):
    halfbyte.add_command(command)
