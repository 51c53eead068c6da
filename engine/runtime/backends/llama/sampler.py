"""How the next token is chosen: llama.cpp's own samplers, in its own order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_cpp import llama_cpp as binding

from engine.runtime.backends.llama.model import Model
from engine.runtime.options import Sampling

# llama.cpp 0c1e57098, common/common.h, common_params_sampling: penalty_last_n, min_keep.
_PENALTY_TOKENS = 64
_MIN_KEEP = 1


class Sampler:
    """A chain of samplers for one answer. The order is that of ``common_params_sampling::samplers``.

    ``prompt`` is what the repeat penalty starts from. Use it as a context manager: it is freed at the end.
    """

    def __init__(self, model: Model, sampling: Sampling, seed: int, prompt: Sequence[int] = ()) -> None:
        self._context = model.context
        self._chain: Any = binding.llama_sampler_chain_init(binding.llama_sampler_chain_default_params())
        for sampler in _samplers(sampling, seed, model.vocabulary.size):
            binding.llama_sampler_chain_add(self._chain, sampler)
        if sampling.repeat_penalty != 1.0:
            for token in prompt[-_PENALTY_TOKENS:]:
                binding.llama_sampler_accept(self._chain, token)

    def sample(self) -> int:
        """Return a token for the last position that was computed."""
        return binding.llama_sampler_sample(self._chain, self._context, -1)

    def __enter__(self) -> Sampler:
        return self

    def __exit__(self, *_: object) -> None:
        binding.llama_sampler_free(self._chain)
        self._chain = None


def _samplers(sampling: Sampling, seed: int, vocabulary_size: int) -> list[Any]:
    chosen: list[Any] = []
    if sampling.repeat_penalty != 1.0:
        penalty = binding.llama_sampler_init_penalties
        chosen.append(penalty(vocabulary_size, _PENALTY_TOKENS, sampling.repeat_penalty, 0.0, 0.0))
    if sampling.temperature == 0:
        return [*chosen, binding.llama_sampler_init_greedy()]
    if sampling.top_k > 0:
        chosen.append(binding.llama_sampler_init_top_k(sampling.top_k))
    if sampling.top_p < 1:
        chosen.append(binding.llama_sampler_init_top_p(sampling.top_p, _MIN_KEEP))
    if sampling.min_p > 0:
        chosen.append(binding.llama_sampler_init_min_p(sampling.min_p, _MIN_KEEP))
    return [*chosen, binding.llama_sampler_init_temp(sampling.temperature), binding.llama_sampler_init_dist(seed)]
