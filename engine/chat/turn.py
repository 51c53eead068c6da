"""One question and its answer, as a job."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from engine.chat.context import Fitted, WhenFull, fitted
from engine.chat.conversation import Conversation, Ending, Message, Origin
from engine.chat.fitting import Fitting
from engine.errors import Cancelled
from engine.events import Event, Finished, Job, Odds, Token
from engine.runtime.options import Sampling
from engine.runtime.results import Usage
from engine.runtime.session import Session


class Journal(Protocol):
    """Where an answer is kept while it comes (:class:`engine.chat.history.recording.Recording`); never waits."""

    def add(self, text: str, part: Any = ..., thinking_s: float | None = ...) -> None: ...

    def finish(self, message: Message, odds: Sequence[Odds] = ...) -> object: ...


class Turn:
    """Ask a question; the value of the last event is the :class:`Conversation` with the answer.

    Without a question the conversation is answered as it stands: again, if a question is its last message; from where
    it breaks off, if an answer is. ``conversation`` is what was said so far, also while the answer comes and after a
    turn that was cancelled or failed, so that nothing a person has read is lost. A ``journal`` gets it as it comes.
    ``when_full`` is what happens with a conversation that does not fit: what the prompt lacks is noted in the answer,
    and where the answer is continued it lacks the same. ``kept_as`` is the key of the conversation's KV cache on disk.
    """

    def __init__(
        self,
        session: Session,
        conversation: Conversation,
        question: str | None = None,
        sampling: Sampling = Sampling(),  # noqa: B008 (frozen)
        *,
        journal: Journal | None = None,
        when_full: WhenFull = "stop",
        kept_as: str = "",
    ) -> None:
        asked = conversation if question is None else conversation.asking(question)
        begun = asked.last_answer
        self._asked = asked.before(-1) if begun else asked
        self._begun = begun or Message("assistant", "", origin=origin_of(session, sampling))
        self._journal = journal
        self._thinking_s = self._begun.thinking_s
        self._thinking_since: float | None = None
        self._answer: list[str] = [self._begun.content]
        self._thinking: list[str] = [self._begun.thinking]
        self._ending: Ending = ""
        self._usage: Usage | None = None
        self.odds: list[Odds] = []  # of the tokens that came, where that was asked for
        self._cancelled = False
        self._job: Job | None = None
        shortens = when_full != "stop" and begun is None
        self._fitting = Fitting(session, asked, when_full, sampling) if shortens else None
        self._whole = fitted(asked, self._begun.left_out)
        self._generate = partial(session.generate, sampling=sampling, continue_last=begun is not None, kept_as=kept_as)

    @property
    def conversation(self) -> Conversation:
        return self._asked.with_message(self.answer)

    @property
    def answer(self) -> Message:
        """What has come of the answer so far."""
        return replace(
            self._begun,
            content="".join(self._answer),
            thinking="".join(self._thinking),
            thinking_s=self._thinking_s,
            ending=self._ending,
            usage=self._usage,
        )

    def __iter__(self) -> Iterator[Event]:
        try:
            yield from self._events()
        except (Cancelled, GeneratorExit):
            self._ending = "cancelled"
            raise
        except Exception:
            self._ending = "failed"
            raise
        finally:
            if self._journal:
                self._journal.finish(self.answer, self.odds)

    def cancel(self) -> None:
        self._cancelled = True
        if self._job:
            self._job.cancel()

    def _events(self) -> Iterator[Event]:
        shown = yield from self._fitted()
        self._begun = replace(self._begun, left_out=shown.left_out)
        for event in self._started(self._generate(shown.prompt)):
            if isinstance(event, Token):
                self._take(event)
            if isinstance(event, Finished):
                self._usage = Usage(**event.value)
                self._ending = self._usage.finish_reason
                event = Finished(self.conversation)
            yield event

    def _fitted(self) -> Generator[Event, None, Fitted]:
        """Return the prompt, shortened where that was chosen and is needed."""
        for event in self._started(self._fitting) if self._fitting else ():
            if isinstance(event, Finished):
                return event.value
            yield event
        return self._whole

    def _started(self, job: Job) -> Job:
        """Let a cancel reach the job, also one that came a moment before."""
        self._job = job
        if self._cancelled:
            job.cancel()
        return job

    def _take(self, token: Token) -> None:
        self.odds += token.odds
        if token.part == "answer":
            self._answer.append(token.text)
        else:
            now = time.perf_counter()
            self._thinking_since = self._thinking_since or now - (self._thinking_s or 0.0)
            self._thinking_s = now - self._thinking_since
            self._thinking.append(token.text)
        if self._journal:
            self._journal.add(token.text, token.part, self._thinking_s)


def origin_of(session: Session, sampling: Sampling) -> Origin:
    """Return what a session answers with, as an answer remembers it."""
    checkpoint = session.checkpoint
    record = checkpoint.record
    return Origin(
        checkpoint.name,
        str(record.get("revision") or record.get("sha256") or ""),
        checkpoint.format_id,
        session.backend,
        {**dataclasses.asdict(sampling), "stop": list(sampling.stop)},
        dataclasses.asdict(session.options),
    )
