"""How far a folder of packed weights answers as its original does, both loaded as any other program would load them."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from transformers import AutoModelForCausalLM, AutoTokenizer, __version__  # pyright: ignore
from transformers.utils import logging as transformers_logging  # pyright: ignore

from engine.convert.methods import pytorch
from engine.convert.methods.agreement import LEAST_PLACES, LOGITS_BYTES, PLACES, Agreement, agreement_of
from engine.convert.methods.older_form import for_transformers_4
from engine.errors import DamagedFile, Refused, UnsupportedModel

Loader = Callable[[Path, Any], Any]
IS_OLDER = __version__.startswith("4.")  # AutoAWQ's
FP16_LARGEST = 65_504
AS_STORED = {"torch_dtype" if IS_OLDER else "dtype": "auto"}


def fidelity(original: Path, result: Path, text: str, load: Loader, on_tokens: Callable[[int, int], None]) -> Agreement:
    """Compare a result with its original, one in memory at a time. ``load`` opens the result on a device.

    Raises :class:`DamagedFile` for a model that computes NaN or infinity, and :class:`NotEnoughMemory`.
    """
    if IS_OLDER:
        with for_transformers_4(original) as readable, for_transformers_4(result) as result_readable:
            return _compared(readable, result_readable, text, load, on_tokens)
    return _compared(original, result, text, load, on_tokens)


def _compared(
    original: Path, result: Path, text: str, load: Loader, on_tokens: Callable[[int, int], None]
) -> Agreement:
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    device = pytorch.device()
    tokenizer = AutoTokenizer.from_pretrained(original, trust_remote_code=False, local_files_only=True)
    with pytorch.memory_explained(), torch.inference_mode():
        model = plain(original, device)
        room = LOGITS_BYTES // (4 * model.get_output_embeddings().weight.shape[0])
        tokens = tokenizer(text[: 16 * PLACES])["input_ids"][: max(LEAST_PLACES, min(PLACES, room))]
        on_tokens(0, 2 * len(tokens))
        largest = _Largest(model)
        expected = _log_probabilities(model, tokens, original)
        del model
        gc.collect()
        on_tokens(len(tokens), 2 * len(tokens))
        found = _log_probabilities(load(result, device), tokens, result, largest.value)
        on_tokens(2 * len(tokens), 2 * len(tokens))
    return agreement_of(expected, found, tokens)


def plain(folder: Path, device: Any) -> Any:
    """Load a folder through transformers alone. Raises :class:`UnsupportedModel` with its reason why not."""
    try:
        return AutoModelForCausalLM.from_pretrained(
            folder, device_map={"": device}, trust_remote_code=False, local_files_only=True, **AS_STORED
        ).eval()
    except (OSError, ValueError, KeyError) as error:
        raise UnsupportedModel(folder.name, "transformers", f"{error}"[:300]) from error


class _Largest:
    """Watches what the parts of a model hand on: ``value`` is the largest magnitude."""

    def __init__(self, model: Any) -> None:
        self.value = 0.0
        for module in model.modules():
            if not any(module.children()):
                module.register_forward_hook(self._look)

    def _look(self, module: Any, given: Any, answer: Any) -> None:
        if isinstance(answer, torch.Tensor) and answer.is_floating_point():
            self.value = max(self.value, float(answer.abs().max()))


def _log_probabilities(model: Any, tokens: list[int], folder: Path, largest: float = 0.0) -> Any:
    """Return what a model finds likely behind each token; ``largest`` is what was seen inside of the original."""
    logits = model(input_ids=torch.tensor([tokens], device=next(model.parameters()).device)).logits[0].float()
    if not torch.isfinite(logits).all():
        if largest > FP16_LARGEST and getattr(model, "dtype", None) == torch.float16:
            raise Refused(
                f"The result computes NaN: inside of this model numbers reach {largest:,.0f}, and this format computes "
                f"in FP16, which ends at {FP16_LARGEST:,}. Nothing of it was kept.",
                "Choose NF4 or INT8, which compute in BF16, or GGUF.",
            )
        raise DamagedFile(str(folder), "a model that computes numbers", "NaN or infinite ones")
    return np.asarray(torch.log_softmax(logits, dim=-1).cpu().numpy(), np.float32)
