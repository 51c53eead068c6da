"""What a conversion will take: disk, memory and time. Sizes are exact to the header; times are for a quiet machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from engine.convert.recipes import Recipe
from engine.formats import ModelFacts, TensorFacts
from engine.recommend.blocks import BLOCK_TYPES, stored_bytes
from engine.recommend.tensor_types import LEVELS, tensors_at

# Weights a second of one thread, by the type that they are stored in (tests/benchmarks/quantize_speed.py on a Xeon with
# AVX-512), and of the work that all types have in common: reading, widening to 32 bits, checking, writing.
WEIGHTS_S: dict[str, float] = {
    "Q4_0": 640e6,
    "Q4_1": 800e6,
    "Q5_0": 340e6,
    "Q5_1": 370e6,
    "Q8_0": 200e6,
    "Q2_K": 12e6,
    "Q3_K": 85e6,
    "Q4_K": 14.5e6,
    "Q5_K": 17.5e6,
    "Q6_K": 36e6,
}
# Levels that mix types → the type they are named after (``llama_ftype_get_default_type``), for an estimate.
NAMED_AFTER = {
    "IQ3_M": "IQ3_S",
    "IQ3_XS": "IQ3_S",
    "IQ2_M": "IQ2_S",
    "IQ2_S": "IQ2_XS",
    "Q2_K_S": "Q2_K",
    "MXFP4_MOE": "Q8_0",
}
WHERE_ROWS_DO_NOT_FIT = "IQ4_NL"
COMMON_WEIGHTS_S = 65e6
CAST_BYTES_S = 200e6  # reading, casting and writing, bytes written a second
HASH_BYTES_S = 900e6
IMPORTANCE_TOKENS = 20_480
WRITTEN_TOKENS, WRITING_COSTS = 8_192, 4  # of the model's own text; a token that is written takes so many read ones
COMPARED_TOKENS = 2 * 128  # of the original and of the result
TWIN_TOKENS = 128
FLOPS_OF_A_THREAD = 60e9
START_S = 2.5  # two processes, the imports, the tokenizer

RUNNING_BYTES = 130 << 20  # a worker with numpy, the converter and a vocabulary
VOCABULARY_BYTES = 32 << 20  # a header's vocabulary, metadata and padding: more than any has today
SLAB_BYTES = 24 << 20  # rows on their way through one thread: as stored, at 32 bits, and as written
WIDTHS_IN_MEMORY = 4  # bytes of a 32-bit number


@dataclass(frozen=True, slots=True)
class Needs:
    """What a conversion takes: bytes written in all and kept, peak memory, seconds, and of a graphics card."""

    disk_bytes: int
    result_bytes: int
    memory_bytes: int
    seconds: float
    shared_bytes: int = 0  # of those on the disk, what several formats that are made in one run have in common
    gpu_bytes: int = 0  # at most, 0 where no card has a part in it


def needs(
    facts: ModelFacts,
    recipe: Recipe,
    output_type: str,
    threads: int,
    source_bytes: int,
    vocabulary_bytes: int,
    *,
    compares: bool = False,
    twin: bool = False,
) -> Needs:
    """Return what making ``recipe`` takes; ``output_type`` is what the converter writes, "" if it has no part in it.

    With ``compares`` the original is made into a file that can be run, too, with ``twin`` the result a second time.
    """
    header_bytes = min(2 * vocabulary_bytes, VOCABULARY_BYTES) + (1 << 20)
    made = _tensors_at(facts, recipe.level)
    result_bytes = _bytes(made) + header_bytes
    quantizes = bool(recipe.intermediate) or not output_type
    computes = recipe.imatrix in ("computed", "written")
    runs = computes or compares
    cast_bytes = _bytes(tensors_at(facts, output_type.upper())) + header_bytes if output_type else 0
    seconds = START_S + (source_bytes + result_bytes) / HASH_BYTES_S
    if quantizes:
        seconds += (2 if twin else 1) * sum(_quantizing_s(tensor) for tensor in made) / threads
    if runs:
        read_tokens = (IMPORTANCE_TOKENS if computes else 0) + (COMPARED_TOKENS if compares else 0)
        read_tokens += TWIN_TOKENS if twin else 0
        read_tokens += WRITTEN_TOKENS * WRITING_COSTS if recipe.imatrix == "written" else 0
        seconds += 2 * facts.parameters * read_tokens / (FLOPS_OF_A_THREAD * threads)
    if runs or not quantizes:
        seconds += cast_bytes / CAST_BYTES_S
    largest_bytes = _computed_bytes(facts.tensors) + threads * SLAB_BYTES
    if runs:
        largest_bytes += _running_bytes(facts, cast_bytes or source_bytes)
    shared_bytes = cast_bytes if runs else 0
    return Needs(
        disk_bytes=(2 if twin else 1) * result_bytes + shared_bytes,
        result_bytes=result_bytes,
        memory_bytes=RUNNING_BYTES + 4 * vocabulary_bytes + largest_bytes,
        seconds=seconds,
        shared_bytes=shared_bytes,
    )


def bits_per_weight(facts: ModelFacts, level: str) -> float:
    """Return how wide a weight is on average at a level."""
    return 8 * _bytes(_tensors_at(facts, level)) / max(1, facts.parameters)


def widened(facts: ModelFacts, level: str) -> bool:
    """Tell whether a level's own blocks of 256 do not fit this model's rows, so that other types take their place."""
    return level.endswith(("_K", "_S", "_M", "_L")) and any(
        len(tensor.shape) > 1 and tensor.shape[0] % 256 for tensor in facts.tensors if tensor.name.startswith("blk.")
    )


def _tensors_at(facts: ModelFacts, level: str) -> Sequence[TensorFacts]:
    """Return a level's tensors; of a level whose choices are not reproduced here, with the type it is named after."""
    if level in LEVELS:
        return tensors_at(facts, level)
    kind = NAMED_AFTER.get(level, level)
    return [_at_type(tensor, kind) for tensor in tensors_at(facts, "Q8_0")]


def _at_type(tensor: TensorFacts, kind: str) -> TensorFacts:
    if tensor.type != "Q8_0" or tensor.layer is None:
        return tensor
    fits = tensor.shape[0] % BLOCK_TYPES[kind].elements == 0
    chosen = kind if fits else WHERE_ROWS_DO_NOT_FIT
    return TensorFacts(tensor.name, tensor.shape, chosen, stored_bytes(tensor.shape, chosen))


def _bytes(tensors: Sequence[TensorFacts]) -> int:
    return sum(tensor.bytes for tensor in tensors)


def _quantizing_s(tensor: TensorFacts) -> float:
    kind = WEIGHTS_S.get(tensor.type)
    return tensor.elements / COMMON_WEIGHTS_S + (tensor.elements / kind if kind else 0)


def _computed_bytes(tensors: Sequence[TensorFacts]) -> int:
    """Return the memory of the largest tensor that the converter computes; others are read as they are wanted."""
    return _largest_bytes([tensor for tensor in tensors if tensor.layer is not None])


def _running_bytes(facts: ModelFacts, weights_bytes: int) -> int:
    """Return what it takes to run the model on chunks of a text: weights, and logits of every token."""
    return weights_bytes + 512 * facts.vocabulary * WIDTHS_IN_MEMORY


def _largest_bytes(tensors: Sequence[TensorFacts]) -> int:
    """Return the memory of the largest tensor on its way: as stored, at 32 bits, and as written."""
    largest = max((prod(tensor.shape) for tensor in tensors), default=0)
    return largest * (2 + WIDTHS_IN_MEMORY + 2)
