"""How far a folder of packed weights answers as its original does, both loaded as any other program would load them."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch  # pyright: ignore[reportMissingImports]
from transformers import AutoModelForCausalLM, AutoTokenizer, __version__  # pyright: ignore
from transformers.utils import logging as transformers_logging  # pyright: ignore

from engine.convert.folders.card_room import KEPT_SHARE
from engine.convert.methods import pytorch
from engine.convert.methods.agreement import LEAST_PLACES, LOGITS_BYTES, PLACES, Agreement, agreement_of
from engine.convert.methods.older_form import for_transformers_4
from engine.errors import DamagedFile, Refused, UnsupportedModel

Loader = Callable[[Path, Any], Any]
IS_OLDER = __version__.startswith("4.")  # AutoAWQ's
OFFLOADED = "offloaded"  # gone before the result gets its name
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
        model = plain(original, _place_for(original, device), result / OFFLOADED)
        room = LOGITS_BYTES // (4 * model.get_output_embeddings().weight.shape[0])
        tokens = tokenizer(text[: 16 * PLACES])["input_ids"][: max(LEAST_PLACES, min(PLACES, room))]
        on_tokens(0, 2 * len(tokens))
        largest = _Largest(model)
        expected = _log_probabilities(model, tokens, original)
        del model
        gc.collect()
        shutil.rmtree(result / OFFLOADED, ignore_errors=True)
        on_tokens(len(tokens), 2 * len(tokens))
        found = _log_probabilities(load(result, own_place(result, device)), tokens, result, largest.value)
        on_tokens(2 * len(tokens), 2 * len(tokens))
    return agreement_of(expected, found, tokens)


def own_place(folder: Path, device: Any) -> Any:
    """Return the card, or the processor for a model that the card has no room for."""
    if device.type == "cuda" and _bytes_of(folder) > _free_bytes(device):
        return torch.device("cpu")
    return device


def _place_for(folder: Path, device: Any) -> Any:
    """Return where a plain model is computed: on the card, the processor, or where both are too small ``"auto"``.

    With ``"auto"`` as many layers as fit stay on the card and in main memory, and the others are read from their file
    each time.
    """
    place = own_place(folder, device)
    if place.type == "cpu" and _bytes_of(folder) > KEPT_SHARE * psutil.virtual_memory().available:
        return "auto"
    return place


def _bytes_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def _free_bytes(device: Any) -> int:
    return int(KEPT_SHARE * torch.cuda.mem_get_info(device)[0])


def plain(folder: Path, device: Any, offloaded: Path | None = None) -> Any:
    """Load a folder through transformers alone; ``offloaded`` is where parts of it may wait, for a while.

    Raises :class:`UnsupportedModel` with its reason why not.
    """
    where: dict[str, Any] = {"device_map": {"": device}}
    if device == "auto":
        where = {"device_map": "auto", "offload_folder": str(offloaded)}
    try:
        return AutoModelForCausalLM.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True, **where, **AS_STORED
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
    places = (parameter.device for parameter in model.parameters() if not parameter.is_meta)  # meta: on the disk
    logits = model(input_ids=torch.tensor([tokens], device=next(places, "cpu"))).logits[0].float()
    if not torch.isfinite(logits).all():
        if largest > FP16_LARGEST and getattr(model, "dtype", None) == torch.float16:
            raise Refused(
                f"The result computes NaN: inside of this model numbers reach {largest:,.0f}, and this format computes "
                f"in FP16, which ends at {FP16_LARGEST:,}. Nothing of it was kept.",
                "Choose NF4 or INT8, which compute in BF16, or GGUF.",
            )
        raise DamagedFile(str(folder), "a model that computes numbers", "NaN or infinite ones")
    return np.asarray(torch.log_softmax(logits, dim=-1).cpu().numpy(), np.float32)
