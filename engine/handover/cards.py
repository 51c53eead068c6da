"""Cards that people rent or own to serve models, for whoever plans on a computer without them.

Memory is counted in decimal GB, a little less than the cards report, and bandwidth as published, which none of them
quite reaches. Each figure was looked up in November 2026. Capabilities: NVIDIA, “CUDA GPU Compute Capability”
(developer.nvidia.com/cuda-gpus). Memory and bandwidth: NVIDIA's data sheets of A100 (us-nvidia-1758950-r4) and L40S,
its product brief of the H100 PCIe (PB-11133-001: “greater than 2,000 GB/s”), and pages that quote its figures for the
others; of the B200 those of the HGX board, where 180 of 192 GB can be used.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import Refused
from engine.handover.site import Site

GB = 10**9


@dataclass(frozen=True, slots=True)
class Card:
    """A card by its name; ``bandwidth_bytes_s`` is ``None`` and ``capability`` 0 where they are not known."""

    name: str
    memory_bytes: int
    bandwidth_bytes_s: float | None = None
    capability: float = 0.0

    def site(self, gpus: int, nodes: int) -> Site:
        """Return nodes of such cards, each of them free."""
        return Site(
            gpus,
            nodes,
            self.name,
            self.memory_bytes,
            bandwidth_bytes_s=self.bandwidth_bytes_s,
            capability=self.capability,
        )


CARDS = (
    Card("B200 180 GB", 180 * GB, 8.0e12, 10.0),
    Card("H200 141 GB", 141 * GB, 4.8e12, 9.0),
    Card("H100 SXM 80 GB", 80 * GB, 3.35e12, 9.0),
    Card("H100 PCIe 80 GB", 80 * GB, 2.0e12, 9.0),
    Card("A100 SXM 80 GB", 80 * GB, 2.039e12, 8.0),
    Card("A100 40 GB", 40 * GB, 1.555e12, 8.0),
    Card("L40S 48 GB", 48 * GB, 864e9, 8.9),
    Card("RTX A6000 48 GB", 48 * GB, 768e9, 8.6),
    Card("RTX 5090 32 GB", 32 * GB, 1.792e12, 12.0),
    Card("RTX 4090 24 GB", 24 * GB, 1.008e12, 8.9),
    Card("RTX 3090 24 GB", 24 * GB, 936e9, 8.6),
    Card("L4 24 GB", 24 * GB, 300e9, 8.9),
    Card("A10 24 GB", 24 * GB, 600e9, 8.6),
    Card("T4 16 GB", 16 * GB, 320e9, 7.5),
)


def card_named(words: str) -> Card:
    """Return the card whose name has these words, “L4” or “A100 SXM”. Raises :class:`Refused` with those there are."""
    asked = set(words.lower().split())
    fitting = [card for card in CARDS if asked <= set(card.name.lower().split())]
    fitting = fitting or [card for card in CARDS if words.lower() in card.name.lower()]
    if len(fitting) != 1:
        names = ", ".join(card.name for card in fitting or CARDS)
        told = "several cards" if fitting else "no card that is known"
        raise Refused(f"“{words}” is {told}.", f"There are: {names}.")
    return fitting[0]


def card_of(memory_gb: float, bandwidth_gb_s: float | None) -> Card:
    """Return a card that is described by its numbers alone."""
    return Card(f"card of {memory_gb:g} GB", int(memory_gb * GB), bandwidth_gb_s * GB if bandwidth_gb_s else None)
