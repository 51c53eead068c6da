"""Finds the same model in other repositories: what others made of it, and the original that it was made of."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from engine.catalog.find import LookedUp
from engine.catalog.hub.client import Hub
from engine.catalog.hub.model import look_up
from engine.catalog.hub.patience import OnWait
from engine.catalog.hub.search import search
from engine.catalog.hub.values import FoundModel, Query, RemoteModel
from engine.catalog.hub.variants import variants
from engine.errors import Cancelled, EngineError
from engine.formats import Family

QUANTIZED = "base_model:quantized:"  # Hub documentation, “Model cards”, “Specifying a base model”
USABLE_TAGS = ("gguf", "awq", "gptq", "bitsandbytes")


@dataclass(frozen=True, slots=True)
class Relatives:
    """``quantized`` are other repositories of this model, the most downloaded first.

    ``ready`` is the first of them with GGUF files, looked up where the model itself has none. ``original`` is what a
    quantized model was made of, if it is there.
    """

    quantized: tuple[FoundModel, ...] = ()
    ready: LookedUp | None = None
    original: LookedUp | None = None


def original_name(model: RemoteModel) -> str:
    """Return the model that this one was quantized from; its own name where it is an original itself."""
    tags = [tag.removeprefix(QUANTIZED) for tag in model.about.tags if tag.startswith(QUANTIZED)]
    return tags[0] if tags else model.name


def find_relatives(
    hub: Hub, looked_up: LookedUp, stop: threading.Event | None = None, on_wait: OnWait | None = None
) -> Relatives:
    """Return the relatives of a model. What cannot be looked up is left out; only a search that fails is raised."""
    model, original = looked_up.model, original_name(looked_up.model)
    found = search(hub, Query(tags=(f"{QUANTIZED}{original}",), sort="downloads"), "", stop, on_wait).rows
    others = [row for row in found if row.name != model.name]
    quantized = tuple(row for row in others if any(tag in row.tags for tag in USABLE_TAGS))
    has_gguf = any(each.family is Family.GGUF for each in looked_up.variants.all)
    ready = next((row.name for row in quantized if "gguf" in row.tags and not row.gated), "")
    return Relatives(
        quantized,
        _look_up(hub, ready, stop, on_wait) if ready and not has_gguf else None,
        _look_up(hub, original, stop, on_wait) if original != model.name else None,
    )


def _look_up(hub: Hub, name: str, stop: threading.Event | None, on_wait: OnWait | None) -> LookedUp | None:
    try:
        model = look_up(hub, name, stop, on_wait)
    except Cancelled:
        raise
    except EngineError:
        return None
    return LookedUp(model, variants(model))
