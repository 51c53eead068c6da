"""One token after the other: the scores of a position, a token chosen from them, and on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch  # pyright: ignore[reportMissingImports]

from engine.runtime.backends.hf.sampler import Chooser

Tensor = Any
Compute = Callable[..., Tensor]


class Steps(Protocol):
    """How tokens follow each other. ``begin`` gets the scores of a prompt's last token and the next position.

    ``read`` computes the last tokens of a prompt, from a position on, in place of ``begin``, and tells whether it did:
    it declines those that are faster computed at once.
    """

    def begin(self, scores: Tensor, position: int) -> None: ...

    def read(self, tokens: Sequence[int], position: int) -> bool: ...

    def use(self, chooser: Chooser) -> None: ...

    def sample(self) -> int: ...

    def follow(self, token: int) -> None: ...


class EagerSteps:
    """Each step when it is asked for: for processors, and where nothing was captured."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._chooser: Chooser | None = None
        self._scores: Tensor = None
        self._position = 0

    def begin(self, scores: Tensor, position: int) -> None:
        self._scores, self._position = scores, position

    def read(self, tokens: Sequence[int], position: int) -> bool:
        """Decline always: without captured steps, all at once is faster."""
        return False

    def use(self, chooser: Chooser) -> None:
        self._chooser = chooser

    def sample(self) -> int:
        assert self._chooser
        return int(self._chooser.choose(self._scores).item())

    def follow(self, token: int) -> None:
        tokens = torch.tensor([[token]], device=self._scores.device)
        self._scores = self._compute(tokens, self._position)
        self._position += 1
