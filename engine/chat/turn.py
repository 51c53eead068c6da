"""One question and its answer, as a job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.chat.conversation import Conversation, Ending, Message
from engine.errors import Cancelled
from engine.events import Event, Finished, Token
from engine.runtime.options import Sampling
from engine.runtime.results import Usage
from engine.runtime.session import Session


class Turn:
    """Ask a question; the value of the last event is the :class:`Conversation` with the answer.

    Without a question the conversation is answered as it stands: again, if a question is its last message; from where
    it breaks off, if an answer is. ``conversation`` is what was said so far, also while the answer comes and after a
    turn that was cancelled or failed, so that nothing a person has read is lost.
    """

    def __init__(
        self,
        session: Session,
        conversation: Conversation,
        question: str | None = None,
        sampling: Sampling = Sampling(),  # noqa: B008 (frozen)
    ) -> None:
        asked = conversation if question is None else conversation.asking(question)
        begun = asked.last_answer
        self._asked = asked.before(-1) if begun else asked
        self._begun = begun or Message("assistant", "")
        self._answer: list[str] = [self._begun.content]
        self._thinking: list[str] = [self._begun.thinking]
        self._ending: Ending = ""
        self._usage: Usage | None = None
        self._job = session.generate(asked.prompt(), sampling, continue_last=begun is not None)

    @property
    def conversation(self) -> Conversation:
        answer, thinking = "".join(self._answer), "".join(self._thinking)
        return self._asked.with_message(
            replace(self._begun, content=answer, thinking=thinking, ending=self._ending, usage=self._usage)
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

    def cancel(self) -> None:
        self._job.cancel()

    def _events(self) -> Iterator[Event]:
        for event in self._job:
            if isinstance(event, Token):
                (self._answer if event.part == "answer" else self._thinking).append(event.text)
            if isinstance(event, Finished):
                self._usage = Usage(**event.value)
                self._ending = self._usage.finish_reason
                event = Finished(self.conversation)
            yield event
