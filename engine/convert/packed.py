"""Weights that are already quantized: which of them llama.cpp's converter widens again, and which it cannot read.

Source: llama.cpp 0c1e57098, conversion/base.py (``dequant_model``, ``prepare_tensors``) and gpt_oss.py. Without torch
those are converted of which tests hold the result against torch's (``tests/cases/convert/torch_answers.json``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.errors import EngineError, Refused, UnsupportedModel, from_source

STANDIN = "Halfbyte's built-in torch"
EXTRA = f"The real one takes over where Halfbyte runs from its source and has it: {from_source('convert')}"
WIDENED = frozenset({"bitnet", "fp8", "gptq", "compressed-tensors", "modelopt"})
ONLY_GPT_OSS = "mxfp4"
GPT_OSS = "GptOssForCausalLM"
MXFP4_LEVEL = "MXFP4_MOE"
WITHOUT_TORCH = frozenset({"fp8", "gptq", "mxfp4"})
COMPRESSED_WITHOUT_TORCH = frozenset({"pack-quantized", "float-quantized", "int-quantized", "naive-quantized"})
WORDS = {
    "awq": "AWQ",
    "bitnet": "BitNet",
    "bitsandbytes": "bitsandbytes",
    "compressed-tensors": "compressed-tensors",
    "fp8": "FP8",
    "gptq": "GPTQ",
    "modelopt": "NVIDIA ModelOpt",
    "mxfp4": "MXFP4",
}


def packed_problems(config: dict[str, Any], architecture: str, *, has_torch: bool) -> Iterator[EngineError]:
    """Yield why quantized weights cannot be converted."""
    quantization = _quantization(config)
    method = quantization.get("quant_method")
    if not quantization or method is None:
        return
    if method not in WIDENED and not (method == ONLY_GPT_OSS and architecture == GPT_OSS):
        yield Refused(
            f"Its weights are already quantized ({_words(quantization)}), which llama.cpp's converter cannot undo.",
            "Convert the original model that they were made from; its page on the Hub names it.",
        )
    elif not has_torch and not _without_torch(quantization):
        yield UnsupportedModel(
            architecture or "not named",
            STANDIN,
            f"it cannot widen weights that are already quantized in this way ({_words(quantization)}). {EXTRA}",
        )


def packed_notes(config: dict[str, Any]) -> Iterator[str]:
    """Yield what to know of quantized weights that can be converted all the same."""
    quantization = _quantization(config)
    if quantization.get("quant_method") == ONLY_GPT_OSS:
        yield (
            "Its experts are already quantized (MXFP4) and are taken over as they are, bit by bit; what else is in the "
            "model becomes Q8_0."
        )
    elif quantization:
        yield (
            f"Its weights are already quantized ({_words(quantization)}). They are widened first; what they lost then "
            "stays lost, so convert the original if you can get it."
        )


def refused_levels(source_is_mxfp4: bool, level: str) -> Iterator[EngineError]:
    """Yield why experts in MXFP4 cannot become another level: llama-quantize refuses to quantize them again, too."""
    if source_is_mxfp4 and level != MXFP4_LEVEL:
        yield Refused(
            f"The experts of this model are already quantized (MXFP4); as {level} they would be quantized a second "
            "time or only grow.",
            f"Choose the format {MXFP4_LEVEL}, which takes them over as they are.",
        )


def is_mxfp4(config: dict[str, Any]) -> bool:
    """Tell whether a model's experts are stored in MXFP4."""
    return _quantization(config).get("quant_method") == ONLY_GPT_OSS


def _quantization(config: dict[str, Any]) -> dict[str, Any]:
    found = config.get("quantization_config")
    return found if isinstance(found, dict) else {}


def _without_torch(quantization: dict[str, Any]) -> bool:
    method = quantization["quant_method"]
    if method == "compressed-tensors":
        return quantization.get("format") in COMPRESSED_WITHOUT_TORCH
    if method == "modelopt":
        return quantization.get("quant_algo") == "FP8"
    return method in WITHOUT_TORCH


def _words(quantization: dict[str, Any]) -> str:
    method = str(quantization.get("quant_method"))
    form = quantization.get("format") or quantization.get("quant_algo")
    words = WORDS.get(method, f"“{method:.40}”")
    if method == "bitsandbytes":
        form = "4 bits" if quantization.get("load_in_4bit") else "8 bits"
    return f"{words}, {form:.40}" if isinstance(form, str) else words
