"""Makes GPTQ and AWQ folders with GPTQModel, the library that transformers names in place of AutoGPTQ and AutoAWQ.

Tried with GPTQModel 7.7.0. The kernels are named and never left to it: on Hopper cards its own choice fetches sources
from the network.
"""

from __future__ import annotations

import os

os.environ.setdefault("GPTQMODEL_CPU_WORKERS", str(max(2, os.cpu_count() or 2)))  # with one it fails (7.7.0)
os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # a result is run once: compiling it takes longer

import contextlib
import gc
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gptqmodel import BACKEND, GPTQModel, QuantizeConfig  # pyright: ignore[reportMissingImports]
from gptqmodel.looper.checkpoint_store import CheckpointConfig  # pyright: ignore[reportMissingImports]
from gptqmodel.quantization import FORMAT, METHOD  # pyright: ignore[reportMissingImports]
from safetensors import safe_open

from engine.catalog.headers.shards import INDEX, read_json
from engine.convert.folders.recipes import FolderRecipe
from engine.convert.methods import pytorch
from engine.convert.methods.calibration import Samples
from engine.convert.methods.shards import copy_beside, save, write_json
from engine.convert.methods.within import OnLayers, Within
from engine.convert.room import is_full
from engine.errors import UnsupportedModel

LIBRARY = "GPTQModel"
BACKENDS = {"gptq": BACKEND.GPTQ_TORCH, "awq": BACKEND.AWQ_TORCH}  # plain PyTorch: nothing is compiled or fetched
BITS = 4
RESUMABLE = {"llama", "qwen3_moe"}  # GPTQModel 7.7.0, looper/gptq_checkpoint.py, validate_checkpoint_support
DESCRIBED = ("config.json", "quantize_config.json")  # files that say how the result is packed
OF_THE_RESULT = (*DESCRIBED, INDEX)


def make(
    source: Path,
    target: Path,
    work: Path,
    recipe: FolderRecipe,
    samples_for: Callable[[Any], Samples],
    on_layers: OnLayers,
) -> dict[str, Any]:
    """Write ``target`` from the folder ``source``, calibrated on what ``samples_for`` gives a tokenizer; tell of it.

    Layers wait on the disk for their turn and when they are done, in ``work``; whoever comes with the same work goes on
    after the last finished layer where GPTQModel can. ``on_layers`` is told how many layers are done, parts of one
    included, and how many there are. Raises :class:`UnsupportedModel` for what GPTQModel cannot open, and
    :class:`NotEnoughMemory`.
    """
    method = recipe.format_id.partition("-")[0]
    # it writes logs into the folder that it is in
    with pytorch.memory_explained(), contextlib.chdir(target), Within(on_layers) as within:
        model = _opened(source, _settings(recipe, method, work))
        samples = samples_for(model.tokenizer)
        layers = int(model.model.config.get_text_config(decoder=True).num_hidden_layers)
        model.layer_callback = model.subset_callback = _Layers(layers, within)
        within.finished(0, layers)
        model.quantize(
            [{"input_ids": list(tokens), "attention_mask": [1] * len(tokens)} for tokens in samples.tokens],
            batch_size=1,
            backend=BACKENDS[method],
            calibration_data_min_length=1,
            checkpoint=_checkpoint(model, method, work),
        )
        model.save(str(target))
    del model
    gc.collect()
    untie(target)
    forget_places(target)
    describe_as(source, target)
    for file in target.iterdir():
        if file.is_dir():
            shutil.rmtree(file)
        elif file.suffix != ".safetensors" and file.name not in OF_THE_RESULT:
            file.unlink()  # the source's own come in their place: they are read wherever the source is
    copy_beside(source, target)
    return {**samples.record, "device": pytorch.device().type}


def _opened(source: Path, settings: Any) -> Any:
    try:
        return GPTQModel.load(str(source), settings, trust_remote_code=False)
    except (ValueError, KeyError, TypeError, OSError, RuntimeError) as error:
        if is_full(error) or (isinstance(error, RuntimeError) and pytorch.lack_of_memory(error)):
            raise
        kind = str(read_json(source / "config.json").get("model_type", ""))
        raise UnsupportedModel(kind or source.name, LIBRARY, f"{error}"[:300]) from error


