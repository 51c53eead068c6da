"""Reads the facts of a Hugging Face folder: ``config.json``, and the headers of its safetensors files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from engine.catalog.headers.configuration import Config, read_config
from engine.catalog.headers.families import architecture, metadata
from engine.catalog.headers.file_types import prevailing_type
from engine.catalog.headers.model import model_facts
from engine.catalog.headers.packed_tensors import bits_of, is_floating, packing_of
from engine.catalog.headers.safetensors_header import StoredTensor
from engine.catalog.headers.shards import read_json, read_tensors
from engine.catalog.headers.tensor_layout import lay_out
from engine.errors import EngineError
from engine.formats import ModelFacts, TensorFacts


def folder_facts(folder: Path) -> ModelFacts:
    """Return the facts of a folder, its tensors laid out and named as a GGUF file would have them."""
    card = {"general.license": _licence(folder)}
    if _has_chat_template(folder):
        card["tokenizer.chat_template"] = ""
    return config_facts(read_config(folder), read_tensors(folder), folder.name, card)


def config_facts(config: Config, stored: Iterable[StoredTensor], name: str, card: Mapping[str, str]) -> ModelFacts:
    """Return the facts of a configuration and its tensors; ``card`` is what other files say, in GGUF's terms."""
    tensors = lay_out(stored, architecture(config), config)
    found = {**metadata(config), **card}
    facts = model_facts(found, tensors, name=name, format_id=_format_id(config, tensors), file=config.file)
    return replace(facts, packing=packing_of(config.table("quantization_config")))


def _format_id(config: Config, tensors: Sequence[TensorFacts]) -> str:
    """Return the format that a folder has: its quantization, or the type that most of it is stored in."""
    quantization = config.table("quantization_config")
    method, bits = str(quantization.get("quant_method", "")), bits_of(quantization)
    if method in ("awq", "gptq"):
        group = quantization.get("group_size", 128)
        return f"{method}-int{bits}" + (f"-g{group}" if isinstance(group, int) and group > 0 else "")
    if method == "bitsandbytes":
        kind = quantization.get("bnb_4bit_quant_type", "fp4")  # bitsandbytes' own default
        return f"bnb-{kind}" if quantization.get("load_in_4bit") else "bnb-int8"
    if method == "compressed-tensors":
        return f"{method}-{'fp' if is_floating(quantization) else 'int'}{bits_of(quantization)}"
    if method and method not in ("fp8", "mxfp4"):
        return f"{method}-fp8" if any(tensor.type == "F8_E4M3" for tensor in tensors) else f"{method}-int{bits}"
    return f"plain-{prevailing_type(tensors).lower()}"


def _has_chat_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    try:
        return bool(read_json(folder / "tokenizer_config.json").get("chat_template"))
    except EngineError:
        return False


def _licence(folder: Path) -> str:
    """Return the licence that the model card's front matter names, empty where there is none."""
    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as card:
            if card.readline().strip() != "---":
                return ""
            for _, line in zip(range(200), card, strict=False):
                key, _, value = line.partition(":")
                if key == "license":
                    return value.strip().strip("'\"")
                if line.strip() == "---":
                    break
    except OSError:
        pass
    return ""
