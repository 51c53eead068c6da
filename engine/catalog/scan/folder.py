"""A folder or a file that the person added: everything below it that is a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engine.catalog.scan.found import Found
from engine.catalog.tree import finds


def models(place: Path) -> Iterator[Found]:
    for find in finds(place):
        yield Found(find, "")
