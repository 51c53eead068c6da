"""What is known of a model, in words: the panel of details, and the sentences about deleting, verifying and moving."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from desktop.models.library_model import Entry
from engine.catalog.download.verify import Verified, expected_hashes
from engine.catalog.moving.plan import MovePlan
from engine.catalog.removal import Removal, Removed
from engine.machine.facts import Machine
from engine.quantities import size
from engine.recommend.here import why_not_here


def details(entry: Entry, machine: Machine | None = None) -> tuple[tuple[str, str], ...]:
    """Return what the panel lists: pairs of a name and a value. Without a machine nothing is said of it."""
    here = why_not_here(entry.checkpoint.format_id, machine) if machine else ""
    return tuple((name, words) for name, words in (("Not on this computer", here), *_details(entry)) if words)


def _details(entry: Entry) -> Iterator[tuple[str, str]]:
    model, record = entry.checkpoint, entry.checkpoint.record
    yield "Problem", model.problem
    yield "Lies in", str(model.path)
    yield "Parts", f"{len(model.parts)} files" if model.parts else ""
    yield "With it", ", ".join(path.name for path in model.companions)
    yield "Used by", ", ".join(model.owners)
    yield "From", entry.source_words if not model.owners else _text(_table(record.get("source")).get("repository"))
    yield "Revision", model.revision[:12]
    yield "Licence", _text(record.get("licence"))
    yield "Made", _made(record)
    yield "Fingerprint", _fingerprint(entry)
    yield "Measured", _measured(record)
    yield "Here since", entry.since_words
    yield "Last used", entry.used_words


def removal_words(plan: Removal, *, trash: bool) -> str:
    """Return what deleting means: the room that comes back, what stays, and what to know."""
    when = " when the trash is emptied" if trash else ""
    sentences = [f"{size(plan.freed_bytes)} come back{when}.", plan.why_no_trash]
    return " ".join(filter(None, [*sentences, *plan.notes, *(staying.reason for staying in plan.staying)]))


def removed_words(removed: Removed) -> str:
    where = "is in the trash" if removed.trashed else "is deleted"
    return f"{removed.checkpoint.title} {where} ({size(removed.freed_bytes)})."


def verified_words(verified: Verified) -> str:
    """Return what verifying found."""
    if verified.whole:
        count = len(verified.right)
        files = "Its file is" if count == 1 else f"All {count} files are"
        return f"{verified.checkpoint.title} is whole. {files} as recorded."
    return f"{verified.checkpoint.title} is damaged: {', '.join(damage.words for damage in verified.damaged)}."


def move_words(plan: MovePlan) -> str:
    """Return what a move would do."""
    if plan.same_disk:
        return f"{len(plan.files)} files ({size(plan.size_bytes)}) are on the same disk, so this takes a moment."
    kept = f" {size(plan.copied_bytes)} are there already." if plan.copied_bytes else ""
    return (
        f"{size(plan.left_bytes)} are copied and checked; the old folder is emptied only when all of it is there.{kept}"
    )


def _made(record: Mapping[str, Any]) -> str:
    when = next((_text(record.get(key)) for key in ("made", "fetched", "copied") if record.get(key)), "")
    recipe = record.get("recipe")
    how = _text(recipe) or _text(_table(recipe).get("id") or _table(recipe).get("name"))
    return ", ".join(filter(None, [when.replace("T", " ").removesuffix("+00:00"), how]))


def _fingerprint(entry: Entry) -> str:
    hashes = list(expected_hashes(entry.checkpoint).values())
    if not any(hashes):
        return "Not noted yet: it cannot be verified"
    return f"SHA-256 {_grouped(hashes[0])}" if len(hashes) == 1 else f"SHA-256 of {len(hashes)} files"


def _grouped(digits: str) -> str:
    """Return a long number in groups, to be compared by eye, and so that it fits a narrow window."""
    return " ".join(digits[at : at + 16] for at in range(0, len(digits), 16))


def _measured(record: Mapping[str, Any]) -> str:
    measured = _table(record.get("measured"))
    shown = [
        f"{key.replace('_', ' ')} {value:.4g}" for key, value in measured.items() if isinstance(value, int | float)
    ]
    return ", ".join(shown[:4])


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
