"""How many tokens a prompt takes on a server that tells it: vLLM, at the root of its address.

Source: vLLM 0.33.0, entrypoints/serve/tokenize (``TokenizeChatRequest``); tried with 0.32.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.catalog.servers.client import ServerClient
from engine.catalog.servers.listing import Server
from engine.errors import EngineError
from engine.runtime.backends.base import guessed_tokens

_PROTOCOL = "/v1"


class PromptCounter:
    """Asks one server for a model; close it when done."""

    def __init__(self, server: Server, key: str, model: str) -> None:
        self._client = ServerClient(Server(server.name, server.url.removesuffix(_PROTOCOL)), key)
        self._model = model

    def close(self) -> None:
        self._client.close()

    def count(self, messages: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> tuple[int, list[int]] | None:
        """Return the tokens of a prompt, and what of them each text takes, in proportion to its length.

        ``None`` where the server does not say.
        """
        if not messages:
            return 0, [0] * len(texts)
        asked = {"model": self._model, "messages": list(messages), "add_generation_prompt": True}
        try:
            told = self._client.ask("/tokenize", self._model, asked, patient=False)
        except EngineError:
            return None
        total = told.get("count") if isinstance(told, dict) else None
        if not isinstance(total, int) or isinstance(total, bool) or total < 0:
            return None
        return total, _shares(total, [guessed_tokens(text) for text in texts])


def _shares(total: int, guessed: Sequence[int]) -> list[int]:
    """Return the guesses, made smaller together where they are more than there is."""
    return [each * total // max(total, sum(guessed), 1) for each in guessed]