def load(folder: Path, device: Any) -> Any:
    """Open a result with GPTQModel itself."""
    method = str(read_json(folder / "config.json")["quantization_config"]["quant_method"])
    return GPTQModel.load(str(folder), device=str(device), backend=BACKENDS[method], trust_remote_code=False).model


def untie(folder: Path) -> None:
    """Take out the second copy of tied embeddings, which GPTQModel 7.7.0 writes."""
    if not read_json(folder / "config.json").get("tie_word_embeddings"):
        return
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="pt") as opened:
            names = list(opened.keys())
            if "lm_head.weight" not in names or "model.embed_tokens.weight" not in _all_names(folder):
                continue
            kept = {name: opened.get_tensor(name) for name in names if name != "lm_head.weight"}
        without = file.with_name(file.name + ".part")
        save(kept, without)
        without.replace(file)
    if (folder / INDEX).is_file():
        index = read_json(folder / INDEX)
        index["weight_map"].pop("lm_head.weight", None)
        write_json(folder / INDEX, index)


def forget_places(folder: Path) -> None:
    """Take out where layers waited on this computer, which GPTQModel 7.7.0 writes into the result with its settings."""
    for name in DESCRIBED:
        if (folder / name).is_file():
            table = read_json(folder / name)
            (table.get("quantization_config") or table).get("meta", {}).pop("offload_to_disk_path", None)
            write_json(folder / name, table)


def describe_as(source: Path, folder: Path) -> None:
    """Describe a result in its source's own words, which whoever read the source understands.

    GPTQModel writes it anew as transformers 5 does, where transformers 4 would silently take its default rotary base.
    """
    made, table = read_json(folder / "config.json"), read_json(source / "config.json")
    table["quantization_config"] = made["quantization_config"]
    dtype = made.get("dtype") or made.get("torch_dtype")
    if dtype:
        table["dtype" if "dtype" in table else "torch_dtype"] = dtype
    write_json(folder / "config.json", table)


def _all_names(folder: Path) -> set[str]:
    names: set[str] = set()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="pt") as opened:
            names |= set(opened.keys())
    return names


def _settings(recipe: FolderRecipe, method: str, work: Path) -> Any:
    plain = {"bits": BITS, "group_size": recipe.group, "offload_to_disk": True}
    plain["offload_to_disk_path"] = str(work / "offload")
    if method == "awq":
        return QuantizeConfig(**plain, method=METHOD.AWQ, format=FORMAT.GEMM)
    # In groups that stay as they are, so that nothing is looked up later: vLLM 0.33 loads no other reordering.
    order = {"desc_act": False, "act_group_aware": recipe.act_order}
    return QuantizeConfig(**plain, **order, method=METHOD.GPTQ, format=FORMAT.GPTQ)


def _checkpoint(model: Any, method: str, work: Path) -> CheckpointConfig | None:
    """Return where finished layers are kept; ``None`` where GPTQModel cannot go on with them.

    With AWQ it says that it can, and then refuses its own layers ("checkpoint tensor schema differs").
    """
    if method == "awq" or model.model.config.model_type not in RESUMABLE:
        return None
    return CheckpointConfig(path=str(work / "finished"))


class _Layers:
    """Tells which layer is finished; of one that is resumed, the first ones are.

    A subset are matrices of a layer that read the same, such as a query's, a key's and a value's.
    """

    def __init__(self, layers: int, within: Within) -> None:
        self._layers = layers
        self._within = within

    def layer_complete(self, *, layer_idx: int, submodule_finalized: bool) -> None:
        if submodule_finalized:
            self._within.finished(layer_idx + 1, self._layers)

    def subset_event(self, *, stage: str, layer_idx: int, subset_index: int, **more: Any) -> None:
        if stage == "forward_start" and subset_index == 0:
            self._within.begin(layer_idx)
        else:
            self._within.tick()
