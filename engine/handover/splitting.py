"""How a model is split over cards: by tensors within a node, by layers between nodes.

Sources: vLLM 0.33.0, config/model.py, ``verify_with_parallel_config`` (query heads), model_executor/models/llama.py
(key heads: divided, or repeated evenly), and its guide “Parallelism and Scaling” (tensors within a
node, layers between).
"""

from __future__ import annotations

import re

from engine.errors import Refused
from engine.formats import ModelFacts

_GROUP = re.compile(r"-g(\d+)$")


def fits_tensors(facts: ModelFacts, size: int) -> bool:
    """Tell whether every tensor of the model can be split in ``size`` parts."""
    heads, kv_heads = facts.heads, {count for count in facts.kv_heads if count}
    if heads % size or any(count % size and size % count for count in kv_heads):
        return False
    if facts.feed_forward % size:
        return False
    group = group_size(facts)
    rows = (facts.feed_forward, heads * facts.key_length)
    return not group or all((row // size) % group == 0 for row in rows)


def group_size(facts: ModelFacts) -> int:
    """Return how many weights share a scale; 0 where that matters to no split. A part must hold whole groups."""
    found = _GROUP.search(facts.format_id)
    return int(found[1]) if found else 0


def tensor_sizes(facts: ModelFacts, most: int) -> tuple[int, ...]:
    """Return the numbers of cards, up to ``most``, that a model can be split over by tensors; 1 always."""
    return tuple(size for size in range(1, most + 1) if size == 1 or fits_tensors(facts, size))


def split(facts: ModelFacts, gpus: int, nodes: int, *, tensors: bool = True) -> tuple[int, int]:
    """Return the tensor parallel and the pipeline parallel size that use all cards.

    Within a node ``tensors`` are split as far as they can be, and layers for the rest. Raises :class:`Refused`.
    """
    tensor = max(size for size in tensor_sizes(facts, gpus if tensors else 1) if gpus % size == 0)
    pipeline = gpus // tensor * nodes
    if pipeline > facts.layers:
        raise Refused(
            f"{facts.name} has {facts.layers} layers and cannot be split over {pipeline} stages.",
            "Use fewer cards, or several servers side by side.",
        )
    return tensor, pipeline
