"""Find what a model is to be compared with: the most precise file of the same model that is here."""

from __future__ import annotations

from collections.abc import Iterable

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import read_facts
from engine.errors import EngineError
from engine.formats import ModelFacts, Quality

# The formats that can stand for the original, the most precise first: of GGUF files, and of folders.
PRECISE = ("gguf-f32", "gguf-bf16", "gguf-f16", "gguf-q8_0", "plain-f32", "plain-bf16", "plain-f16")


def original_of(model: Checkpoint, entries: Iterable[Checkpoint]) -> Checkpoint | None:
    """Return the file that a model is compared with: itself if nothing is more precise; ``None`` if nothing will do.

    Same model means: its record names the same source, or that file itself, or the names differ in the format only;
    and the headers agree in architecture, layers, width and vocabulary. Files are compared with files and folders with
    folders: two programs that compute the same model differ by themselves.
    """
    fitting = [entry for entry in (*entries, model) if entry.format_id in PRECISE and _same(model, entry)]
    # a file that was made from the model is no original of it, however precise its format is
    return min(fitting, key=lambda entry: (_order(entry), entry.path != model.path), default=None)


def siblings_of(model: Checkpoint, entries: Iterable[Checkpoint]) -> tuple[Checkpoint, ...]:
    """Return the formats of a model that can be compared with each other, itself among them, the largest first."""
    found = {entry.path: entry for entry in (model, *entries) if _same(model, entry) or _same(entry, model)}
    return tuple(sorted(found.values(), key=lambda entry: (-entry.size_bytes, entry.name)))


def _order(entry: Checkpoint) -> int:
    return PRECISE.index(entry.format_id)


def _same(model: Checkpoint, other: Checkpoint) -> bool:
    if model.path == other.path:
        return True
    of_a_kind = model.path.is_dir() == other.path.is_dir()
    return of_a_kind and _related(model, other) and _shape(model) == _shape(other) is not None


def _related(model: Checkpoint, other: Checkpoint) -> bool:
    if _made_from(other, model):
        return False
    if _made_from(model, other) or stem(model) == stem(other):
        return True
    own, its = _source(model), _source(other)
    return bool(own) and own == its


def _made_from(made: Checkpoint, source: Checkpoint) -> bool:
    return _source(made) == str(source.path)


def _source(model: Checkpoint) -> str:
    source = model.record.get("source")
    return str(source.get("path", "")) if isinstance(source, dict) else ""


def stem(model: Checkpoint) -> str:
    """Return a model's name without its format: ``Llama-3-8B`` of ``Llama-3-8B-Q4_K_M.gguf``."""
    label = model.format.label if model.format else ""
    return model.title.lower().removesuffix(label.lower()).rstrip("-._ ")


def _shape(model: Checkpoint) -> tuple[object, ...] | None:
    try:
        facts: ModelFacts = read_facts(model.path)
    except EngineError:
        return None
    return facts.architecture, facts.layers, facts.width, facts.vocabulary


def is_precise(model: Checkpoint) -> bool:
    """Tell whether a divergence from this file says what was lost of the original."""
    return model.format_id.startswith("plain-") or bool(model.format and model.format.quality >= Quality.LOSSLESS)
