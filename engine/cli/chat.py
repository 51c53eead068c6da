"""Chat in a terminal: the answer on standard output as it comes, everything else on standard error."""

from __future__ import annotations

import json
import math

from engine.catalog.checkpoint import Checkpoint
from engine.chat.conversation import Conversation, Message
from engine.chat.export.markdown import left_out_words
from engine.chat.steering import Steering
from engine.chat.turn import Turn
from engine.cli import show
from engine.cli.run import events_of, finish, print_json_line
from engine.errors import Cancelled, EngineError
from engine.events import Notice, Odds, Token
from engine.runtime.options import LoadOptions
from engine.runtime.session import Session

GREETING = "Ask, and press Enter. Ctrl+C stops an answer; Ctrl+D ends."


def chat_once(checkpoint: Checkpoint, steering: Steering, prompt: str, as_json: bool) -> None:
    """Answer one prompt and end."""
    with Session(checkpoint, LoadOptions.from_settings(steering.settings)) as session:
        finish(session.load(), as_json)
        conversation = Conversation(system_prompt=steering.system_prompt)
        _answer(_turn(session, conversation, prompt, steering), as_json)


def chat_on(checkpoint: Checkpoint, steering: Steering, as_json: bool) -> None:
    """Answer line after line until the input ends. A fault ends one answer and not the conversation."""
    conversation = Conversation(system_prompt=steering.system_prompt)
    with Session(checkpoint, LoadOptions.from_settings(steering.settings)) as session:
        finish(session.load(), as_json)
        show.errors.print(f"[bold]{checkpoint.title}[/]. {GREETING}")
        while (question := _question()) is not None:
            turn = _turn(session, conversation, question, steering)
            try:
                _answer(turn, as_json)
            except Cancelled:
                show.errors.print("\nStopped.")
            except EngineError as fault:
                show.error(fault)
            conversation = turn.conversation


def _turn(session: Session, conversation: Conversation, question: str, steering: Steering) -> Turn:
    return Turn(session, conversation, question, steering.sampling(), when_full=steering.when_full)


def _question() -> str | None:
    while True:
        try:
            text = input("\n› ").strip()
        except (EOFError, KeyboardInterrupt):
            return None
        if text:
            return text


def _answer(turn: Turn, as_json: bool) -> None:
    odds: list[Odds] = []
    for event in events_of(turn):
        odds += event.odds if isinstance(event, Token) else ()
        if as_json:
            print_json_line(event)
        elif isinstance(event, Token):
            console = show.output if event.part == "answer" else show.errors
            console.out(event.text, end="", highlight=False, style="dim" if event.part == "thinking" else None)
        elif isinstance(event, Notice):
            show.notice(event)
    answer = turn.conversation.last_answer
    if answer and not as_json:
        show.output.print()
        if words := left_out_words(answer):
            show.errors.print(words, soft_wrap=True, highlight=False)
        for one in odds:
            show.errors.print(odds_words(one), soft_wrap=True, markup=False, highlight=False)
        show.errors.print(summary(answer), style="dim", soft_wrap=True)


def odds_words(odds: Odds) -> str:
    """Return “ 73.1 %  "Paris"   or " the" 12.0 %, …”."""
    others = [f"{json.dumps(text, ensure_ascii=False)} {math.exp(log):.1%}" for text, log in odds.top]
    own = json.dumps(odds.text, ensure_ascii=False)
    return f"{math.exp(odds.logprob):6.1%}  {own:14} of {', '.join(others)}"


def summary(answer: Message) -> str:
    """Say in one line what an answer took."""
    usage = answer.usage
    if usage is None:
        return ""
    reused = f"{usage.reused_tokens:,} of " if usage.reused_tokens else ""  # not every server says whether it did
    words = [
        f"{usage.answer_tokens:,} {'token' if usage.answer_tokens == 1 else 'tokens'}",
        f"{usage.decode_tokens_s:.1f} tokens/s" if usage.decode_tokens_s else "",
        f"first after {usage.first_token_s:.2f} s",
        f"{reused}{usage.prompt_tokens:,} prompt tokens{' reused' if reused else ''}",
        f"seed {usage.seed}",
    ]
    if usage.guessed_tokens:
        words.insert(2, f"{usage.accepted_tokens:,} of {usage.guessed_tokens:,} guesses came true")
    endings = {"length": "the longest allowed answer was reached", "context": "the context window is full"}
    return ", ".join(filter(None, [*words, endings.get(usage.finish_reason)]))
