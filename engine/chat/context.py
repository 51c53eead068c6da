"""What fills the context window, and what is left out of a prompt that does not fit: pure functions of values.

Nothing is cut silently: what a prompt lacks is a :class:`LeftOut`, which the answer keeps and the transcript shows.
Whole turns are left out, a question with its answers, so that what is left begins with a question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine.chat.conversation import Conversation, LeftOut, Message
from engine.formats import ModelFacts
from engine.recommend.footprint import footprint
from engine.runtime.options import LoadOptions, Sampling

WhenFull = Literal["stop", "drop_oldest", "keep_ends", "summarise"]
WHEN_FULL: dict[WhenFull, str] = {  # in the words of the choice
    "stop": "Stop and say so",
    "drop_oldest": "Leave out the oldest turns",
    "keep_ends": "Keep the first turn and the latest ones",
    "summarise": "Put a summary in place of the oldest turns",
}

_SUMMARY_TOKENS = 256
_SUMMARY_HEAD = "What was said before, in short:\n"
# So much stays free after turns were left out: else each new question would leave out another and move all the others,
# and nothing of the KV cache could be used again.
_SPARE = 0.25


@dataclass(frozen=True, slots=True)
class Counts:
    """The tokens of a prompt: of all of it, and of each message's text. The template's own are in the total only.

    ``exact`` is false where the back end cannot count and its size was guessed.
    """

    total: int
    messages: tuple[int, ...]
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Filling:
    """What fills a window, in tokens, for the gauge; ``turns`` has one entry a message, in the branch's order.

    ``exact`` as in :class:`Counts`.
    """

    window: int
    system: int
    turns: tuple[int, ...]
    template: int
    answer_room: int
    exact: bool = True

    @property
    def used(self) -> int:
        return self.system + sum(self.turns) + self.template

    @property
    def free(self) -> int:
        """What is left beside the room for the answer; negative where that does not fit any more."""
        return self.window - self.used - self.answer_room


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt that fits, and what it lacks."""

    prompt: Sequence[Mapping[str, Any]]
    left_out: LeftOut | None = None


@dataclass(frozen=True, slots=True)
class Enlargement:
    """A larger window: its size, what it takes more, and whether that is free (bytes).

    ``corrected_from`` is the number of loads on this machine that the estimate was corrected from.
    """

    context_tokens: int
    extra_bytes: int
    fits: bool
    corrected_from: int = 0


def filling(conversation: Conversation, counts: Counts, window: int, sampling: Sampling) -> Filling:
    """Return what fills a window; ``counts.messages`` are those of :func:`texts`."""
    system, turns = (counts.messages[:1], counts.messages[1:]) if conversation.system_prompt else ((), counts.messages)
    template = counts.total - sum(counts.messages)
    return Filling(window, sum(system), turns, template, answer_room(window, sampling), counts.exact)


def answer_room(window: int, sampling: Sampling) -> int:
    """Return the tokens kept free for an answer: as long as it may become, at most a quarter of the window."""
    most = window // 4
    return min(sampling.max_tokens, most) if sampling.max_tokens else most


def texts(conversation: Conversation) -> list[str]:
    """Return what is to be counted one by one: the system prompt, if there is one, then each message."""
    system = [conversation.system_prompt] if conversation.system_prompt else []
    return [*system, *(message.content for message in conversation.messages)]


def fitted(conversation: Conversation, left_out: LeftOut | None) -> Fitted:
    """Return the prompt of a conversation without what is left out."""
    if left_out is None or not left_out.count:
        return Fitted(conversation.prompt())
    messages = conversation.messages
    kept = (*messages[: left_out.first], *messages[left_out.first + left_out.count :])
    system = conversation.system_prompt
    if left_out.summary:
        system = f"{system}\n\n{_SUMMARY_HEAD}{left_out.summary}".strip()
    return Fitted(Conversation(kept, system).prompt(), left_out)


