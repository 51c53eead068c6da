"""What a family of formats needs besides memory: a vendor's GPU, packages, and what can be made of a source.

The table is the project's reference note: bitsandbytes, GPTQ and AWQ on NVIDIA cards, GGUF everywhere; how many
calibration samples, and what a format is best for, stand in its row of :data:`engine.formats.FORMATS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.errors import set_up_words
from engine.formats import FORMATS, Family, Format, ModelFacts, Quality, family_named, label_of
from engine.machine import cuda_cards
from engine.machine.facts import Disk, Machine
from engine.quantities import size
from engine.recommend.blocks import BLOCK_TYPES
from engine.recommend.pools import nvidia_gpus


@dataclass(frozen=True, slots=True)
class Requirement:
    """``packages`` run a family, ``makers`` make it, besides those.

    ``capability`` is the least compute capability of an NVIDIA card; ``None``: any processor will do.
    """

    packages: tuple[str, ...]
    capability: float | None = None
    makers: tuple[str, ...] = ()


# What the transformers back end imports; it has kernels of its own for packed weights.
PYTORCH = ("torch", "transformers", "accelerate")
REQUIREMENTS: dict[Family, Requirement] = {
    # llama.cpp comes with the app, and computes on processors and on Apple's, AMD's, Intel's and NVIDIA's cards.
    Family.GGUF: Requirement(()),
    # The least capabilities: GPTQModel 7.7.0, gptqmodel/nn_modules/qlinear (Triton and ExLlama kernels);
    # bitsandbytes 0.50, README, "System requirements".
    Family.AWQ: Requirement(PYTORCH, 7.5, ("gptqmodel",)),
    Family.GPTQ: Requirement(PYTORCH, 7.0, ("gptqmodel",)),
    Family.BNB: Requirement(PYTORCH, 6.0, ("bitsandbytes",)),
    Family.PLAIN: Requirement(PYTORCH),
}
UNQUANTIZED = frozenset({"F32", "F16", "BF16"})


def offered(facts: ModelFacts) -> tuple[Format, ...]:
    """Return the formats that a model has or can be made into.

    A GGUF file that is quantized stays as it is: quantizing it again only loses more. The others are never made wider
    than their source.
    """
    own = own_format(facts)
    if own.family is Family.GGUF and own.label not in UNQUANTIZED:
        return (own,)
    if own.family in (Family.AWQ, Family.GPTQ, Family.BNB):
        return (own,)
    families = {Family.GGUF} if own.family is Family.GGUF else set(Family) - {Family.PLAIN}
    if any(tensor.type == "MXFP4" for tensor in facts.tensors):  # the quantizer leaves these as they are
        rows = (FORMATS["gguf-bf16"], FORMATS["gguf-f16"])
    else:
        rows = tuple(row for row in FORMATS.values() if row.family in families and row.bits <= own.bits)
    return (own, *(row for row in rows if row.id != own.id))


def own_format(facts: ModelFacts) -> Format:
    """Return the row of the format that a model has now, or one made up for it where there is none."""
    if row := FORMATS.get(facts.format_id):
        return row
    family, _, label = facts.format_id.partition("-")
    named = label_of(facts.format_id)
    label = named if named != facts.format_id else label.upper() or family.upper()
    bits = 8 * facts.weights_bytes / max(facts.parameters, 1)
    known = family_named(facts.format_id) or Family.PLAIN
    return Format(facts.format_id, known, label, round(bits, 2), _quality(bits), 0, "as it is")


def _quality(bits: float) -> Quality:
    """Return the class of a level without a row, by its width."""
    steps = ((3.7, Quality.POOR), (4.3, Quality.FAIR), (5.2, Quality.GOOD), (6.2, Quality.VERY_GOOD))
    return next((quality for width, quality in steps if bits < width), Quality.NEAR_LOSSLESS)


def refusal(family: Family, facts: ModelFacts, machine: Machine, cache_type: str) -> str | None:
    """Return why a machine cannot run a family at all, in one sentence; ``None`` if it can."""
    need = REQUIREMENTS[family]
    if need.capability is not None:
        return without_card(need.capability, machine)
    if family is Family.GGUF and not _cache_type_fits(facts, cache_type):
        return f"Its attention heads are no whole number of {cache_type} blocks: choose f16 for the KV cache."
    return None


def without_card(capability: float, machine: Machine) -> str | None:
    """Return why the cards of a machine do not do, in one sentence; ``None`` if they do."""
    cards = nvidia_gpus(machine)
    if not cards and any(gpu.hidden for gpu in machine.gpus):
        return f"It needs an NVIDIA GPU, and {cuda_cards.VISIBLE} hides what is in this computer."
    if not cards:
        return "It is made for NVIDIA GPUs, and none was found in this computer."
    card = cuda_cards.chosen(cards)  # with several, the others do not help
    has = float(card.compute_capability or 99) if card else 99
    if has < capability:
        return f"It needs an NVIDIA GPU of compute capability {capability}; this one has {has}."
    return None


def _cache_type_fits(facts: ModelFacts, cache_type: str) -> bool:
    """Tell whether whole heads can be stored (llama.cpp 0c1e57098, ``llama_init_from_model``)."""
    elements = BLOCK_TYPES[cache_type.upper()].elements
    lengths = (facts.key_length, facts.value_length, facts.window_key_length, facts.window_value_length)
    return not any(length % elements for length in lengths)


def obstacles(row: Format, file_bytes: int, facts: ModelFacts, machine: Machine) -> Iterator[str]:
    """Yield what must be done first, in sentences: to run what is there, or to make it and then run it."""
    need = REQUIREMENTS[row.family]
    names = need.packages if row.id == facts.format_id else (*need.packages, *need.makers)
    absent = [name for name in names if machine.packages.get(name, "") is None]
    if absent:
        way = set_up_words("cuda", "it" if len(absent) == 1 else "them")
        yield f"Not part of the app: {_listed(absent)}. {way}"
    disk = next((disk for disk in machine.disks if disk.purpose == "models"), None)
    if disk is not None and row.id != facts.format_id and file_bytes > disk.free_bytes:
        yield _disk_sentence(disk, file_bytes)


def _disk_sentence(disk: Disk, file_bytes: int) -> str:
    return (
        f"Free some disk space: the file takes {size(file_bytes)}, and {disk.folder} has {size(disk.free_bytes)} free."
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
