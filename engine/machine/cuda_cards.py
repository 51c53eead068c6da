"""Which of several NVIDIA cards PyTorch computes on: chosen here once, so that plans and workers mean the same one.

PyTorch takes the first card that CUDA shows it. Whoever starts a worker names the chosen card to CUDA, by its UUID and
before CUDA starts: there it is the only one, for every library. llama.cpp divides a model over all cards by itself.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping, Sequence

from engine.errors import EngineError
from engine.machine.facts import Gpu
from engine.machine.unavailable import Unavailable
from engine.process.host import BugError, Worker

# CUDA C++ Programming Guide, “CUDA Environment Variables”
VISIBLE, ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"
CARD = "HALFBYTE_CARD"  # what a worker calls the card that was chosen for it
MODULE = "engine.machine.worker"
LIST_LIMIT_S = 15.0  # servers without persistence mode start their cards first
COMPUTES = 7.0  # the least compute capability that our CUDA formats have kernels for, bitsandbytes' apart


def chosen(cards: Iterable[Gpu]) -> Gpu | None:
    """Return the card with the most free memory of those that CUDA shows and that can compute; ``None`` without one."""
    shown = [card for card in cards if card.vendor == "nvidia" and not card.hidden]
    return max(shown, key=lambda card: (_computes(card), card.usable_bytes), default=None)


def _computes(card: Gpu) -> bool:
    return not card.compute_capability or float(card.compute_capability) >= COMPUTES


def only(card: Gpu | None) -> dict[str, str]:
    """Return the variables that leave a worker this card alone; none where there is no other, or nobody knows which."""
    if card is None or card.number is None or not card.uuid:
        return {}
    return {VISIBLE: card.uuid, CARD: card.label}


def own_label() -> str:
    """Return what the card of this process is called; "" where it is the only one."""
    return os.environ.get(CARD, "")


def gpu_memory(label: str = "") -> str:
    """Return what an error calls the memory of a card."""
    return f"GPU memory of {label}" if label else "GPU memory"


def shown_by_cuda(cards: Sequence[Gpu], environment: Mapping[str, str] = os.environ) -> frozenset[str] | None:
    """Return the UUIDs of the cards that CUDA shows (see :func:`bare`); ``None`` where nobody chose any: all.

    ``cards`` are NVML's, in its order. What a number means on cards of different kinds follows from an order that only
    CUDA knows: there it is asked, in a process of its own. Raises :class:`Unavailable` where it does not tell.
    """
    visible, order = environment.get(VISIBLE), environment.get(ORDER, "")
    if visible is None:
        return None
    shown = _named(visible, order, cards)
    return _listed(visible, order) if shown is None else shown


def _named(visible: str, order: str, cards: Sequence[Gpu]) -> frozenset[str] | None:
    """Return the cards that a choice names: up to the first entry that names none; ``None`` where only CUDA knows."""
    in_order = order == "PCI_BUS_ID" or len({card.name for card in cards}) < 2
    divided = any(card.uuid.upper().startswith("MIG") or not card.uuid for card in cards)
    shown: list[str] = []
    for entry in (part.strip().lower() for part in visible.split(",")):
        found: list[Gpu] = []
        if entry.isdigit():
            if divided or not in_order:
                return None
            found = list(cards)[int(entry) : int(entry) + 1]
        elif entry.startswith(("gpu-", "mig-")):
            found = [card for card in cards if card.uuid.lower().startswith(entry)]
        if len(found) != 1:
            break
        shown.append(bare(found[0].uuid))
    return frozenset(shown)


@functools.cache
def _listed(visible: str, order: str) -> frozenset[str]:
    environment = {VISIBLE: visible}
    if order:  # what CUDA makes of an empty one is not said
        environment[ORDER] = order
    worker = Worker(MODULE, doing="asking CUDA for its cards", environment=environment)
    try:
        return frozenset(bare(uuid) for uuid in worker.ask("list_cuda", limit_s=LIST_LIMIT_S).finish())
    except (EngineError, BugError) as error:
        raise Unavailable(f"CUDA does not tell its cards: {error}") from error
    finally:
        worker.kill()
        worker.close()


def bare(uuid: str) -> str:
    """Return a UUID's digits alone: NVML writes “GPU-” or “MIG-” before them."""
    return uuid.lower().removeprefix("gpu-").removeprefix("mig-").replace("-", "")
