"""What a folder format takes of a graphics card while it is made and compared, and what waits elsewhere.

GPTQModel and AutoAWQ bring one layer after the other onto the card, where AutoAWQ works on all samples of a layer at
once (awq/quantize/quantizer.py, version 0.2.9); bitsandbytes packs one matrix after the other. The
comparison afterwards runs the whole original: where the card is too small, layer by layer out of main memory or, where
that is too small as well, out of its file (:mod:`engine.convert.methods.fidelity`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.convert.folders.recipes import FolderRecipe
from engine.errors import NotEnoughMemory
from engine.formats import ModelFacts
from engine.machine.cuda_cards import gpu_memory
from engine.machine.facts import Gpu
from engine.quantities import size
from engine.recommend.weights import is_linear, weights_bytes

CONTEXT_BYTES = 600 << 20  # CUDA's context and PyTorch's kernels
HALF_BYTES, FULL_BYTES = 2, 4
COPIES = 3  # of a matrix and of what was summed up of its inputs, while it is quantized
CLIP_ROWS, CLIP_TOKENS = 256, 512  # whose products with a clipped matrix both makers of AWQ have at once
DIFFERENCE_NUMBERS, DIFFERENCE_BYTES = 1 << 28, 14  # two answers in FP16, their difference so and in FP32, its square
ANSWERED_BYTES = 1 << 30  # of inputs and answers that GPTQModel has at once
KEPT_SHARE = 0.9  # of a card's free memory that the comparison may fill
FILE_BYTES_S = 1e9  # weights that are read from a disk again
FEWER = "Fewer samples take less, and NF4 and INT8 take one matrix at a time. Or close what else is on the card."


@dataclass(frozen=True, slots=True)
class CardRoom:
    """Bytes of one card: what making takes, what the comparison would take whole, and what is free there.

    ``card`` is what it is called where there are several.
    """

    making_bytes: int
    comparing_bytes: int
    free_bytes: int
    card: str = ""

    @property
    def offloads(self) -> bool:
        """Whether the comparison is computed in parts."""
        return self.comparing_bytes > KEPT_SHARE * self.free_bytes

    @property
    def peak_bytes(self) -> int:
        return max(self.making_bytes, min(self.comparing_bytes, int(KEPT_SHARE * self.free_bytes)))


def card_room(facts: ModelFacts, recipe: FolderRecipe, card: Gpu | None) -> CardRoom | None:
    """Return the room on the card that it is made on; ``None`` without one."""
    if card is None:
        return None
    logits_bytes = FULL_BYTES * 2 * 128 * facts.vocabulary
    whole = weights_bytes(facts, facts.format_id) + logits_bytes + CONTEXT_BYTES
    name = card.label if card.number is not None else ""
    return CardRoom(_making_bytes(facts, recipe), whole, card.usable_bytes, name)


def _making_bytes(facts: ModelFacts, recipe: FolderRecipe) -> int:
    """Return the peak while packing.

    Of a layer at work: its weights, copies of its largest matrix at 32 bits and of the sums over its inputs (GPTQ's
    Hessian, width × width), and what enters and leaves it for all samples; the embedding, for the first layer.
    """
    shapes = [tensor.shape for tensor in facts.tensors if is_linear(tensor)]
    largest = max((shape[0] * shape[1] for shape in shapes), default=0)
    if not recipe.calibrates:
        return CONTEXT_BYTES + (HALF_BYTES + FULL_BYTES) * largest
    widest = max((shape[0] for shape in shapes), default=0)
    layers: dict[int, int] = {}
    for tensor in facts.tensors:
        if tensor.layer is not None:
            layers[tensor.layer] = layers.get(tensor.layer, 0) + HALF_BYTES * tensor.elements
    embedding = sum(tensor.elements for tensor in facts.tensors if tensor.name == "token_embd.weight")
    at_work = COPIES * FULL_BYTES * (largest + (widest * widest if recipe.format_id.startswith("gptq") else 0))
    if recipe.maker == "gptqmodel" and recipe.format_id.startswith("awq"):
        at_work = _searching_bytes(facts.width, facts.feed_forward, widest, recipe)
    if recipe.maker == "autoawq":
        at_work = max(_scaling_bytes(facts.width, widest, recipe), HALF_BYTES * CLIP_ROWS * CLIP_TOKENS * widest)
    waiting = entering_bytes(facts, recipe) + HALF_BYTES * embedding
    return CONTEXT_BYTES + max(layers.values(), default=0) + at_work + waiting


def entering_bytes(facts: ModelFacts, recipe: FolderRecipe) -> int:
    """Return what enters a layer and leaves it, for all samples."""
    return HALF_BYTES * 2 * recipe.samples * recipe.sample_tokens * facts.width


def _scaling_bytes(width: int, widest: int, recipe: FolderRecipe) -> int:
    """Return what AutoAWQ takes to try scales: the inputs of all samples, and how far two answers to them differ.

    An H200 measured 4.7 GB with 1.2 billion parameters and 32 samples, where this and the rest come to 3.6; how much of
    that PyTorch only kept is not known.
    """
    tokens = recipe.samples * recipe.sample_tokens
    return HALF_BYTES * tokens * widest + DIFFERENCE_BYTES * min(DIFFERENCE_NUMBERS, tokens * width)


def _searching_bytes(width: int, feed_forward: int, widest: int, recipe: FolderRecipe) -> int:
    """Return what GPTQModel takes to search AWQ's scales and clippings (version 7.7.0, looper/awq_processor.py).

    As many samples as make 1 GiB of inputs and answers go through a layer at once, which has four times its inner
    width then; clippings are tried with the products of 256 rows and 512 tokens. An H200 measured 4.5 GB with 1.2
    billion parameters and 32 samples, where this and the rest come to 2.9: PyTorch keeps what it has had, and gives it
    up where another part of the work needs it.
    """
    tokens = min(recipe.samples * recipe.sample_tokens, ANSWERED_BYTES // (3 * HALF_BYTES * width))
    return max(4 * HALF_BYTES * tokens * feed_forward, HALF_BYTES * CLIP_ROWS * CLIP_TOKENS * widest)


def inputs_bytes(facts: ModelFacts, recipe: FolderRecipe) -> int:
    """Return what AutoAWQ keeps of a layer in main memory: the inputs of each matrix, twice while they are joined."""
    if recipe.maker != "autoawq":
        return 0
    layers: dict[int, int] = {}
    for tensor in filter(is_linear, facts.tensors):
        if tensor.layer is not None:
            layers[tensor.layer] = layers.get(tensor.layer, 0) + tensor.shape[0]
    return 2 * HALF_BYTES * recipe.samples * recipe.sample_tokens * max(layers.values(), default=0)


def card_problems(room: CardRoom) -> Iterator[NotEnoughMemory]:
    if room.making_bytes > room.free_bytes:
        yield NotEnoughMemory(room.making_bytes, room.free_bytes, where=gpu_memory(room.card), instead=FEWER)


def card_notes(room: CardRoom, recipe: FolderRecipe, layers: int) -> Iterator[str]:
    """Say which card it is, and what waits elsewhere for a model that is larger."""
    if room.card:
        yield f"It is made on {room.card}, where {size(room.free_bytes)} are free."
    if not room.offloads:
        return
    places = "main memory" if recipe.maker == "autoawq" else "main memory and on the disk"
    waits = f"its {layers} layers go onto the card one after the other and wait in {places}"
    if not recipe.calibrates:
        waits = "its tensors go onto the card one after the other"
    yield (
        f"This model is larger than the card ({size(room.comparing_bytes)}; {size(room.free_bytes)} are free there): "
        f"{waits}. The comparison afterwards reads the original in parts, which takes longer."
    )


def offloading_s(room: CardRoom | None) -> float:
    """Return how much longer the comparison takes that reads the original in parts."""
    return room.comparing_bytes / FILE_BYTES_S if room and room.offloads else 0.0