def choose(conversation: Conversation, filling: Filling, how: WhenFull) -> LeftOut | None:
    """Return what to leave out so that the prompt fits with room to spare; ``None`` if nothing can help.

    The last question always stays, and with ``keep_ends`` the first turn.
    """
    starts = _turn_starts(conversation)
    first = 1 if how == "keep_ends" else 0
    if how == "stop" or len(starts) <= first + 1:
        return None
    reserve = summary_tokens(filling.window) if how == "summarise" else 0
    budget = filling.window - filling.answer_room
    too_much = filling.used + reserve - int(budget * (1 - _SPARE))
    begin = starts[first]
    for end in starts[first + 1 :]:
        gone = sum(filling.turns[begin:end])
        if gone >= too_much or end == starts[-1]:
            return LeftOut(begin, end - begin, gone) if filling.used + reserve - gone <= budget else None
    return None


def still_fits(filling: Filling, left_out: LeftOut) -> bool:
    """Tell whether what an earlier answer left out is enough for this question too: the KV cache then stays of use."""
    end = left_out.first + left_out.count
    if end >= len(filling.turns):
        return False
    summary = summary_tokens(filling.window) if left_out.summary else 0
    gone = sum(filling.turns[left_out.first : end])
    return filling.used + summary - gone <= filling.window - filling.answer_room


def last_left_out(conversation: Conversation) -> LeftOut | None:
    """Return what the latest answer was not shown."""
    answers = (message for message in reversed(conversation.messages) if message.role == "assistant")
    latest = next(answers, None)
    return latest.left_out if latest else None


def summary_question(messages: Sequence[Message], summary: str) -> list[dict[str, Any]]:
    """Return the prompt that asks for a summary of messages, and of what went before them."""
    lines = [f"{'Person' if message.role == 'user' else 'Assistant'}: {message.content}" for message in messages]
    text = "\n\n".join([f"Summary so far: {summary}"] * bool(summary) + lines)
    ask = "Summarise this conversation in a few sentences. Keep names, numbers, decisions and open questions."
    return [{"role": "user", "content": f"{ask}\n\n{text}"}]


def parts(filling: Filling, begin: int, end: int) -> list[slice]:
    """Return messages in parts that take at most half of the window each, so that a summary can be asked of them.

    A single message that is longer than that is a part of its own.
    """
    found: list[slice] = []
    tokens = 0
    for index in range(begin, end):
        tokens += filling.turns[index]
        if not found or tokens > filling.window // 2:
            found.append(slice(index, index + 1))
            tokens = filling.turns[index]
        else:
            found[-1] = slice(found[-1].start, index + 1)
    return found


def summary_tokens(window: int) -> int:
    """Return how long a summary may become."""
    return min(_SUMMARY_TOKENS, window // 8)


def enlargement(
    facts: ModelFacts, options: LoadOptions, needed_tokens: int, free_bytes: int, window: int
) -> Enlargement | None:
    """Return the smallest doubled window that holds ``needed_tokens``; ``None`` if the model cannot see so much.

    ``window`` is what is loaded now, ``free_bytes`` what is free beside it.
    """
    larger = window
    most = facts.trained_context or needed_tokens * 2
    while larger < needed_tokens:
        if larger >= most:
            return None
        larger = min(larger * 2, most)
    takes = [
        footprint(
            facts,
            facts.format_id,
            tokens,
            options.cache_type,
            gpu_layers=max(options.gpu_layers, 0),
            flash_attention=options.flash_attention,
        ).total_bytes
        for tokens in (window, larger)
    ]
    extra = takes[1] - takes[0]
    return Enlargement(larger, extra, extra <= free_bytes)


def _turn_starts(conversation: Conversation) -> list[int]:
    """Return the indexes of the questions that begin a turn: those that come after an answer, and the first."""
    messages = conversation.messages
    return [
        index
        for index, message in enumerate(messages)
        if message.role == "user" and (index == 0 or messages[index - 1].role != "user")
    ]
