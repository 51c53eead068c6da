"""The thinking part of a reasoning model's answer: which tags it has, and the text split at them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from engine.runtime.backends.stream import held_length

Part = Literal["answer", "thinking"]


@dataclass(frozen=True, slots=True)
class ThinkingTags:
    """How a model marks its thinking. ``heads`` are what may stand before the answer proper and are not shown."""

    open: str
    close: str
    heads: tuple[str, ...] = ()

    @property
    def marks(self) -> tuple[str, ...]:
        return (self.open, self.close, *self.heads)

    def wrapped(self, thinking: str, content: str, *, is_open: bool) -> str:
        """Return an answer as the model would have written it; ``is_open``: the prompt ends with the opening tag."""
        if not thinking and not is_open:
            return content
        opening = "" if is_open else self.open
        closing = f"\n{self.close}\n\n{content}" if content else ""
        return f"{opening}\n{thinking}{closing}"


# Found in the chat templates of the models named (llama.cpp 0c1e57098, models/templates).
KNOWN_TAGS = (
    ThinkingTags(  # gpt-oss
        "<|channel|>analysis<|message|>",
        "<|end|>",
        ("<|start|>assistant<|channel|>final<|message|>", "<|channel|>final<|message|>"),
    ),
    ThinkingTags("<|channel>thought", "<channel|>"),  # Gemma 4
    ThinkingTags("<|START_THINKING|>", "<|END_THINKING|>", ("<|START_RESPONSE|>", "<|START_TEXT|>")),  # Command
    ThinkingTags("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ThinkingTags("[THINK]", "[/THINK]"),  # Magistral, Ministral
    ThinkingTags("<seed:think>", "</seed:think>"),  # Seed-OSS
    ThinkingTags("<mm:think>", "</mm:think>"),  # MiniMax-M3
    ThinkingTags("<think>", "</think>"),  # DeepSeek-R1, Qwen3, QwQ, SmolLM3, GLM and most others
    ThinkingTags("<thinking>", "</thinking>"),  # LLaDA, tunes of Llama
)


def tags_of(template: str) -> ThinkingTags | None:
    """Return the tags that a chat template speaks of.

    The closing tag decides: templates that strip old thinking name only that one.
    """
    return next((tags for tags in KNOWN_TAGS if tags.close in template and _is_told(tags, template)), None)


def _is_told(tags: ThinkingTags, template: str) -> bool:
    # “<|end|>” alone is an end of turn in many templates.
    return tags.close.startswith("</") or tags.open in template


class ThinkingSplitter:
    """Tell thinking from answer while the text comes in, wherever pieces break.

    Thinking is only looked for at the start: a tag in mid-answer is text. White space around the thinking is not
    shown. Without ``tags`` everything is answer.
    """

    def __init__(self, tags: ThinkingTags | None, *, is_open: bool = False) -> None:
        self._tags = tags
        self._state: Literal["start", "thinking", "head", "answer"] = "answer"
        if tags is not None:
            self._state = "thinking" if is_open else "start"
        self._held = ""
        self._begun = False  # whether thinking that is not white space was seen

    @property
    def awaits_answer(self) -> bool:
        """Whether the next text is the answer's, as far as it can be told: thinking and its end are over."""
        headless = self._tags is None or not self._tags.heads
        return self._state in ("start", "answer") or (self._state == "head" and headless)

    def feed(self, text: str) -> Iterator[tuple[Part, str]]:
        """Yield what is now certain, as (part, text) with no empty text."""
        self._held += text
        state = None
        while self._held and state != self._state:
            state = self._state
            part, certain = self._step()
            if certain:
                yield part, certain

    def finish(self) -> Iterator[tuple[Part, str]]:
        """Yield what was held back."""
        text, self._held = self._held, ""
        if self._state == "thinking" and (thought := self._trimmed(text.rstrip())):
            yield "thinking", thought
        elif self._state != "thinking" and (rest := text.lstrip() if self._state == "head" else text):
            yield "answer", rest

    def _step(self) -> tuple[Part, str]:
        if self._state == "thinking":
            return "thinking", self._think()
        if self._state == "start":
            self._start()
        elif self._state == "head":
            self._enter_answer(self._held.lstrip(), self._held.lstrip())
        if self._state != "answer":
            return "answer", ""
        certain, self._held = self._held, ""
        return "answer", certain

    def _start(self) -> None:
        assert self._tags
        text = self._held.lstrip()
        if text.startswith(self._tags.open):
            self._state, self._held = "thinking", text[len(self._tags.open) :]
        elif not self._tags.open.startswith(text):
            self._enter_answer(text, self._held)

    def _think(self) -> str:
        assert self._tags
        thought, closed, rest = self._held.partition(self._tags.close)
        if closed:
            self._state, self._held = "head", rest
            return self._trimmed(thought.rstrip())
        kept = held_length(thought, self._tags.close)
        certain = thought[: len(thought) - kept].rstrip()
        self._held = thought[len(certain) :]
        return self._trimmed(certain)

    def _trimmed(self, thought: str) -> str:
        thought = thought if self._begun else thought.lstrip()
        self._begun = self._begun or bool(thought)
        return thought

    def _enter_answer(self, text: str, shown: str) -> None:
        """Take a head off; wait while there may still come one; else go on with ``shown``."""
        assert self._tags
        head = next((head for head in self._tags.heads if text.startswith(head)), None)
        if head is not None:
            self._state, self._held = "answer", text[len(head) :]
        elif text and not any(head.startswith(text) for head in self._tags.heads):
            self._state, self._held = "answer", shown
