"""Keeps what was predicted and what was measured, for :mod:`engine.recommend.corrections`.

Halfbyte works without them: a damaged file is put aside and begins anew (:mod:`engine.catalog.state_file`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from engine.catalog.state_file import StateFile
from engine.paths import folders
from engine.recommend.corrections import Case, Corrections, Observation, Quantity

KEPT = 600  # of all, the oldest go first
KEPT_ALIKE = 8  # of one case and quantity
FORMULAS = 1  # of the predictions: with others, what was seen before says nothing
_CASE = dict.fromkeys(("device", "build", "architecture", "format_id", "cache_type"), str)
_CASE |= dict.fromkeys(("context_tokens", "weights_bytes"), int)


class Observations:
    """The observations of this machine, each under a name: the same name again replaces the one before."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = StateFile(file or folders().data / "observations.json")

    def corrections(self) -> Corrections:
        """Return what is kept; rows that cannot be understood are left out."""
        rows = (_observation(row) for row in _rows(self._file.read()).values())
        return Corrections(tuple(row for row in rows if row is not None))

    def note(self, name: str, observations: Iterable[Observation]) -> bool:
        """Keep what a load told; nobody fails where it cannot be written. Returns whether it was."""
        usable = [row for row in observations if row.usable]

        def change(state: dict[str, Any]) -> None:
            rows = _rows(state)
            for row in usable:
                rows.pop(f"{name} {row.quantity}", None)
                rows[f"{name} {row.quantity}"] = {"formulas": FORMULAS, **asdict(row)}
            state["rows"] = dict(list(_thinned(rows).items())[-KEPT:])

        return bool(usable) and self._file.change(change)

    def forget(self) -> int:
        """Forget all and return how many there were."""
        count = len(self.corrections().observations)
        self._file.change(lambda state: state.clear())
        return count


def _rows(state: Mapping[str, Any]) -> dict[str, Any]:
    rows = state.get("rows")
    return dict(rows) if isinstance(rows, dict) else {}


def _thinned(rows: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rows that can be used, of each case and quantity the newest."""
    counts: dict[tuple[Quantity, Case], int] = {}
    kept: dict[str, Any] = {}
    for name, row in reversed(list(rows.items())):
        found = _observation(row)
        if found is None:
            continue
        key = found.quantity, found.case
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= KEPT_ALIKE:
            kept[name] = row
    return dict(reversed(list(kept.items())))


def _observation(row: Any) -> Observation | None:
    try:
        case = row["case"]
        values: dict[str, Any] = {name: kind(case[name]) for name, kind in _CASE.items()}
        made = Observation(row["quantity"], float(row["predicted"]), float(row["measured"]), Case(**values))
        known = row["formulas"] == FORMULAS and row["quantity"] in get_args(Quantity)
        return made if known and made.usable else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
