"""How a model is asked: by its chat template, or a plain one where it has none that can be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.runtime.backends.answer import Prompt
from engine.runtime.backends.template import PLAIN_STOPS, usable_template
from engine.runtime.backends.vocabulary import ShieldedVocabulary


class Prompting:
    """A template over a vocabulary. If it is the plain one, ``complaint`` says why, and ``stops`` end its answers."""

    def __init__(self, vocabulary: ShieldedVocabulary, source: str, bos: str, eos: str) -> None:
        self.template, self.complaint = usable_template(source, {"bos_token": bos, "eos_token": eos})
        self.stops = PLAIN_STOPS if self.complaint else ()
        self._vocabulary = vocabulary
        if self.template.tags:
            vocabulary.show(self.template.tags.marks)

    def prompt(
        self, messages: Sequence[Mapping[str, Any]], tokens_of: Callable[[str], list[int]], *, continue_last: bool
    ) -> Prompt:
        """Return the prompt for the next answer, tokenized by ``tokens_of``."""
        shielded = [
            {key: value if key == "role" else self._vocabulary.shielded(value) for key, value in message.items()}
            for message in messages
        ]
        rendered = self.template.render(shielded, continue_last=continue_last)
        return Prompt(rendered.text, tokens_of(rendered.text), rendered.thinking_is_open)

    def notice(self) -> str:
        """Return what a person should know of the template; "" for the model's own."""
        plain = "A plain one is used: answers may be worse than the model can give."
        return f"{self.complaint} {plain}" if self.complaint else ""
