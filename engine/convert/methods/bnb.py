"""Packs a folder's weights as bitsandbytes does: NF4 with double quantization, or INT8 with a scale a row.

Tensor by tensor, so that the model need not fit into memory, and only what is packed goes onto the card. Sources: QLoRA
(arXiv 2305.14314), LLM.int8() (arXiv 2208.07339); what is stored under which name: bitsandbytes 0.50.2, nn/modules.py,
``_save_to_state_dict`` of ``Linear4bit`` and ``Linear8bitLt``; transformers 5.17, utils/quantization_config.py,
``BitsAndBytesConfig``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from accelerate import init_empty_weights  # pyright: ignore[reportMissingImports]
from bitsandbytes import functional  # pyright: ignore[reportMissingImports]
from safetensors import SafetensorError, safe_open
from torch import nn  # pyright: ignore[reportMissingImports]
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig  # pyright: ignore

from engine.catalog.headers.shards import read_json
from engine.convert.methods import pytorch
from engine.convert.methods.described import ROTARY
from engine.convert.methods.shards import Shards, Write, at_once, copy_beside, write_json
from engine.errors import DamagedFile, UnsupportedModel

Tensor = Any
LIBRARY = "bitsandbytes"
BLOCK = 64
_CHECKED_AT_ONCE = 1 << 24  # numbers: what is found out of each takes as much memory again


@dataclass(frozen=True, slots=True)
class _Layers:
    """The linear layers that are packed, those that stay as they are, and names that only repeat another tensor.

    ``kind`` is the model's type, as ``config.json`` names it.
    """

    kind: str
    packed: frozenset[str]
    kept: tuple[str, ...]
    known: frozenset[str]
    repeated: frozenset[str]


def make(
    source: Path,
    files: tuple[Path, ...],
    target: Path,
    format_id: str,
    on_bytes: Callable[[int, int], None],
    patiently: Callable[[Write], Any] = at_once,
) -> dict[str, Any]:
    """Write ``target`` from the safetensors ``files`` of ``source``; return what there is to say of it.

    ``on_bytes`` is told how many bytes of weights are read and how many there are; ``patiently`` carries out what may
    have to wait for room on the disk. Raises :class:`UnsupportedModel`
    for a model whose tensors are not those of its class in transformers, and :class:`DamagedFile` for weights that are
    no numbers.
    """
    table = read_json(source / "config.json")
    layers = _layers(source)
    device = pytorch.device()
    dtype = torch.float16 if _told_dtype(table) == "float16" else torch.bfloat16
    pack = _nf4 if format_id == "bnb-nf4" else _int8
    shards, packed = Shards(target, patiently), 0
    total, done = sum(file.stat().st_size for file in files), 0
    with pytorch.memory_explained():
        for file, name, tensor in _tensors(files):
            done += tensor.numel() * tensor.element_size()
            if name in layers.repeated or name.endswith(ROTARY):
                continue
            stem = name.removesuffix(".weight")
            is_packed = stem in layers.packed and name != stem
            tensor = tensor.to(device) if is_packed else tensor
            _check(file, name, tensor, layers)
            if is_packed:
                shards.add({part: value.cpu() for part, value in pack(stem, tensor).items()})
                packed += 1
            else:
                shards.add({name: tensor.to(dtype) if tensor.is_floating_point() else tensor})
            on_bytes(min(done, total), total)
        shards.finish()
    on_bytes(total, total)
    table.pop("torch_dtype", None)
    quantization = _quantization(format_id, layers.kept)
    described = {**table, "dtype": str(dtype)[6:], "quantization_config": quantization}
    patiently(lambda: write_json(target / "config.json", described))
    patiently(lambda: copy_beside(source, target))
    return {"layers": packed, "kept": list(layers.kept), "weights_bytes": shards.total_bytes, "device": device.type}


def _layers(source: Path) -> _Layers:
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False, local_files_only=True)
        with init_empty_weights():
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UnsupportedModel(source.name, LIBRARY, f"{error}"[:300]) from error
    output = model.get_output_embeddings()
    packed, kept, repeated = set(), [], set()
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            fits = module is not output and module.in_features % 2 == 0
            fits = fits and (module.in_features * module.out_features) % BLOCK == 0
            packed.add(name) if fits else kept.append(name)
            if module is output and config.get_text_config(decoder=True).tie_word_embeddings:
                repeated.add(f"{name}.weight")
    return _Layers(
        config.model_type, frozenset(packed), tuple(kept), frozenset(model.state_dict()), frozenset(repeated)
    )


def _tensors(files: tuple[Path, ...]) -> Iterator[tuple[Path, str, Tensor]]:
    for file in files:
        try:
            with safe_open(file, framework="pt") as opened:
                for name in opened.keys():  # noqa: SIM118 (it is no dictionary)
                    yield file, name, opened.get_tensor(name)
        except SafetensorError as error:
            raise DamagedFile(str(file), "safetensors", f"{error}"[:200]) from error


def _check(file: Path, name: str, tensor: Tensor, layers: _Layers) -> None:
    if name not in layers.known:
        raise UnsupportedModel(layers.kind, LIBRARY, f"its class in transformers has no tensor {name}.")
    parts = tensor.flatten().split(_CHECKED_AT_ONCE) if tensor.is_floating_point() else ()
    if not all(torch.isfinite(part).all() for part in parts):
        raise DamagedFile(str(file), f"numbers in {name}", "NaN or infinite ones")


def _nf4(stem: str, weight: Tensor) -> dict[str, Tensor]:
    codes, state = functional.quantize_4bit(weight, blocksize=BLOCK, compress_statistics=True, quant_type="nf4")
    parts = {f"{stem}.weight.{name}": value for name, value in state.as_dict(packed=True).items()}
    return {f"{stem}.weight": codes, **parts}


def _int8(stem: str, weight: Tensor) -> dict[str, Tensor]:
    codes, absmax, _ = functional.int8_vectorwise_quant(weight.to(torch.float16))
    by_rows = torch.zeros((), dtype=torch.uint8)
    return {f"{stem}.weight": codes, f"{stem}.SCB": absmax, f"{stem}.weight_format": by_rows}


def _quantization(format_id: str, kept: tuple[str, ...]) -> dict[str, Any]:
    if format_id == "bnb-nf4":
        config = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
            llm_int8_skip_modules=list(kept),
        )
    else:
        config = BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=list(kept))
    return config.to_dict()


def _told_dtype(table: dict[str, Any]) -> str:
    return str(table.get("dtype") or table.get("torch_dtype") or "")
