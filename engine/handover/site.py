"""Where a model is to be served: nodes of equal cards."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import Refused
from engine.machine.facts import Machine

LARGEST_SHARE = 0.92  # vLLM 0.33.0, config/cache.py, gpu_memory_utilization
KEPT_SHARE = 0.02  # of a card that others use as well


@dataclass(frozen=True, slots=True)
class Site:
    """``gpus`` on each of ``nodes``. ``memory_share`` is the part of a card's memory that vLLM may take.

    ``bandwidth_bytes_s`` is ``None`` where it is not known, ``capability`` 0.
    """

    gpus: int
    nodes: int
    gpu_name: str
    gpu_bytes: int
    memory_share: float = LARGEST_SHARE
    bandwidth_bytes_s: float | None = None
    capability: float = 0.0

    @property
    def budget_bytes(self) -> int:
        """Return what vLLM may take of each card."""
        return int(self.gpu_bytes * self.memory_share)


def site_here(machine: Machine, gpus: int, nodes: int) -> Site:
    """Return a site of cards like the smallest NVIDIA card here. Raises :class:`Refused` where there is none."""
    cards = [gpu for gpu in machine.gpus if gpu.vendor == "nvidia" and not gpu.hidden]
    if not cards:
        raise Refused(
            "This computer has no NVIDIA card to plan for.",
            "Name the card that will serve: --gpu L4. Or describe it: --gpu-memory 80 --gpu-bandwidth 3350 (GB, GB/s).",
        )
    card = min(cards, key=lambda gpu: gpu.usable_bytes)
    free = int(100 * (card.usable_bytes / card.total_bytes - KEPT_SHARE)) / 100
    share = max(min(LARGEST_SHARE, free), 0.05) if gpus <= len(cards) and nodes == 1 else LARGEST_SHARE
    capability = float(card.compute_capability or 0)
    return Site(gpus, nodes, card.name, card.total_bytes, share, card.bandwidth_bytes_s, capability)
