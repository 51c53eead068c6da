"""Which formats of a model are worth making, to measure them and keep the best."""

from __future__ import annotations

from pathlib import Path

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import read_facts
from engine.catalog.library import Library
from engine.convert.extras import Wanted
from engine.convert.plan import Options, Plan, plan, plan_together
from engine.errors import Refused
from engine.formats import format_named
from engine.recommend.footprint import footprint

# Steps of about one bit: what lies between two of them differs by less than people notice. Below Q3_K_M a model of the
# usual sizes loses more than the next smaller model would (llama.cpp, tools/quantize/README.md, table of Llama-3.1).
LADDER = ("gguf-q8_0", "gguf-q6_k", "gguf-q5_k_m", "gguf-q4_k_m", "gguf-q3_k_m")
MXFP4_FORMAT = "gguf-mxfp4_moe"
_SIXTEEN_BITS = 16.0


def worth_making(source: Path, library: Library, memory_bytes: int, context_tokens: int) -> tuple[Plan, ...]:
    """Plan the levels that are narrower than the source, fit into ``memory_bytes`` and are not in the library yet.

    Of a folder its 16-bit form is made, too: the others are compared with it. It blocks while headers are read.
    Raises :class:`Refused` where nothing is left to make, and what reading the model raises.
    """
    model = library.entry_at(source)
    facts = read_facts(source)
    wanted = [each for each in LADDER if _bits(each) < _bits(model.format_id)]
    fitting = [each for each in wanted if footprint(facts, each, context_tokens).total_bytes <= memory_bytes]
    if not fitting and wanted:
        raise Refused(f"No format of {model.title} fits into the memory of this computer.", "Choose a smaller model.")
    ids = [*_original(model), *fitting]
    options = Options(wanted=Wanted(comparison=False))  # all of them are measured afterwards
    plans = [plan(source, each, library.target(model, each), library, options) for each in ids]
    if any(each.source.is_mxfp4 for each in plans):  # the only level that leaves its experts as they are
        plans = [plan(source, MXFP4_FORMAT, library.target(model, MXFP4_FORMAT), library, options)]
    todo = [each for each in plans if not each.target.exists()]
    if not todo:
        raise Refused(f"All levels of {model.title} that are worth having are here.", "Measure them.")
    return plan_together(todo)


def result_bytes(plans: tuple[Plan, ...]) -> int:
    """Return what the files take when all are made."""
    return sum(each.needs.result_bytes for each in plans if each.needs)


def _bits(format_id: str) -> float:
    found = format_named(format_id)
    return found.bits if found else _SIXTEEN_BITS


def _original(model: Checkpoint) -> tuple[str, ...]:
    """Return the file that a folder's levels are compared with, of the type that it has (BF16 for F32, too)."""
    if not model.path.is_dir():
        return ()
    return ("gguf-f16",) if model.format_id == "plain-f16" else ("gguf-bf16",)
