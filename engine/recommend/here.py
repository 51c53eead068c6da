"""Whether a format can run on a machine at all, for a list of models: the sentence, without reading a header."""

from __future__ import annotations

from engine.errors import set_up_words
from engine.formats import Family, family_named, why_unread
from engine.machine.facts import Machine
from engine.recommend.requirements import REQUIREMENTS, without_card


def why_not_here(format_id: str, machine: Machine) -> str:
    """Return why a machine does not run a format now, in a sentence or two; empty if it does."""
    if unread := why_unread(format_id):
        return unread
    return " ".join(filter(None, (_no_card(format_id, machine), _not_installed(format_id, machine))))


def can_never_run(format_id: str, machine: Machine) -> bool:
    """Tell whether no installation would help: what has its packages may still try, if slowly."""
    return bool(_no_card(format_id, machine) and _not_installed(format_id, machine))


def _no_card(format_id: str, machine: Machine) -> str:
    family = family_named(format_id)
    capability = REQUIREMENTS[family].capability if family else None
    return (without_card(capability, machine) or "") if capability is not None else ""


def _not_installed(format_id: str, machine: Machine) -> str:
    family = family_named(format_id)
    needed = REQUIREMENTS[family].packages if family else ()
    absent = [name for name in needed if machine.packages.get(name, "") is None]
    if not absent:
        return ""
    way = set_up_words("cuda")
    if family is Family.PLAIN:
        way += " Converted to GGUF it needs none of them."
    return f"It runs on packages that are not installed: {', '.join(absent)}. {way}"
