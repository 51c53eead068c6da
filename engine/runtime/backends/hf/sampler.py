"""How the next token is chosen, on the device that has the scores: penalty, top-k, top-p, min-p, temperature, draw.

The order is llama.cpp's (common/common.h, ``common_params_sampling::samplers``), so that settings mean the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch  # pyright: ignore[reportMissingImports]

from engine.runtime.options import Sampling

Tensor = Any
_PENALTY_TOKENS = 64  # llama.cpp, ``penalty_last_n``


class Chooser:
    """The sampling of one answer as tensors, so that a captured computation can run it.

    ``draws`` is how many tokens can be drawn. The random numbers come from the processor: a seed means the same on
    every device.
    """

    def __init__(self, sampling: Sampling, seed: int, prompt: Sequence[int], draws: int, device: Any) -> None:
        random = torch.Generator().manual_seed(seed)
        last = list(prompt[-_PENALTY_TOKENS:])
        recent = [last[0]] * (_PENALTY_TOKENS - len(last)) + last
        self._sampling = sampling
        self._uniform = torch.rand(draws, generator=random, dtype=torch.float32).to(device)
        self._count = torch.zeros(1, dtype=torch.int64, device=device)
        self._recent = torch.tensor(recent, dtype=torch.int64, device=device)

    def choose(self, scores: Tensor) -> Tensor:
        """Return the next token (int64, one element) for the scores of a position (float32, vocabulary)."""
        sampling = self._sampling
        if sampling.repeat_penalty != 1.0:
            scores = self._penalized(scores)
        token = scores.argmax().view(1) if sampling.temperature == 0 else self._drawn(scores)
        if sampling.repeat_penalty != 1.0:
            self._recent.copy_(torch.cat((self._recent[1:], token)))
        return token

    def _penalized(self, scores: Tensor) -> Tensor:
        seen, penalty = scores[self._recent], self._sampling.repeat_penalty
        return scores.index_put((self._recent,), torch.where(seen > 0, seen / penalty, seen * penalty))

    def _drawn(self, scores: Tensor) -> Tensor:
        sampling = self._sampling
        count = min(sampling.top_k, scores.numel()) if sampling.top_k > 0 else scores.numel()
        likeliest, tokens = torch.topk(scores, count)
        probabilities = torch.softmax(likeliest, dim=0)
        kept = torch.cumsum(probabilities, dim=0) - probabilities < sampling.top_p
        kept &= probabilities >= sampling.min_p * probabilities[0]
        kept[:1].fill_(True)
        weights = torch.exp((likeliest - likeliest[0]) / sampling.temperature) * kept
        reach = torch.cumsum(weights, dim=0)
        uniform = self._uniform[self._count % self._uniform.numel()]
        self._count += 1
        index = (reach <= uniform * reach[-1]).sum().clamp(max=count - 1)
        return tokens[index].view(1)
