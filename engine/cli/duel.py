"""The command ``duel``: two models answer one question, and the person says which answer is better."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from engine import settings
from engine.chat.asking import Asker
from engine.chat.conversation import Conversation, Message
from engine.chat.duel import Contestant, Pairing, paired, side_of
from engine.chat.fitting import first_words
from engine.chat.history.store import History
from engine.chat.history.tree import Tree
from engine.chat.steering import Steering
from engine.cli import show
from engine.cli.library import named, open_library
from engine.cli.run import events_of, finish
from engine.events import Token
from engine.measure.votes import Side, Verdict, Vote, tallies
from engine.runtime.options import LoadOptions
from engine.runtime.session import Session
from engine.settings import Settings

_VERDICTS: dict[str, Verdict] = {"1": "first", "2": "second", "t": "tie"}


@click.command("duel")
@click.argument("first")
@click.argument("second")
@click.argument("question")
@click.option("--blind", is_flag=True, help="Mix the order and hide the names until you have voted.")
def duel_command(first: str, second: str, question: str, blind: bool) -> None:
    """Ask FIRST and SECOND, one after the other, the same QUESTION, and vote: 1, 2, t (as good) or Enter for no vote.

    Both answers are kept as one conversation with two versions; votes are counted for each model's file.
    """
    values, library = settings.load(), open_library()
    paths: list[Path] = [library.find(named(name)).path for name in (first, second)]
    pairing = paired(library, paths, LoadOptions.from_settings(values), blind=blind)
    with History() as history:
        tree = _answered(history, pairing, values, question, blind)
        choice = click.prompt("Which is better", type=click.Choice([*_VERDICTS, ""]), default="", show_default=False)
        sides = [side_of(each.checkpoint) for each in pairing.contestants]
        if choice:
            asked = tree.branch[0].id
            history.vote(Vote(sides[0], sides[1], _VERDICTS[choice], blind, asked, time.time())).result()
        _show_sides(history, sides)


def _answered(history: History, pairing: Pairing, values: Settings, question: str, blind: bool) -> Tree:
    """Let both answer, each loaded alone, and return their conversation."""
    entry, _ = history.new(values["system_prompt"])
    history.rename(entry.id, first_words(Conversation((Message("user", question),))), "words")
    tree = Tree(entry.id, entry.system_prompt)
    for number, contestant in enumerate(pairing.contestants, 1):
        name = f"Model {number}" if blind else f"{number}. {contestant.checkpoint.title}"
        show.errors.print(f"\n[bold]{name}[/]")
        with ExitStack() as stack:
            asker = _asker(stack, history, contestant, values)
            asked = asker.answer_again(tree, tree.branch[-1].id) if tree.nodes else asker.ask(tree, question)
            _print(asked.turn)
        tree = asked.ended()
    return tree


def _asker(stack: ExitStack, history: History, contestant: Contestant, values: Settings) -> Asker:
    session = stack.enter_context(Session(contestant.checkpoint, LoadOptions.from_settings(values)))
    finish(session.load())
    return Asker(history, session, Steering(recommended=contestant.recommended, settings=values).sampling())


def _print(turn: Any) -> None:
    for event in events_of(turn):
        if isinstance(event, Token) and event.part == "answer":
            show.output.out(event.text, end="", highlight=False)
    show.output.print()


def _show_sides(history: History, sides: list[Side]) -> None:
    counted = tallies(history.votes())
    for number, side in enumerate(sides, 1):
        words = counted[side.sha256].words if side.sha256 in counted else "no votes yet"
        show.errors.print(f"{number}. {side.name}: {words}", soft_wrap=True, markup=False, highlight=False)
