"""A model as it lies on the disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.formats import Format, format_named

DAMAGED = "damaged"  # what cannot be read, or lacks parts
UNSUPPORTED = "unsupported"  # what is whole, and nothing that Halfbyte can run
COMPANION = "companion"  # what goes with a model: a projector for pictures, an importance matrix
_PART = re.compile(r"-\d{5}-of-\d{5}$")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One entry of the library: a GGUF file or all parts of one, or a folder with ``config.json`` and safetensors.

    ``name`` is how people and the command line call it: ``publisher/repository/file`` below the models folder, the
    other app's name for it, or the path of what lies elsewhere. ``record`` is the JSON beside the file (see
    :mod:`engine.catalog.records`), or what another app knows of it. ``parts`` are the files of a split one, ``missing``
    the names of those that are not there. ``owners`` are the other apps and folders that hold it: it is used where it
    lies and not deleted here. ``companions`` are files that serve it and its neighbours. ``problem`` says in a sentence
    why it cannot be used.
    """

    path: Path
    name: str
    format_id: str
    size_bytes: int
    record: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    companions: tuple[Path, ...] = ()
    problem: str = ""
    label: str = ""

    @property
    def format(self) -> Format | None:
        """The format's row; ``None`` for a level that Halfbyte has no row for."""
        return format_named(self.format_id)

    @property
    def title(self) -> str:
        """The name without folders, file ending and number of the part."""
        return self.label or _PART.sub("", self.path.name.removesuffix(".gguf"))

    @property
    def files(self) -> tuple[Path, ...]:
        """The file or the parts, or the folder."""
        return self.parts or (self.path,)

    @property
    def damaged(self) -> bool:
        return self.format_id == DAMAGED

    @property
    def revision(self) -> str:
        """The commit of the repository that it came from, as far as that is known."""
        source = self.record.get("source")
        return str(source.get("commit") or source.get("revision") or "") if isinstance(source, Mapping) else ""
