"""A model as it lies on the disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.formats import FORMATS, Format


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One entry of the library: a GGUF file, or a folder with ``config.json`` and safetensors.

    ``name`` is how people and the command line call it: ``publisher/repository/file`` below the models folder, or the
    path of a folder that lies elsewhere. ``record`` is the JSON beside the file (see :mod:`engine.catalog.records`).
    """

    path: Path
    name: str
    format_id: str
    size_bytes: int
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def format(self) -> Format | None:
        """The format's row; ``None`` for a level that Halfbyte has no row for."""
        return FORMATS.get(self.format_id)

    @property
    def title(self) -> str:
        """The name without folders and file ending."""
        return self.path.name.removesuffix(".gguf")
