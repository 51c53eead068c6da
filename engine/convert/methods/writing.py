"""Lets the model of a folder write the samples itself that its GPTQ or AWQ form is calibrated on."""

from __future__ import annotations

import gc
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from transformers import AutoTokenizer  # pyright: ignore

from engine.convert.folders.recipes import FolderRecipe
from engine.convert.methods import pytorch, speaking
from engine.convert.methods.calibration import Samples
from engine.convert.methods.fidelity import IS_OLDER, own_place, plain
from engine.convert.methods.older_form import for_transformers_4
from engine.texts import texts_sha256

AT_ONCE = 64  # samples side by side: their tokens share each reading of the weights
KEPT = "samples.json"


def own_samples(
    source: Path, recipe: FolderRecipe, seed: int, work: Path, on_tokens: Callable[[int, int], None]
) -> Samples:
    """Return the samples that a seed gives; the whole model is in memory while it writes them.

    They are kept in ``work``, since a conversion that was killed must go on with the very same ones. ``on_tokens`` is
    told how many tokens are written and how many will be. Raises :class:`NotEnoughMemory`.
    """
    kept = work / KEPT
    if kept.is_file():
        found = json.loads(kept.read_text("utf-8"))
        return Samples(tuple(map(tuple, found["tokens"])), found["sha256"], templated=False)
    with pytorch.memory_explained():
        if IS_OLDER:
            with for_transformers_4(source) as readable:
                samples = _written(readable, recipe, seed, on_tokens)
        else:
            samples = _written(source, recipe, seed, on_tokens)
    part = kept.with_suffix(".part")  # whoever is killed while writing leaves no half of them
    part.write_text(json.dumps({"tokens": samples.tokens, "sha256": samples.sha256}), "utf-8")
    part.replace(kept)
    return samples


def _written(source: Path, recipe: FolderRecipe, seed: int, on_tokens: Callable[[int, int], None]) -> Samples:
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, local_files_only=True)
    model = plain(source, own_place(source, pytorch.device()))
    generator, total = np.random.default_rng(seed), recipe.samples * recipe.sample_tokens
    special, begin = frozenset(tokenizer.all_special_ids), tokenizer.bos_token_id
    ends = frozenset(number for number in (tokenizer.eos_token_id,) if number is not None)
    rows: list[list[int]] = []
    with torch.inference_mode():
        while len(rows) < recipe.samples:
            count = min(AT_ONCE, recipe.samples - len(rows))
            first = speaking.first_tokens(count, len(tokenizer), generator, begin, special.__contains__)
            before = len(rows) * recipe.sample_tokens
            rows += speaking.written(
                _Stepping(model), first, recipe.sample_tokens, generator, begin, ends,
                lambda done, before=before, count=count: on_tokens(before + done * count, total),
            )  # fmt: skip
    said = [tokenizer.decode(row) for row in rows]
    del model
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return Samples(tuple(map(tuple, rows)), texts_sha256(said), templated=False)


class _Stepping:
    """Computes one token of each sample after the other, with transformers' own KV cache."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._name = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
        self._kept: Any = None

    def __call__(self, tokens: Any, position: int) -> Any:
        ids = torch.tensor(tokens, device=self._model.device).unsqueeze(1)
        answer = self._model(input_ids=ids, use_cache=True, **({self._name: self._kept} if self._kept else {}))
        self._kept = getattr(answer, self._name)
        return answer.logits[:, -1].float().cpu().numpy()
