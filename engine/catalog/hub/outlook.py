"""How a model of a search would probably run here, from the Hub's metadata alone: nothing of the model is read."""

from __future__ import annotations

from dataclasses import dataclass

from engine.catalog.hub.estimate import estimated_facts
from engine.catalog.hub.values import FoundModel
from engine.formats import Family
from engine.machine.facts import Machine
from engine.recommend.corrections import NO_CORRECTIONS, Corrections
from engine.recommend.fit import Fit
from engine.recommend.rules import recommend

TAGGED = {"gguf": Family.GGUF, "awq": Family.AWQ, "gptq": Family.GPTQ, "bitsandbytes": Family.BNB}
# Tasks of the Hub (huggingface.co/tasks) whose models answer in text; image and speech models are no language models.
TEXT_TASKS = frozenset(
    {"", "text-generation", "image-text-to-text", "any-to-any", "text2text-generation", "conversational"}
)
NO_TEXT = "It is not a model that answers in text."
MLX_ALONE = "It is made for Apple's MLX, which Halfbyte does not use."
SIZE_UNKNOWN = "The Hub does not say how large it is; open it to see."


@dataclass(frozen=True, slots=True)
class Outlook:
    """The best format that a repository has or that can be made of it; ``reason`` says why there is none."""

    fit: Fit | None = None
    reason: str = ""


def outlook(
    found: FoundModel, machine: Machine, context_tokens: int = 4096, corrections: Corrections = NO_CORRECTIONS
) -> Outlook:
    """Return how a model would run, for a list: weights are right within a few percent, the KV cache is a guess."""
    if found.task not in TEXT_TASKS:
        return Outlook(reason=NO_TEXT)
    family = next((family for tag, family in TAGGED.items() if tag in found.tags), Family.PLAIN)
    if family is Family.PLAIN and "mlx" in found.tags:
        return Outlook(reason=MLX_ALONE)
    facts = estimated_facts(found)
    if facts is None:
        return Outlook(reason=SIZE_UNKNOWN)
    usable = (Family.GGUF, Family.PLAIN) if family is Family.PLAIN else (family,)
    every = recommend(facts, machine, context_tokens, corrections=corrections)
    rows = [row for row in every if row.format.family in usable]
    ready = [row for row in rows if not row.obstacles]
    return Outlook(next(iter(ready or rows), None))
