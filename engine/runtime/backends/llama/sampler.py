"""How the next token is chosen: llama.cpp's own samplers, in its own order; and how likely it was."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from llama_cpp import llama_cpp as binding

from engine.events import Odds
from engine.runtime.backends.llama import grammar
from engine.runtime.backends.llama.model import Model
from engine.runtime.options import Sampling

# llama.cpp 0c1e57098, common/common.h, common_params_sampling: penalty_last_n, min_keep.
_PENALTY_TOKENS = 64
_MIN_KEEP = 1

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])  # llama.h, llama_token_data


class Sampler:
    """A chain of samplers for one answer. The order is that of ``common_params_sampling::samplers``.

    ``prompt`` is what the repeat penalty starts from, ``form`` the grammar that the answer is held to from
    :meth:`answer_begins` on. Use it as a context manager: it is freed at the end.
    """

    def __init__(self, model: Model, sampling: Sampling, seed: int, prompt: Sequence[int] = (), form: str = "") -> None:
        self._context = model.context
        self._model = model
        self._vocabulary = model.vocabulary
        self._chain: Any = binding.llama_sampler_chain_init(binding.llama_sampler_chain_default_params())
        for sampler in _samplers(sampling, seed, model.vocabulary.size):
            binding.llama_sampler_chain_add(self._chain, sampler)
        if sampling.repeat_penalty != 1.0:
            for token in prompt[-_PENALTY_TOKENS:]:
                binding.llama_sampler_accept(self._chain, token)
        self._form: Any = grammar.parsed(form, model.vocabulary.handle) if form else None
        self._held = False  # to the form

    def answer_begins(self) -> None:
        """Hold what comes from here on to the form: thinking before an answer has none."""
        self._held = self._form is not None

    def sample(self) -> int:
        """Return a token for the last position that was computed."""
        if not self._held:
            return binding.llama_sampler_sample(self._chain, self._context, self._model.row)
        token = self._sample_held()
        if not self._vocabulary.ends(token):
            binding.llama_sampler_accept(self._form, token)
        binding.llama_sampler_accept(self._chain, token)
        return token

    def odds(self, token: int, count: int) -> Odds:
        """Return how likely a token was to the model, before any sampler, and the ``count`` likeliest ones."""
        logits = self._logits().astype(np.float64)
        logs = logits - logits.max()
        logs -= np.log(np.exp(logs).sum())
        likeliest = np.argpartition(logs, -count)[-count:]
        ordered = likeliest[np.argsort(-logs[likeliest], kind="stable")]
        top = tuple((self._text(int(other)), round(float(logs[other]), 4)) for other in ordered)
        return Odds(self._text(token), round(float(logs[token]), 4), top)

    def __enter__(self) -> Sampler:
        return self

    def __exit__(self, *_: object) -> None:
        binding.llama_sampler_free(self._chain)
        if self._form is not None:
            binding.llama_sampler_free(self._form)
        self._chain = self._form = None

    def _sample_held(self) -> int:
        """Choose freely first, and only if that breaks the form among what keeps it: the latter looks at every token.

        The way of llama.cpp 0c1e57098, common/sampling.cpp, ``common_sampler_sample``.
        """
        token = self._applied(_Candidates(self._logits()))
        alone = _Candidates(np.zeros(1, np.float32), token)
        alone.apply(self._form)
        if np.isfinite(alone.logits[0]):
            return token
        allowed = _Candidates(self._logits())
        allowed.apply(self._form)
        if not np.isfinite(allowed.logits).any():
            return self._vocabulary.end  # a form that nothing can go on with
        return self._applied(allowed)

    def _applied(self, candidates: _Candidates) -> int:
        candidates.apply(self._chain)
        return candidates.selected

    def _logits(self) -> np.ndarray:
        logits = binding.llama_get_logits_ith(self._context, self._model.row)
        return np.ctypeslib.as_array(logits, shape=(self._vocabulary.size,))

    def _text(self, token: int) -> str:
        return self._vocabulary.told(token)


class _Candidates:
    """Tokens with their logits, as llama.cpp's samplers take them. ``first`` is the id of the first."""

    def __init__(self, logits: np.ndarray, first: int = 0) -> None:
        self._rows = np.zeros(len(logits), _CANDIDATE)
        self._rows["id"] = np.arange(first, first + len(logits))
        self._rows["logit"] = logits
        data = self._rows.ctypes.data_as(ctypes.POINTER(binding.llama_token_data))
        self._array: Any = binding.llama_token_data_array(data=data, size=len(logits), selected=-1, sorted=False)

    @property
    def logits(self) -> np.ndarray:
        return self._rows["logit"]

    @property
    def selected(self) -> int:
        return int(self._rows["id"][self._array.selected])

    def apply(self, sampler: Any) -> None:
        array: Any = ctypes.pointer(self._array)
        binding.llama_sampler_apply(sampler, array)


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
