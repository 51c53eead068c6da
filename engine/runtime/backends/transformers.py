"""The transformers back end: model folders in PyTorch, plain or in bitsandbytes', GPTQ's and AWQ's formats."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ContextTooLong, PackageMissing, Refused
from engine.events import Event, Finished, Notice
from engine.runtime.backends.answer import Answer, read_prompt
from engine.runtime.forms import refuse_form
from engine.runtime.options import LoadOptions, Sampling

if TYPE_CHECKING:
    from engine.runtime.backends.hf.model import Model

EXTRA = "cuda"


class Transformers:
    """One model, in this process: on the first NVIDIA GPU, or on the processor for small ones."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._model: Model | None = None

    def load(self, path: Path, options: LoadOptions) -> Iterator[Event]:
        try:
            from engine.runtime.backends.hf import loading
        except ImportError as error:
            raise PackageMissing(error.name or "torch", EXTRA) from error
        self._model, loaded = yield from loading.load(path, options, self._stop)
        yield Finished(loaded)

    def generate(
        self, messages: Sequence[Mapping[str, Any]], sampling: Sampling, *, continue_last: bool = False
    ) -> Iterator[Event]:
        asked_s = time.perf_counter()
        model = self._model
        if model is None:
            raise Refused("No model is loaded.", "Load a model, then ask again.")
        refuse_form(sampling, "This back end (PyTorch)")
        if sampling.logprobs:
            yield Notice("This back end (PyTorch) does not tell how likely tokens were.")
        prompt = model.prompt(messages, continue_last=continue_last)
        if len(prompt.tokens) >= model.context_tokens:
            raise ContextTooLong(len(prompt.tokens), model.context_tokens)
        read = yield from read_prompt(model, prompt, self._stop)
        answer = Answer(model, prompt, sampling, model.sampling)
        yield from answer.events()
        yield Finished(answer.usage(read, asked_s))

    def unload(self) -> Iterator[Event]:
        if self._model is not None:
            self._model = None
            gc.collect()
            import torch  # pyright: ignore[reportMissingImports]

            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        return iter(())
