"""What is known of a model, in words: the panel of details, and the sentences about deleting, verifying and moving."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from desktop.dates import moment
from desktop.language import tr
from desktop.models.library_model import Entry
from desktop.quantities import short_number, size
from engine.catalog.download.verify import Verified, expected_hashes
from engine.catalog.moving.plan import MovePlan
from engine.catalog.removal import Removal, Removed
from engine.machine.facts import Machine
from engine.recommend.here import why_not_here


def details(entry: Entry, machine: Machine | None = None) -> tuple[tuple[str, str], ...]:
    """Return what the panel lists: pairs of a name and a value. Without a machine nothing is said of it."""
    here = why_not_here(entry.checkpoint.format_id, machine) if machine else ""
    return tuple((name, words) for name, words in ((tr("Not on this computer"), here), *_details(entry)) if words)


def _details(entry: Entry) -> Iterator[tuple[str, str]]:
    model, record = entry.checkpoint, entry.checkpoint.record
    yield tr("Problem"), model.problem
    yield tr("Lies in"), str(model.path)
    yield tr("Parts"), tr("%Ln file(s)", "", len(model.parts)) if model.parts else ""
    yield tr("With it"), ", ".join(path.name for path in model.companions)
    yield tr("Used by"), ", ".join(model.owners)
    yield tr("From"), entry.source_words if not model.owners else _text(_table(record.get("source")).get("repository"))
    yield tr("Revision"), model.revision[:12]
    yield tr("Licence"), _text(record.get("licence"))
    yield tr("Made"), _made(record)
    yield tr("Fingerprint"), _fingerprint(entry)
    yield tr("Measured"), _measured(record)
    yield tr("Here since"), entry.since_words
    yield tr("Last used"), entry.used_words


def removal_words(plan: Removal, *, trash: bool) -> str:
    """Return what deleting means: the room that comes back, what stays, and what to know."""
    gain = tr("{size} come back when the trash is emptied.") if trash else tr("{size} come back.")
    sentences = [gain.format(size=size(plan.freed_bytes)), plan.why_no_trash]
    return " ".join(filter(None, [*sentences, *plan.notes, *(staying.reason for staying in plan.staying)]))


def removed_words(removed: Removed) -> str:
    words = tr("{model} is in the trash ({size}).") if removed.trashed else tr("{model} is deleted ({size}).")
    return words.format(model=removed.checkpoint.title, size=size(removed.freed_bytes))


def verified_words(verified: Verified) -> str:
    """Return what verifying found."""
    if verified.whole:
        count = len(verified.right)
        files = tr("Its file is as recorded.") if count == 1 else tr("All %Ln files are as recorded.", "", count)
        whole = tr("{model} is whole.").format(model=verified.checkpoint.title)
        return f"{whole} {files}"
    damages = ", ".join(damage.words for damage in verified.damaged)
    return tr("{model} is damaged: {damages}.").format(model=verified.checkpoint.title, damages=damages)


def move_words(plan: MovePlan) -> str:
    """Return what a move would do."""
    if plan.same_disk:
        words = tr("%Ln file(s) ({size}) (is|are) on the same disk, so this takes a moment.", "", len(plan.files))
        return words.format(size=size(plan.size_bytes))
    words = tr("{size} are copied and checked; the old folder is emptied only when all of it is there.")
    words = words.format(size=size(plan.left_bytes))
    if not plan.copied_bytes:
        return words
    there = tr("{size} are there already.").format(size=size(plan.copied_bytes))
    return f"{words} {there}"


def _made(record: Mapping[str, Any]) -> str:
    when = next((_text(record.get(key)) for key in ("made", "fetched", "copied") if record.get(key)), "")
    recipe = record.get("recipe")
    how = _text(recipe) or _text(_table(recipe).get("id") or _table(recipe).get("name"))
    return ", ".join(filter(None, [moment(when), how]))


def _fingerprint(entry: Entry) -> str:
    hashes = list(expected_hashes(entry.checkpoint).values())
    if not any(hashes):
        return tr("Not noted yet: it cannot be verified")
    return f"SHA-256 {_grouped(hashes[0])}" if len(hashes) == 1 else tr("SHA-256 of %Ln file(s)", "", len(hashes))


def _grouped(digits: str) -> str:
    """Return a long number in groups, to be compared by eye, and so that it fits a narrow window."""
    return " ".join(digits[at : at + 16] for at in range(0, len(digits), 16))


def _measured(record: Mapping[str, Any]) -> str:
    measured = _table(record.get("measured"))
    shown = [
        f"{key.replace('_', ' ')} {short_number(value, 4)}"
        for key, value in measured.items()
        if isinstance(value, int | float)
    ]
    return ", ".join(shown[:4])


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
