"""What the Hub says, as values. Names of files are the publisher's own: :mod:`engine.catalog.names` judges them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.catalog.headers.safetensors_header import StoredTensor

Sort = Literal["trending", "downloads", "likes", "recent"]
Gate = Literal["", "auto", "manual"]


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for. ``tags`` must all be there (``gguf``, ``safetensors``, ``awq``, …); empty fields match all."""

    text: str = ""
    author: str = ""
    task: str = ""
    tags: tuple[str, ...] = ()
    sort: Sort = "trending"
    page_size: int = 30


@dataclass(frozen=True, slots=True)
class FoundModel:
    """One row of a search, from the Hub's metadata alone.

    ``parameters`` is their number, 0 where the Hub does not know it; ``stored_types`` says how many of them are stored
    in each safetensors type. ``context_tokens`` and ``architecture`` are known for GGUF repositories.
    """

    name: str
    downloads: int = 0
    likes: int = 0
    task: str = ""
    gated: Gate = ""
    private: bool = False
    changed: str = ""
    tags: tuple[str, ...] = ()
    parameters: int = 0
    stored_types: Mapping[str, int] = field(default_factory=dict)
    architecture: str = ""
    context_tokens: int = 0

    @property
    def author(self) -> str:
        return self.name.split("/")[0]


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a search; ``next`` fetches the following ones, empty on the last page."""

    rows: tuple[FoundModel, ...]
    next: str = ""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository. ``sha256`` is known for files in LFS; small ones have git's ``git_sha1`` alone."""

    path: str
    size_bytes: int
    git_sha1: str = ""
    sha256: str = ""

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def content(self) -> str:
        """Name what the file holds: files of the same content are fetched once."""
        return self.sha256 or self.git_sha1


@dataclass(frozen=True, slots=True)
class FolderHeaders:
    """What the headers of a model's folder say: its ``config.json``, and the tensors of all its files."""

    config: Mapping[str, Any]
    tensors: tuple[StoredTensor, ...]


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A repository at one commit: what was looked at is what is fetched, whatever is published meanwhile.

    ``page`` is where people read about it and accept its licence. ``config`` is what the Hub tells everybody of its
    ``config.json``, gated or not: the architecture and how it is quantized.
    """

    name: str
    commit: str
    files: tuple[RemoteFile, ...]
    page: str
    about: FoundModel
    licence: str = ""
    base_models: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def gated(self) -> Gate:
        return self.about.gated

    def file(self, path: str) -> RemoteFile | None:
        return next((file for file in self.files if file.path == path), None)
