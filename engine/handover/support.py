"""What vLLM makes of each format.

Source: vLLM 0.33.0 (g4ba787ec9), model_executor/layers/quantization/__init__.py, ``QuantizationMethods``: bitsandbytes
and GGUF are no longer among them. Compute capabilities and widths: auto_awq.py and auto_gptq.py, ``get_min_capability``
and ``TYPE_MAP``; order of columns: utils/gptq_utils.py, ``normalize_and_validate_gptq_desc_act``, and
compressed_tensors.py. vllm-bnb-plugin 0.0.3, of the same project, brings bitsandbytes back (quantization/config.py) and
does not split its packed tensors (bitsandbytes_loader.py). Tried with 0.32.0 on a processor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.errors import Refused, UnsupportedModel
from engine.formats import ModelFacts

VLLM_VERSION = "0.33.0"
BNB_PLUGIN = "vllm-bnb-plugin==0.0.3"
BF16_CAPABILITY = 8.0
_BITS = re.compile(r"-int(\d+)")


@dataclass(frozen=True, slots=True)
class Method:
    """How vLLM loads a format. ``flag`` is the value of ``--quantization``, empty for weights that are not quantized.

    ``capability`` is the lowest CUDA compute capability that it runs on. ``widths`` are the bits that a weight of a
    numbered format may have. ``plugin`` is a package that vLLM needs for it. Without ``splits`` its tensors cannot be
    split over cards; layers can.
    """

    flag: str
    capability: float
    widths: tuple[int, ...] = ()
    plugin: str = ""
    splits: bool = True


METHODS = {
    "awq": Method("awq", 7.5, (4,)),
    "gptq": Method("gptq", 6.0, (4, 8)),
    "bnb": Method("bitsandbytes", 7.0, plugin=BNB_PLUGIN, splits=False),
    "compressed": Method("compressed-tensors", 7.0),
    "plain": Method("", 7.0),
}


def packages(method: Method) -> str:
    """Return what pip is to install for a format."""
    return " ".join(filter(None, [f"vllm=={VLLM_VERSION}", method.plugin]))


def method_of(facts: ModelFacts) -> Method:
    """Return how vLLM loads a model. Raises :class:`UnsupportedModel` where it does not, with the way round."""
    family = facts.format_id.partition("-")[0]
    if family == "gguf":
        reason = (
            f"version {VLLM_VERSION} does not read GGUF. Serve the folder of safetensors that it was made from, or "
            "AWQ or GPTQ made of that; or serve the file to a few people with llama.cpp's own server"
        )
        raise UnsupportedModel(facts.architecture, "vLLM", reason)
    if family not in METHODS:
        raise UnsupportedModel(facts.architecture, "vLLM", f"Halfbyte does not know how it loads {facts.format_id}")
    method = METHODS[family]
    if reason := _why_not_packed(facts, method):
        raise UnsupportedModel(facts.architecture, "vLLM", f"version {VLLM_VERSION} {reason}")
    return method


def _why_not_packed(facts: ModelFacts, method: Method) -> str:
    """Return what of a model's packed weights vLLM does not load, with the way round; empty if it loads them."""
    bits = _BITS.search(facts.format_id)
    if method.widths and bits and int(bits[1]) not in method.widths:
        return f"does not load {facts.format_id}. Make AWQ or GPTQ with 4 bits from the original"
    if "ordered" in facts.packing:
        return (
            "no longer loads weights whose columns are reordered across groups (desc_act, or actorder by group). Make "
            "GPTQ from the original with Halfbyte: its reordering leaves the groups as they are"
        )
    if "asymmetric" in facts.packing:
        return "loads GPTQ only where it is symmetric. Make GPTQ or AWQ from the original"
    if "gemv" in facts.packing:
        return "loads AWQ only in its layout for many answers (GEMM). Make AWQ from the original"
    return ""


def dtype_for(method: Method, capability: float) -> str:
    """Return the value of ``--dtype`` for a card; 0 is one whose capability is not known. Raises :class:`Refused`."""
    if capability and capability < method.capability:
        needed = f"{method.flag or 'its kernels'} need compute capability {method.capability}"
        raise Refused(f"vLLM cannot run this model on these cards: {needed}, and they have {capability}.")
    return "float16" if capability and capability < BF16_CAPABILITY else "auto"
