"""A model's folder, looked at before anything of it is loaded: what it holds, and what must not be run."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from transformers import AutoConfig  # pyright: ignore
from transformers.models.auto.modeling_auto import (  # pyright: ignore[reportMissingImports]
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
)

from engine.catalog.headers.shards import pickles_in, read_index, read_json
from engine.errors import DamagedFile, NotFound, Refused, UnsupportedModel
from engine.runtime.backends.hf.checkpoints import BACKEND

_RECURRENT = ("linear_attention", "mamba", "recurrent", "conv", "ssm")  # kinds of layer without keys and values


@dataclass(frozen=True, slots=True)
class Folder:
    """``shards`` are safetensors files, empty where the weights are pickles that may be read. ``dtype``: torch's."""

    path: Path
    config: Any
    quantization: Mapping[str, Any]
    shards: tuple[Path, ...]
    dtype: Any

    @property
    def architecture(self) -> str:
        return str(self.config.model_type)

    @property
    def text(self) -> Any:
        """The part of the configuration that describes the decoder."""
        return self.config.get_text_config(decoder=True)


def open_folder(path: Path) -> Folder:
    """Read ``config.json`` and list the weights.

    Raises ``NotFound``, ``DamagedFile``, ``UnsupportedModel`` for a class that transformers does not have itself, and
    ``Refused`` for pickles that could run code.
    """
    table = read_json(path / "config.json")
    _check_class(path, table)
    try:
        config = AutoConfig.from_pretrained(path, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # foreign code on foreign data
        reason = " ".join(f"{error}".split())[:200].rstrip(".")
        raise DamagedFile(str(path / "config.json"), "a model's configuration", reason) from error
    quantization = table.get("quantization_config") or {}
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # the packed weights are read here, whatever packages are installed
    folder = Folder(path, config, quantization, _shards(path), _dtype(table, config))
    _check_layers(folder)
    return folder


def _check_class(path: Path, table: Mapping[str, Any]) -> None:
    kind = str(table.get("model_type", ""))
    if kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return
    reason = "the installed transformers has no class for it."
    if "auto_map" in table:
        reason = "it brings program code of its own, which Halfbyte never runs."
    raise UnsupportedModel(kind or path.name, BACKEND, reason)


def _check_layers(folder: Folder) -> None:
    if folder.config.is_encoder_decoder:
        reason = "its decoder continues nothing without what an encoder has read or heard."
        raise UnsupportedModel(folder.architecture, BACKEND, reason)
    kinds = set(getattr(folder.text, "layer_types", None) or ())
    if kinds & set(_RECURRENT) or not hasattr(folder.text, "num_attention_heads"):
        reason = "parts of it keep no keys and values, which is not done here yet; its GGUF form runs."
        raise UnsupportedModel(folder.architecture, BACKEND, reason)


def _shards(path: Path) -> tuple[Path, ...]:
    """Return the safetensors files; without any, check that the pickles hold nothing but tensors."""
    if index := read_index(path):
        shards = tuple(path / name for name in sorted(set(index.values())))
    else:
        found = sorted(path.glob("*.safetensors"))
        shards = tuple(file for file in found if file.name.startswith("model")) or tuple(found)
    for shard in shards:
        if not shard.is_file():
            raise NotFound(shard.name, str(path), "A part of the model is missing; download it again.")
    if not shards:
        _check_pickles(path)
    return shards


def _check_pickles(path: Path) -> None:
    files = pickles_in(path)
    if not files:
        raise NotFound("A safetensors file", str(path), "Download the folder again, with its weights.")
    for file in files:
        try:
            torch.load(file, map_location="meta", weights_only=True, mmap=True)
        except pickle.UnpicklingError as error:
            raise Refused(
                f"{file.name} is a pickle that holds more than tensors: loading it could run any program.",
                "Get this model as safetensors; most publishers have it.",
            ) from error
        except (RuntimeError, OSError, EOFError) as error:
            raise DamagedFile(str(file), "tensors", f"{error}"[:200]) from error


def _dtype(table: Mapping[str, Any], config: Any) -> Any:
    """Return the type to compute in: the weights' own where it has 16 bits, else BF16 on a GPU."""
    told = str(getattr(config, "dtype", None) or table.get("dtype") or table.get("torch_dtype") or "").split(".")[-1]
    known = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
    return known.get(told, torch.bfloat16)
