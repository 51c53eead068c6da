"""A conversation as frozen values. Keeping it on disk is another module's business."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.runtime.results import Usage

Role = Literal["system", "user", "assistant"]
Ending = Literal["", "stop", "length", "context", "cancelled", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class Origin:
    """What made an answer. ``sampling`` and ``loading`` are the options in force, as JSON values."""

    model: str
    revision: str = ""
    format_id: str = ""
    backend: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    loading: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What the model was not shown when it answered: ``count`` messages of the branch from index ``first`` on.

    ``tokens`` is what they would have taken; ``summary`` stood in their place, if there was one.
    """

    first: int
    count: int
    tokens: int
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What one side said.

    ``thinking`` is a reasoning model's text before its answer proper, ``thinking_s`` how long that took. ``ending``
    says how an answer ended (``interrupted``: the app died), and is empty for the other roles; ``usage`` is there only
    if it ended by itself. ``origin`` and ``left_out`` are an answer's too.
    """

    role: Role
    content: str
    thinking: str = ""
    ending: Ending = ""
    usage: Usage | None = None
    thinking_s: float | None = None
    origin: Origin | None = None
    left_out: LeftOut | None = None

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
