"""What is to be fetched: the files of a model at one commit, and what they become in the library."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.catalog.hub.values import RemoteFile, RemoteModel
from engine.catalog.names import place_below, split_path, split_paths
from engine.errors import Refused


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """The files to fetch, in the order in which they are placed; the last one makes the model appear in the library.

    ``entry`` is the file that stands for the model, empty where its folder does.
    """

    repository: str
    commit: str
    files: tuple[RemoteFile, ...]
    entry: str = ""
    endpoint: str = ""
    licence: str = ""
    format_id: str = ""

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def title(self) -> str:
        """What people call it while it is under way."""
        return self.entry.rsplit("/", 1)[-1] or self.repository

    @property
    def id(self) -> str:
        """Name what is fetched, whatever its commit: an unfinished older one is continued where files are the same."""
        digest = hashlib.sha256(f"{self.repository}\n{self.entry}".encode()).hexdigest()[:12]
        return f"{self.repository.replace('/', '--')}--{digest}"

    def target(self, library: Path, path: str) -> Path:
        """Return where a file belongs. Raises :class:`Refused` for a name that is not safe."""
        return place_below(library, *self.repository.split("/"), *split_path(path))

    def model_path(self, library: Path) -> Path:
        """Return what the library calls the model: its entry file, or its folder."""
        return self.target(library, self.entry) if self.entry else place_below(library, *self.repository.split("/"))

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


def plan_download(
    model: RemoteModel, files: Iterable[RemoteFile], *, entry: str = "", endpoint: str = "", format_id: str = ""
) -> DownloadPlan:
    """Plan to fetch some files of a model; nothing is asked and nothing is written.

    Raises :class:`Refused` for names that are not safe and files that could not be checked.
    """
    chosen = sorted(dict.fromkeys(files), key=lambda file: _placing_order(file, entry))
    if not chosen:
        raise Refused(f"{model.name} has no file to fetch.", "Choose another model.")
    split_paths(file.path for file in chosen)
    for file in chosen:
        if not file.sha256 and not file.git_sha1:
            raise Refused(f"The Hub gives no hash for {file.path}.", "It could not be checked, so it is not fetched.")
    plan = DownloadPlan(model.name, model.commit, tuple(chosen), entry, endpoint, model.licence, format_id)
    if entry and all(file.path != entry for file in chosen):
        raise Refused(f"{entry} is not among the files of {model.name}.", "Look the model up again.")
    return plan


def plan_of(record: Mapping[str, Any]) -> DownloadPlan:
    """Return a plan from :meth:`DownloadPlan.as_record`. Raises ``KeyError``, ``TypeError`` or ``ValueError``."""
    return DownloadPlan(**{**record, "files": tuple(RemoteFile(**file) for file in record["files"])})


def _placing_order(file: RemoteFile, entry: str) -> tuple[bool, int, str]:
    """Sort what makes a model appear to the end: the entry, or ``config.json``, without which a folder is no model."""
    return file.path in (entry, "config.json"), file.size_bytes, file.path
