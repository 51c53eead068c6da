"""Presets: sampling by name, some for common tasks; and what was last chosen with each model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.chat.shelf import NAME_LETTERS, Shelf
from engine.chat.steering import sound
from engine.paths import folders

Values = Mapping[str, Any]

# Ours, per task. What a preset leaves out stays with the model's makers and the settings.
BUNDLED: Mapping[str, Values] = {
    "Precise": {"temperature": 0.2, "top_p": 0.9, "min_p": 0.1},
    "Balanced": {"temperature": 0.7, "top_p": 0.95, "min_p": 0.05},
    "Creative": {"temperature": 1.1, "top_p": 0.98, "min_p": 0.03},
    "Code": {"temperature": 0.0, "repeat_penalty": 1.0},
}


def presets(file: Path | None = None) -> Shelf[Values]:
    """Return the bundled presets and those that a person saved."""
    return Shelf(file or folders().data / "presets.json", "preset", _values, dict, BUNDLED)


class LastChosen:
    """What was last chosen with each model, so that its next conversation begins with it."""

    def __init__(self, file: Path | None = None) -> None:
        self._shelf: Shelf[Values] = Shelf(file or folders().data / "chosen.json", "model", _values, dict)

    def of(self, model: str) -> Values:
        return self._shelf.all().get(fit_model(model), {})

    def note(self, model: str, values: Values) -> None:
        self._shelf.put(fit_model(model), values)


def fit_model(model: str) -> str:
    """Return a model's name as it is noted: the end of a long one, which tells it from others."""
    return " ".join(model.split())[-NAME_LETTERS:].strip() or "model"


def _values(record: Any) -> Values | None:
    return sound(record) if isinstance(record, Mapping) else None
