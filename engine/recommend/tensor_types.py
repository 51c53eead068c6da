"""Which type llama.cpp stores each tensor in, for every level: its own choice, tensor by tensor.

Two programs decide. The converter writes 16 bits, and 32 where kernels need them; the quantizer then gives tensors that
matter more a better type, and falls back where a row is no whole number of blocks.
Source: llama.cpp 0c1e57098, src/llama-quant.cpp (``tensor_allows_quantization``, ``llama_tensor_get_type_impl``,
``tensor_type_fallback``, without an importance matrix) and conversion/base.py (``prepare_tensors``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.formats import ModelFacts, TensorFacts
from engine.recommend.blocks import BLOCK_TYPES, stored_bytes

# Level → the type that it is named after (``llama_ftype_get_default_type``).
LEVELS: dict[str, str] = {
    "F32": "F32",
    "BF16": "BF16",
    "F16": "F16",
    "Q8_0": "Q8_0",
    "Q6_K": "Q6_K",
    "Q5_K_M": "Q5_K",
    "Q5_K_S": "Q5_K",
    "Q4_K_M": "Q4_K",
    "Q4_K_S": "Q4_K",
    "Q4_1": "Q4_1",
    "Q4_0": "Q4_0",
    "Q3_K_L": "Q3_K",
    "Q3_K_M": "Q3_K",
    "Q3_K_S": "Q3_K",
    "Q2_K": "Q2_K",
}

FALLBACKS = {"Q2_K": "Q4_0", "Q3_K": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}

# Never quantized, by parts of their names.
KEPT = re.compile(
    r"_norm\.weight|ffn_gate_inp\.weight|ffn_gate_tid2eid\.weight|altup|laurel|per_layer_model_proj|ssm_conv1d"
    r"|shortconv\.conv\.weight|indexer\.[kq]_proj\.weight|attn_rel_b\.weight"
    r"|time_mix_(?:first|[wva][012]|g[12]|decay_w[12]|lerp_fused)\.weight"
    r"|\.position_embd|^position_embd\.weight|^token_types\.weight"
)
# Written in 32 bits by the converter, whatever the level.
KEPT_IN_32_BITS = re.compile(
    r"(?:\.(?:ffn_gate_inp|ffn_gate_inp_shexp|ssm_conv1d(?:_[qkv])?|shortconv\.conv|altup_(?:correct|predict)_coef"
    r"|time_mix_(?:first|w[12]|decay_w[12]|lerp_fused)|indexer\.proj)|^position_embd|^token_types|_norm)\.weight$"
)


# What a tensor is for, as far as the choice depends on it. The first pattern found in its name counts.
ROLES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("output", re.compile(r"^output\.weight$")),
    ("embedding", re.compile(r"^(?:per_layer_)?token_embd\.weight$")),
    ("value", re.compile(r"attn_(?:qkv|kv_b|v)\.weight")),
    ("key", re.compile(r"attn_k\.weight")),
    ("query", re.compile(r"attn_q\.weight")),
    ("attention output", re.compile(r"attn_output\.weight")),
    ("down", re.compile(r"ffn_down")),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor stands: the ``index``-th of ``count`` of its role, in a model of these facts."""

    role: str
    index: int
    count: int
    facts: ModelFacts

    @property
    def matters_more(self) -> bool:
        """Tell the first and the last eighth of the layers, and every third between them (``use_more_bits``)."""
        eighth = self.count // 8
        return self.index < eighth or self.index >= 7 * self.count // 8 or (self.index - eighth) % 3 == 2

    @property
    def falcon(self) -> bool:
        return self.facts.architecture == "falcon"


Choice = Callable[[Place], str]

