"""What scanning an app's folder yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.catalog.tree import Find


@dataclass(frozen=True, slots=True)
class Found:
    """A model of another app: the files, what the app calls it, and what the app knows of it, as a record."""

    find: Find
    label: str
    record: Mapping[str, Any] = field(default_factory=dict)
