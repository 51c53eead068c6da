"""A loaded model: the module, its KV cache, its vocabulary, and what is kept beside them between two answers."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch  # pyright: ignore[reportMissingImports]

from engine.runtime.backends.answer import Prompt
from engine.runtime.backends.hf import faults
from engine.runtime.backends.hf.attention import Keep
from engine.runtime.backends.hf.sampler import Chooser
from engine.runtime.backends.hf.steps import EagerSteps, Steps
from engine.runtime.backends.hf.vocabulary import Vocabulary
from engine.runtime.backends.llama.transcript import Transcript
from engine.runtime.backends.prompting import Prompting
from engine.runtime.options import Sampling

Tensor = Any


class Kept:
    """The tokens whose keys and values the cache holds, position by position."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self._batch_starts: dict[int, int] = {}  # of the prompt batches read: end -> start

    def reuse(self, prompt: Sequence[int]) -> int:
        """Keep the longest part that the prompt begins with; return its length, less than the prompt's.

        A prompt that is wholly there is read again from the start of its last batch: the same computation gives the
        same numbers, and so the same seed gives the same answer.
        """
        length = _common_length(self.tokens, prompt)
        if length == len(prompt):
            length = self._batch_starts.get(length, length - 1)
        del self.tokens[length:]
        self._batch_starts = {end: start for end, start in self._batch_starts.items() if end <= length}
        return length

    def read(self, batch: Sequence[int]) -> None:
        """Note a batch of prompt tokens that was computed."""
        start = len(self.tokens)
        self.tokens += batch
        self._batch_starts[len(self.tokens)] = start


class Model:
    """A model that answers. ``batch_tokens`` of a prompt are computed at once, and it can be cancelled between them."""

    def __init__(self, module: Any, vocabulary: Vocabulary, context_tokens: int, batch_tokens: int) -> None:
        self.module = module
        self.vocabulary = vocabulary
        self.context_tokens = context_tokens
        self.batch_tokens = batch_tokens
        self.device = next(module.parameters()).device
        layers = module.config.get_text_config(decoder=True).num_hidden_layers
        self.keep = Keep(layers, context_tokens)
        self._keep_as = keep_name(module)
        self.cache = Kept()
        self.transcript = Transcript()
        self.steps: Steps = EagerSteps(self.compute)
        self.prompting = Prompting(vocabulary, vocabulary.template, vocabulary.bos, vocabulary.eos)
        self.template, self.stops = self.prompting.template, self.prompting.stops

    def prompt(self, messages: Sequence[Mapping[str, Any]], *, continue_last: bool) -> Prompt:
        """Return the prompt for the next answer, with the tokens of the last answer as they were generated."""
        return self.prompting.prompt(messages, self._tokens_of, continue_last=continue_last)

    def _tokens_of(self, text: str) -> list[int]:
        tokens = self.transcript.tokens_of(text, self.vocabulary)
        return self.vocabulary.prompt_tokens(text) if tokens is None else tokens

    def read(self, tokens: Sequence[int]) -> None:
        """Compute a batch of prompt tokens. Raises :class:`NotEnoughMemory`."""
        start = len(self.cache.tokens)
        with faults.explained(self.device):
            if not self.steps.read(tokens, start):
                scores = self.compute(torch.tensor([list(tokens)], device=self.device), start)
                self.steps.begin(scores, start + len(tokens))
        self.cache.read(tokens)

    def follow(self, token: int) -> None:
        """Compute one generated token, or let it be computed."""
        with faults.explained(self.device):
            self.steps.follow(token)
        self.cache.tokens.append(token)

    def compute(self, tokens: Tensor, start: int, position: Tensor | None = None) -> Tensor:
        """Return the scores behind the last of some tokens (1, count), float32.

        ``position``: where a captured step stands, on the device, in place of ``start``.
        """
        return self._scores(tokens, start, 1, position)[-1]

    def scores(self, tokens: Sequence[int], start: int, rows: int) -> Tensor:
        """Return the scores behind the last ``rows`` of some tokens, float32, shape (rows, vocabulary).

        ``start`` is the first one's position; what stands before it was computed last. Raises ``NotEnoughMemory``.
        """
        with faults.explained(self.device):
            return self._scores(torch.tensor([list(tokens)], device=self.device), start, rows)

    def _scores(self, tokens: Tensor, start: int, rows: int, position: Tensor | None = None) -> Tensor:
        place = self.keep.place
        place.start, place.position = start, position
        place.masks.clear()
        positions = position
        if positions is None:
            positions = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        with torch.inference_mode():
            answer = self.module(
                input_ids=tokens,
                position_ids=positions.unsqueeze(0),
                cache_position=positions,
                use_cache=True,
                logits_to_keep=rows,
                place=place,
                **{self._keep_as: self.keep},
            )
        return answer.logits[0].float()

    @contextmanager
    def sampling(self, sampling: Sampling, seed: int, prompt: Sequence[int]) -> Iterator[Steps]:
        """Lend the steps with a sampling of their own, for one answer."""
        chooser = Chooser(sampling, seed, prompt, self.context_tokens, self.device)
        with faults.explained(self.device):
            self.steps.use(chooser)
        yield self.steps

    def cancellable(self, stop: threading.Event) -> Any:
        """Nothing to break off: between two batches the job is asked anyway."""
        return nullcontext()


def keep_name(module: Any) -> str:
    """Return what a model calls its KV cache: ``past_key_values`` in transformers 5.17, ``cache`` in 5.24."""
    known = inspect.signature(module.forward).parameters
    return "cache" if "cache" in known else "past_key_values"


def _common_length(left: Sequence[int], right: Sequence[int]) -> int:
    """Return how many items two sequences have in common at their beginning."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((index for index, (one, other) in pairs if one != other), min(len(left), len(right)))
