"""What a footprint and a speed depend on, read off a model's tensors once for each format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.formats import Family, ModelFacts, TensorFacts
from engine.recommend.compute import Widths, widths_of
from engine.recommend.tensor_types import Arranged
from engine.recommend.weights import family_of, tensors_in


@dataclass(frozen=True, slots=True)
class Reading:
    """What one token reads: ``bytes`` of weights, and ``count`` of them. Experts count as far as they are chosen."""

    bytes: float = 0
    count: float = 0

    def __add__(self, other: Reading) -> Reading:
        return Reading(self.bytes + other.bytes, self.count + other.count)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the weights that lies in one place: its bytes, and what a token reads of them."""

    bytes: int = 0
    reading: Reading = Reading()


@dataclass(frozen=True, slots=True)
class Sizes:
    """A model in a format, by parts that llama.cpp may put in different places.

    ``output`` is what follows the last layer. ``tied`` says that the embedding serves as the output too: a GPU that
    computes the output then gets a copy of it.
    """

    facts: ModelFacts
    format_id: str
    family: Family
    widths: Widths
    layers: tuple[Part, ...]
    embedding: Part
    output: Part
    tied: bool
    largest_matrix: int

    @property
    def weights_bytes(self) -> int:
        return self.embedding.bytes + self.output.bytes + sum(part.bytes for part in self.layers)


def sizes_of(facts: ModelFacts, format_id: str, ready: Arranged | None = None) -> Sizes:
    """Take a model apart for a format. Raises ``KeyError`` for a format that is unknown and not the file's own."""
    tensors = tensors_in(facts, format_id, ready)
    tied = all(tensor.name != "output.weight" for tensor in tensors)
    groups: dict[int | str, list[TensorFacts]] = {}
    for tensor in tensors:
        groups.setdefault(_place(tensor, facts.layers), []).append(tensor)
    return Sizes(
        facts,
        format_id,
        family_of(format_id),
        widths_of(facts),
        tuple(_part(groups.get(layer, ()), facts) for layer in range(facts.layers)),
        _embedding(groups.get("embedding", ()), facts, tied),
        _part(groups.get("output", ()), facts),
        tied,
        _largest_matrix(facts),
    )


def _place(tensor: TensorFacts, layers: int) -> int | str:
    if tensor.layer is not None:
        return min(tensor.layer, layers - 1)
    return "output" if tensor.name.startswith("output") else "embedding"


def _part(tensors: Iterable[TensorFacts], facts: ModelFacts) -> Part:
    chosen = facts.experts_used / facts.experts if facts.experts else 1
    size, read_bytes, read_count = 0, 0.0, 0.0
    for tensor in tensors:
        share = chosen if "_exps." in tensor.name else 1
        size += tensor.bytes
        read_bytes += tensor.bytes * share
        read_count += tensor.elements * share
    return Part(size, Reading(read_bytes, read_count))


def _embedding(tensors: Iterable[TensorFacts], facts: ModelFacts, tied: bool) -> Part:
    """Return what precedes the layers. A token reads one row of it, unless it is the output too."""
    as_output = _part((tensor for tensor in tensors if tied and tensor.name == "token_embd.weight"), facts)
    return Part(sum(tensor.bytes for tensor in tensors), as_output.reading)


def _largest_matrix(facts: ModelFacts) -> int:
    """Return the elements of the largest matrix within a layer; of experts, of one."""
    inside = (tensor.shape for tensor in facts.tensors if tensor.layer is not None and len(tensor.shape) > 1)
    return max((shape[0] * shape[1] for shape in inside), default=0)
