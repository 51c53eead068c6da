"""Jobs that ask the loaded model about a conversation: does it fit, what is its title."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

from engine.chat import context
from engine.chat.context import Counts, Filling, WhenFull
from engine.chat.conversation import Conversation, LeftOut
from engine.errors import Cancelled, ContextTooLong
from engine.events import Event, Finished, Progress, Token
from engine.runtime.options import Sampling
from engine.runtime.session import Session, SessionJob

_TITLE_WORDS = 8
_TITLE_LETTERS = 60
_WRAPPING = " \"'“”‘’*#`.:"
_TITLE_QUESTION = "Give this conversation a title of at most six words. Answer with the title only."
_LONG_WORD = re.compile(r"\w{4,}")
_TALK = re.compile(
    r"\b(i|you|your|we|let me|sure|here(['’]s| is)|title (for|of)|(this|the) conversation)\b|[.!?]( |$)|[。！？]",
    re.IGNORECASE,
)


class _Asking:
    """A job of several requests to one session; cancelling reaches the one that runs."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._job: SessionJob | None = None
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True
        if self._job:
            self._job.cancel()

    def _result(self, job: SessionJob) -> Generator[Event, None, Any]:
        """Run a request; yield its progress and return its value."""
        if self._cancelled:
            raise Cancelled
        self._job = job
        value = None
        for event in job:
            if isinstance(event, Finished):
                value = event.value
            elif not isinstance(event, Token):
                yield event
        return value

    def _text(self, messages: list[dict[str, Any]], sampling: Sampling) -> Generator[Event, None, str]:
        """Ask and return the answer's text, without its thinking."""
        if self._cancelled:
            raise Cancelled
        self._job = self._session.generate(messages, sampling)
        parts: list[str] = []
        for event in self._job:
            if isinstance(event, Token) and event.part == "answer":
                parts.append(event.text)
            elif isinstance(event, Progress):
                yield event
        return "".join(parts)

    def _counted(self, conversation: Conversation) -> Generator[Event, None, Counts]:
        record = yield from self._result(self._session.count(conversation.prompt(), context.texts(conversation)))
        return Counts(record["total"], tuple(record["texts"]), record["exact"])


class Filled(_Asking):
    """Count what fills the window; the value is a :class:`Filling`."""

    def __init__(self, session: Session, conversation: Conversation, sampling: Sampling) -> None:
        super().__init__(session)
        self._conversation = conversation
        self._sampling = sampling

    def __iter__(self) -> Iterator[Event]:
        counts = yield from self._counted(self._conversation)
        window = self._session.record["context_tokens"]
        yield Finished(context.filling(self._conversation, counts, window, self._sampling))


class Fitting(_Asking):
    """Make a conversation that ends with a question fit the window; the value is a :class:`Fitted`.

    Raises :class:`ContextTooLong` if it does not fit and ``how`` is to stop, or nothing that may go is enough.
    """

    def __init__(self, session: Session, conversation: Conversation, how: WhenFull, sampling: Sampling) -> None:
        super().__init__(session)
        self._conversation = conversation
        self._how: WhenFull = how
        self._sampling = sampling

    def __iter__(self) -> Iterator[Event]:
        told = self._conversation
        counts = yield from self._counted(told)
        filling = context.filling(told, counts, self._session.record["context_tokens"], self._sampling)
        left_out = None
        if filling.free < 0:
            left_out = yield from self._shortened(filling)
        yield Finished(context.fitted(told, left_out))

    def _shortened(self, filling: Filling) -> Generator[Event, None, LeftOut | None]:
        before = context.last_left_out(self._conversation)
        if before and context.still_fits(filling, before):
            return before
        left_out = context.choose(self._conversation, filling, self._how)
        if left_out is None:
            if filling.used < filling.window and self._how == "stop":
                return None  # the answer may become shorter than its room; it says so when it breaks off
            raise ContextTooLong(filling.used, filling.window)
        if self._how == "summarise":
            return replace(left_out, summary=(yield from self._summary(filling, left_out, before)))
        return left_out

    def _summary(self, filling: Filling, left_out: LeftOut, before: LeftOut | None) -> Generator[Event, None, str]:
        """Summarise part after part, each with the summary of what went before; an earlier answer's is gone on from."""
        most = context.summary_tokens(filling.window)
        plain = replace(self._sampling, stop=(), json_schema="", grammar="", logprobs=0)
        sampling = replace(plain, temperature=0.0, max_tokens=most)
        summary, begin = (before.summary, before.first + before.count) if before and before.summary else ("", 0)
        for part in context.parts(filling, begin, left_out.first + left_out.count):
            question = context.summary_question(self._conversation.messages[part], summary)
            summary = (yield from self._text(question, sampling)).strip()
        return summary


class Titling(_Asking):
    """Let the model suggest a title; the value is (title, who made it: ``model`` or ``words``).

    The question is put at the end of the conversation itself: the KV cache has all of it already, and the next
    question finds all of it still there.
    """

    def __init__(self, session: Session, conversation: Conversation) -> None:
        super().__init__(session)
        self._conversation = conversation

    def __iter__(self) -> Iterator[Event]:
        prompt = self._conversation.asking(_TITLE_QUESTION).prompt()
        try:
            text = yield from self._text(prompt, Sampling(temperature=0.0, max_tokens=32))
        except ContextTooLong:
            text = ""
        title = cleaned(text)
        if title and not is_talk(title, self._conversation):
            yield Finished((title, "model"))
        else:
            yield Finished((first_words(self._conversation), "words"))


def cleaned(text: str) -> str:
    """Return a model's title without its wrapping; "" if it is none: small models answer the question instead."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = line.strip(_WRAPPING).removeprefix("Title:").strip(_WRAPPING)
    return line if line and len(line) <= _TITLE_LETTERS and len(line.split()) <= _TITLE_WORDS else ""


def is_talk(title: str, conversation: Conversation) -> bool:
    """Tell whether a suggested title is talk about nothing that was said: “I'm ready to help. What's next?”."""
    said = " ".join(message.content for message in conversation.messages).casefold()
    names_it = set(_LONG_WORD.findall(title.casefold())) & set(_LONG_WORD.findall(said))
    return not names_it and _TALK.search(title) is not None


def first_words(conversation: Conversation) -> str:
    """Return a title made of the first question's first words."""
    question = next((message.content for message in conversation.messages if message.role == "user"), "")
    words = " ".join(question.split())
    if len(words) <= _TITLE_LETTERS:
        return words
    return words[:_TITLE_LETTERS].rpartition(" ")[0] + "…" if " " in words[:_TITLE_LETTERS] else words[:_TITLE_LETTERS]
