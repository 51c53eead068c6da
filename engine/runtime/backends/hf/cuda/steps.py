"""One token after the other on a GPU: a captured step, and always one step ahead of what was read.

The next step is put into the stream before the last token is fetched, so that the GPU computes while this process
turns tokens into text. The step that is ahead when an answer ends is lost; the place it wrote to is written again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch  # pyright: ignore[reportMissingImports]

from engine.runtime.backends.hf.sampler import Chooser
from engine.runtime.options import Sampling

Tensor = Any
Step = Callable[[Tensor, Tensor], Tensor]  # token (1, 1) and position (1,), int64 → scores

_SLOTS = 4


class GraphSteps:
    """Steps that were captured as a CUDA graph, which replays all launches of a token in one call.

    ``step`` computes at ``position``, a tensor that it reads each time. The KV cache must have been allocated. Up to
    ``few_tokens`` of a prompt are computed by steps too: as a batch they would cost what a long one does.
    """

    def __init__(self, step: Step, position: Tensor, context_tokens: int, few_tokens: int) -> None:
        device = position.device
        self._step = step  # the graph knows addresses only: what they belong to must stay
        self._context_tokens = context_tokens
        self._few_tokens = few_tokens
        self._position = position
        self._token = torch.zeros((1, 1), dtype=torch.int64, device=device)
        self._slots = [torch.zeros(1, dtype=torch.int64, pin_memory=True) for _ in range(_SLOTS)]
        self._ahead: deque[tuple[Tensor, Any]] = deque()
        self._chooser: Chooser | None = None
        self._next_position = 0
        self._count = 0
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode():
            self._capture(step)

    def begin(self, scores: Tensor, position: int) -> None:
        with torch.inference_mode():
            self._scores.copy_(scores)
            self._position.fill_(position)
        self._next_position = position
        self._ahead.clear()

    def read(self, tokens: Sequence[int], position: int) -> bool:
        if len(tokens) > self._few_tokens:
            return False
        with torch.inference_mode():
            self._position.fill_(position)
            for token in torch.tensor(tokens, device=self._position.device).view(-1, 1, 1):
                self._token.copy_(token)
                self._graph.replay()
        self._next_position = position + len(tokens)
        self._ahead.clear()
        return True

    def use(self, chooser: Chooser) -> None:
        self._chooser = chooser

    def sample(self) -> int:
        if not self._ahead:
            self._choose()
        number, event = self._ahead.popleft()
        if self._next_position < self._context_tokens:
            self._graph.replay()
            self._next_position += 1
            self._choose()
        event.synchronize()
        return int(number.item())

    def try_out(self, samplings: Sequence[Sampling]) -> None:
        """Choose once in each way: PyTorch loads a kernel when it is first called, which takes 0.1 s in all."""
        for sampling in samplings:
            with torch.inference_mode():
                Chooser(sampling, 0, [0], 1, self._scores.device).choose(self._scores)

    def follow(self, token: int) -> None:
        """Do nothing: the step is under way."""

    def _choose(self) -> None:
        assert self._chooser
        number, event = self._slots[self._count % _SLOTS], torch.cuda.Event()
        self._count += 1
        with torch.inference_mode():
            token = self._chooser.choose(self._scores)
            self._token.copy_(token.view(1, 1))
            number.copy_(token, non_blocking=True)
        event.record()
        self._ahead.append((number, event))

    def _capture(self, step: Step) -> None:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # kernels are loaded when they first run, which cannot be captured
            self._scores = step(self._token, self._position).clone()
        torch.cuda.current_stream().wait_stream(aside)
        with torch.cuda.graph(self._graph):
            self._scores.copy_(step(self._token, self._position))
            self._position += 1
        self._position.zero_()
