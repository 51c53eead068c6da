"""A conversation as frozen values. Keeping it on disk is another module's business."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from engine.runtime.results import Usage

Role = Literal["system", "user", "assistant"]
Ending = Literal["", "stop", "length", "context", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class Message:
    """What one side said.

    ``thinking`` is a reasoning model's text before its answer proper. ``ending`` says how an answer ended, and is
    empty for the other roles; ``usage`` is there only if it ended by itself.
    """

    role: Role
    content: str
    thinking: str = ""
    ending: Ending = ""
    usage: Usage | None = None

    @property
    def complete(self) -> bool:
        """Whether the model came to its own end."""
        return self.ending in ("", "stop")

    def prompt_record(self) -> dict[str, Any]:
        """Return what a back end is told of it."""
        record = {"role": self.role, "content": self.content}
        return {**record, "thinking": self.thinking} if self.thinking else record


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said, oldest first, and the system prompt before it."""

    messages: tuple[Message, ...] = ()
    system_prompt: str = ""

    @property
    def last_answer(self) -> Message | None:
        last = self.messages[-1] if self.messages else None
        return last if last and last.role == "assistant" else None

    def asking(self, question: str) -> Conversation:
        return self.with_message(Message("user", question))

    def with_message(self, message: Message) -> Conversation:
        return dataclasses.replace(self, messages=(*self.messages, message))

    def before(self, index: int) -> Conversation:
        """Return what was said before a message: where an edited question or another answer sets in."""
        return dataclasses.replace(self, messages=self.messages[:index])

    def prompt(self) -> list[dict[str, Any]]:
        """Return the messages for a back end.

        An answer that never began is left out, and the questions around it become one: many templates refuse two
        messages of one side in a row.
        """
        records: list[dict[str, Any]] = []
        if self.system_prompt:
            records.append(Message("system", self.system_prompt).prompt_record())
        for message in self.messages:
            if message.role == "assistant" and not (message.content or message.thinking):
                continue
            if records and records[-1]["role"] == message.role == "user":
                records[-1]["content"] += "\n\n" + message.content
            else:
                records.append(message.prompt_record())
        return records