VALUE_TYPES: dict[str, Choice] = {
    "Q2_K": lambda place: "Q4_K" if place.facts.query_group >= 4 else "Q3_K",
    "Q3_K_M": lambda place: "Q5_K" if place.index < 2 else "Q4_K",
    "Q3_K_L": lambda place: "Q5_K",
    "Q4_K_S": lambda place: "Q5_K" if place.index < 4 else "Q4_K",
    "Q4_K_M": lambda place: "Q6_K" if place.matters_more else "Q4_K",
    "Q5_K_M": lambda place: "Q6_K" if place.matters_more else "Q5_K",
}
DOWN_TYPES: dict[str, Choice] = {
    "Q2_K": lambda place: "Q3_K",
    "Q3_K_M": lambda place: "Q5_K" if place.index < place.count // 16 else "Q4_K",
    "Q3_K_L": lambda place: "Q5_K",
    "Q4_K_S": lambda place: "Q5_K" if place.index < place.count // 8 else "Q4_K",
    "Q4_K_M": lambda place: "Q6_K" if place.matters_more else "Q4_K",
    "Q5_K_M": lambda place: "Q6_K" if place.matters_more else "Q5_K",
}
FALCON_DOWN_TYPES: dict[str, Choice] = {
    "Q2_K": lambda place: "Q3_K",
    "Q3_K_M": lambda place: "Q5_K" if place.index < place.count // 16 else "Q4_K" if place.matters_more else "Q3_K",
    "Q3_K_L": lambda place: "Q4_K",
    "Q4_K_M": lambda place: "Q6_K" if place.index < place.count // 16 else "Q5_K" if place.matters_more else "Q4_K",
    "Q5_K_M": lambda place: "Q6_K" if place.matters_more else "Q5_K",
}
ATTENTION_OUTPUT_TYPES = {"Q2_K": "Q3_K", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K"}
ATTENTION_OUTPUT_TYPES_OF_8_EXPERTS: Mapping[str, str] = dict.fromkeys(
    ("Q2_K", "Q3_K_S", "Q3_K_M", "Q4_K_S", "Q4_K_M"), "Q5_K"
)
FALCON_ATTENTION_OUTPUT_TYPES = {"Q3_K_L": "Q4_K"}


@dataclass(frozen=True, slots=True)
class Arranged:
    """A model's tensors as the converter writes them, each with its place; ``None`` for one that is never quantized."""

    rows: tuple[tuple[TensorFacts, Place | None], ...]

    def at(self, level: str) -> tuple[TensorFacts, ...]:
        """Return the tensors as a GGUF file of ``level`` (such as ``Q4_K_M``) would store them: types and bytes."""
        return tuple(_stored(tensor, _type(tensor, level, place)) for tensor, place in self.rows)


def tensors_at(facts: ModelFacts, level: str) -> tuple[TensorFacts, ...]:
    """Return :meth:`Arranged.at`, for one level only."""
    return arranged(facts).at(level)


def arranged(facts: ModelFacts) -> Arranged:
    """Arrange the tensors once, to ask for several levels."""
    written = facts.tensors if facts.format_id.startswith("gguf-") else tuple(map(converted, facts.tensors))
    places = _places(facts)
    return Arranged(tuple((tensor, places.get(tensor.name)) for tensor in written))


def _stored(tensor: TensorFacts, type_name: str) -> TensorFacts:
    if type_name == tensor.type:
        return tensor
    return TensorFacts(tensor.name, tensor.shape, type_name, stored_bytes(tensor.shape, type_name))


def converted(tensor: TensorFacts) -> TensorFacts:
    """Return a tensor of a safetensors file as the converter writes it: 16 bits, or 32 where kernels need them."""
    if tensor.type == "MXFP4":
        return tensor
    whole = len(tensor.shape) < 2 or not tensor.name.endswith(".weight") or bool(KEPT_IN_32_BITS.search(tensor.name))
    type_name = "F32" if whole else "F16"
    return TensorFacts(tensor.name, tensor.shape, type_name, stored_bytes(tensor.shape, type_name))


def may_be_quantized(tensor: TensorFacts) -> bool:
    """Tell whether the quantizer touches a tensor at all."""
    dimensions = max((axis for axis, extent in enumerate(tensor.shape, 1) if extent > 1), default=1)
    return dimensions > 1 and tensor.name.endswith("weight") and not KEPT.search(tensor.name)


def _type(tensor: TensorFacts, level: str, place: Place | None) -> str:
    """Return the type of a tensor; ``place`` is ``None`` for one that is never quantized."""
    named_after = LEVELS[level]
    if place is None or tensor.type == "MXFP4":
        return tensor.type
    if not BLOCK_TYPES[named_after].quantized:
        return named_after
    return _fitting(_preferred(tensor, level, named_after, place), tensor.shape[0])


def _fitting(type_name: str, row: int) -> str:
    """Return the type, or what takes its place where the row is no whole number of its blocks."""
    if row % BLOCK_TYPES[type_name].elements == 0:
        return type_name
    other = FALLBACKS.get(type_name, type_name)
    return other if row % BLOCK_TYPES[other].elements == 0 else "F16"


def _preferred(tensor: TensorFacts, level: str, named_after: str, place: Place) -> str:
    if place.role == "output":
        return _output_type(tensor.shape[0], named_after, place)
    if place.role == "value":
        return _value_type(level, named_after, place)
    if place.role == "key":
        return "Q8_0" if place.facts.experts == 8 else named_after
    if place.role == "down":
        return (FALCON_DOWN_TYPES if place.falcon else DOWN_TYPES).get(level, lambda _: named_after)(place)
    if place.role == "attention output":
        return _attention_output_types(place).get(level, named_after)
    return named_after


def _output_type(row: int, named_after: str, place: Place) -> str:
    if place.falcon or row % BLOCK_TYPES[named_after].elements or named_after == "Q8_0":
        return "Q8_0"
    return "Q6_K"


def _value_type(level: str, named_after: str, place: Place) -> str:
    if place.facts.experts == 8:
        return "Q8_0"
    chosen = VALUE_TYPES.get(level, lambda _: named_after)(place)
    return "Q5_K" if chosen in ("Q3_K", "Q4_K") and _is_a_70b(place.facts) else chosen


def _is_a_70b(facts: ModelFacts) -> bool:
    """Tell a model that llama.cpp takes for a 70B (``LLM_TYPE_70B``): few values shared by many queries."""
    depths = {"llama": 80, "qwen2": 80, "deci": 80, "olmo": 80, "jais2": 68}
    if facts.architecture == "llama" and (facts.query_group == 1 or facts.experts == 8):
        return False
    return depths.get(facts.architecture) == facts.layers


def _attention_output_types(place: Place) -> Mapping[str, str]:
    if place.falcon:
        return FALCON_ATTENTION_OUTPUT_TYPES
    return ATTENTION_OUTPUT_TYPES_OF_8_EXPERTS if place.facts.experts == 8 else ATTENTION_OUTPUT_TYPES


def _places(facts: ModelFacts) -> dict[str, Place]:
    """Return the place of every tensor that may be quantized. The quantizer goes through them layer by layer."""
    tied = all(tensor.name != "output.weight" for tensor in facts.tensors)
    ordered = sorted(facts.tensors, key=lambda tensor: (_layer(tensor), tensor.name))
    depth = 1 + max(map(_layer, ordered), default=0)
    values = sum(_role(tensor, tied) == "value" for tensor in ordered)
    seen = {"value": 0, "down": 0}
    places: dict[str, Place] = {}
    for tensor in filter(may_be_quantized, ordered):
        role = _role(tensor, tied)
        index = _layer(tensor) if role == "down" and facts.experts > 1 else seen.get(role, 0)
        places[tensor.name] = Place(role, index, values if role == "value" else depth, facts)
        if role in seen:
            seen[role] += 1
    return places


def _role(tensor: TensorFacts, tied: bool) -> str:
    """Return a tensor's role; an embedding that is the output too counts as the output."""
    role = next((role for role, pattern in ROLES if pattern.search(tensor.name)), "other")
    return "output" if tied and role == "embedding" else role


def _layer(tensor: TensorFacts) -> int:
    return -1 if tensor.layer is None else tensor.layer
