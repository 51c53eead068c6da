"""The formats of a model, and the facts about one that decide what fits.

Values only. Ids go to disk and never change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Family(StrEnum):
    """Who reads a format."""

    GGUF = "gguf"
    AWQ = "awq"
    GPTQ = "gptq"
    BNB = "bnb"
    PLAIN = "plain"  # safetensors as published


# What a format id begins with → who reads it, where that is no family's name.
_READ_AS = {"compressed": Family.GPTQ}  # compressed-tensors runs through the same kernels
_COMPRESSED = "compressed-tensors-"
# What the PyTorch back end reads of each family (engine/runtime/backends/hf/checkpoints.py).
_READABLE = re.compile(
    r"gguf-.*|(awq|gptq)-int4(-.*)?|bnb-(nf4|int8)|compressed-tensors-int(4|8)|plain-(bf16|f16|f32)|[a-z]*"
)


def family_named(format_id: str) -> Family | None:
    """Return who reads a format, also one without a row; ``None`` for one that nobody here reads."""
    head = format_id.partition("-")[0]
    return _READ_AS.get(head) or (Family(head) if head in set(Family) else None)


def label_of(format_id: str) -> str:
    """Return a format as people say it, also one without a row; an id that says nothing stays as it is."""
    if row := format_named(format_id):
        return row.label
    if format_id.startswith(_COMPRESSED):
        return f"{format_id.removeprefix(_COMPRESSED).upper()} {_COMPRESSED[:-1]}"
    return format_id


def why_unread(format_id: str) -> str:
    """Return why weights of a format cannot be run as they are, in a sentence; empty where they can."""
    if _READABLE.fullmatch(format_id):
        return ""
    elsewhere = "; vLLM may (“Serve for many”)" if format_id.startswith(("gptq-int8", "compressed")) else ""
    return f"Halfbyte does not read weights that are stored as {format_id}{elsewhere}."


class Quality(IntEnum):
    """How close a format stays to the original: the class that is expected until it is measured."""

    POOR = 1
    FAIR = 2
    GOOD = 3
    VERY_GOOD = 4
    NEAR_LOSSLESS = 5
    LOSSLESS = 6

    @property
    def words(self) -> str:
        return self.name.replace("_", " ").lower().replace("near lossless", "near-lossless")


@dataclass(frozen=True, slots=True)
class Format:
    """One way to store a model's weights.

    ``bits`` is the nominal width of a weight, for words only: sizes are computed from tensor shapes.
    ``calibration_samples`` is 0 where none are needed.
    """

    id: str
    family: Family
    label: str
    bits: float
    quality: Quality
    calibration_samples: int
    best_for: str


def _gguf(label: str, bits: float, quality: Quality, best_for: str = "local inference, edge, llama.cpp") -> Format:
    return Format(f"gguf-{label.lower()}", Family.GGUF, label, bits, quality, 0, best_for)


# Bits per weight of the GGUF levels: llama.cpp, tools/quantize/quantize.cpp, QUANT_OPTIONS (given for Llama-3-8B).
# Quality classes of Q2_K, Q4_K_M, Q5_K_M and Q8_0: the reference table of the project; the others lie between them.
FORMATS: dict[str, Format] = {
    format.id: format
    for format in (
        _gguf("F32", 32.0, Quality.LOSSLESS),
        _gguf("BF16", 16.0, Quality.LOSSLESS),
        _gguf("F16", 16.0, Quality.LOSSLESS),
        _gguf("Q8_0", 8.5, Quality.NEAR_LOSSLESS),
        _gguf("Q6_K", 6.56, Quality.NEAR_LOSSLESS),
        _gguf("Q5_K_M", 5.7, Quality.VERY_GOOD),
        _gguf("Q5_K_S", 5.57, Quality.VERY_GOOD),
        _gguf("Q4_K_M", 4.89, Quality.GOOD),
        _gguf("Q4_K_S", 4.67, Quality.GOOD),
        _gguf("Q4_1", 5.0, Quality.FAIR),
        _gguf("Q4_0", 4.5, Quality.FAIR),
        _gguf("Q3_K_L", 4.3, Quality.FAIR),
        _gguf("Q3_K_M", 4.0, Quality.FAIR),
        _gguf("Q3_K_S", 3.64, Quality.POOR),
        _gguf("Q2_K", 3.16, Quality.POOR),
        Format(
            "awq-int4-g128", Family.AWQ, "AWQ INT4", 4.25, Quality.GOOD, 128, "best quality at INT4, production serving"
        ),
        Format("gptq-int4-g128", Family.GPTQ, "GPTQ INT4", 4.25, Quality.GOOD, 128, "Hub quants, cloud serving"),
        Format("bnb-nf4", Family.BNB, "NF4", 4.13, Quality.GOOD, 0, "quick experiments, QLoRA training"),
        Format("bnb-int8", Family.BNB, "INT8", 8.0, Quality.NEAR_LOSSLESS, 0, "quick experiments with more quality"),
        Format("plain-bf16", Family.PLAIN, "BF16 safetensors", 16.0, Quality.LOSSLESS, 0, "the original weights"),
    )
}

# Levels that are made when they are asked for, and never suggested: another row serves as well or better, or they need
# an importance matrix to be worth anything. Bits and classes are from the same sources as above.
MORE_FORMATS: dict[str, Format] = {
    format.id: format
    for format in (
        _gguf("Q5_1", 6.0, Quality.VERY_GOOD),
        _gguf("Q5_0", 5.5, Quality.VERY_GOOD),
        _gguf("IQ4_NL", 4.5, Quality.GOOD),
        _gguf("IQ4_XS", 4.25, Quality.GOOD),
        _gguf("MXFP4_MOE", 4.25, Quality.FAIR, "mixtures of experts: MXFP4 for the experts, Q8_0 for the rest"),
        _gguf("IQ3_M", 3.66, Quality.FAIR),
        _gguf("IQ3_S", 3.44, Quality.FAIR),
        _gguf("IQ3_XS", 3.3, Quality.FAIR),
        _gguf("IQ3_XXS", 3.06, Quality.POOR),
        _gguf("Q2_K_S", 2.96, Quality.POOR),
        _gguf("IQ2_M", 2.7, Quality.POOR),
        _gguf("IQ2_S", 2.5, Quality.POOR),
        _gguf("IQ2_XS", 2.31, Quality.POOR),
        _gguf("IQ2_XXS", 2.06, Quality.POOR),
        _gguf("TQ2_0", 2.06, Quality.POOR, "models trained with ternary weights"),
        _gguf("Q2_0", 2.25, Quality.POOR, "models trained with weights of two bits"),
        _gguf("IQ1_M", 1.75, Quality.POOR),
        _gguf("TQ1_0", 1.69, Quality.POOR, "models trained with ternary weights"),
        _gguf("IQ1_S", 1.56, Quality.POOR),
        _gguf("Q1_0", 1.125, Quality.POOR, "models trained with binary weights"),
    )
}


def format_named(format_id: str) -> Format | None:
    """Return the row of a format, be it suggested or only made when asked for; ``None`` for one that has none."""
    return FORMATS.get(format_id) or MORE_FORMATS.get(format_id)


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """One tensor: its name in GGUF's terms (``blk.0.attn_q.weight``) and what its file stores.

    ``shape`` has the row length first, as GGUF has it (``ne[0]``, ``ne[1]``, …).
    ``type`` is the stored type: a GGUF type name (``Q4_K``, ``F16``) or a safetensors one (``BF16``).
    """

    name: str
    shape: tuple[int, ...]
    type: str
    bytes: int

    @property
    def elements(self) -> int:
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    @property
    def layer(self) -> int | None:
        """Return the number of the layer that the tensor belongs to, ``None`` outside of layers."""
        if not self.name.startswith("blk."):
            return None
        number = self.name.split(".", 2)[1]
        return int(number) if number.isdecimal() else None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model's headers say; no weight is read for it.

    Per-layer values have one entry a layer. ``kv_heads`` is 0 for a layer without a KV cache (recurrent).
    ``window`` is the sliding-window length in tokens, 0 for a layer that attends to everything.
    ``recurrent_bytes`` is the state of recurrent layers for one sequence.
    ``format_id`` is the format that the file has now.
    ``value_length`` is 0 where one latent row serves as key and value. The ``window_`` lengths are those of layers with
    a window. ``query_group`` is how many query heads share a key head in the first layer, 0 where that keeps none.
    ``packing`` says what is special of packed weights: ``ordered`` where the groups that share a scale lie scattered
    over the columns (GPTQ's activation reordering), ``asymmetric`` where groups of GPTQ have a zero point, ``gemv``
    where AWQ is laid out for one answer at a time.
    """

    name: str
    architecture: str
    format_id: str
    layers: int
    width: int
    heads: int
    kv_heads: tuple[int, ...]
    key_length: int
    value_length: int
    window: tuple[int, ...]
    feed_forward: int
    vocabulary: int
    trained_context: int
    experts: int
    experts_used: int
    tensors: tuple[TensorFacts, ...]
    recurrent_bytes: int = 0
    chat_template: bool = True
    licence: str = ""
    window_key_length: int = 0
    window_value_length: int = 0
    query_group: int = 1
    packing: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def weights_bytes(self) -> int:
        """Bytes of all tensors as stored now."""
        return sum(tensor.bytes for tensor in self.tensors)
