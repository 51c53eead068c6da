"""What a draft model takes: a small model that guesses the next tokens of a larger one of the same vocabulary."""

from __future__ import annotations

from pathlib import Path

from engine.catalog.facts import read_facts
from engine.recommend.footprint import footprint
from engine.recommend.runtime_cost import WORKER_BYTES

DRAFT_CONTEXT_TOKENS = 2048  # it sees the newest part of the conversation only: a guess may be wrong


def draft_bytes(path: Path) -> int:
    """Return the memory that a draft model takes beside the model it guesses for.

    Raises ``NotFound``, ``DamagedFile`` or ``UnsupportedModel``.
    """
    facts = read_facts(path)
    return footprint(facts, facts.format_id, DRAFT_CONTEXT_TOKENS).first_bytes - WORKER_BYTES
