"""What the local Hub serves: repositories with commits, their files, and what the Hub says of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LFS_SUFFIXES = (".gguf", ".safetensors", ".bin", ".lfs")
POINTER_BYTES = 134


class Content:
    """The bytes of a file, in memory or on the disk, with the hashes that git and LFS give it."""

    def __init__(self, data: bytes | Path, lfs: bool) -> None:
        self.data = data
        self.size = data.stat().st_size if isinstance(data, Path) else len(data)
        sha256, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % self.size)
        for offset in range(0, self.size, 1 << 20):
            piece = self.read(offset, 1 << 20)
            sha256.update(piece)
            blob.update(piece)
        self.sha256 = sha256.hexdigest()
        self.lfs = lfs
        # The blob of an LFS file is its pointer; any hash stands for it here.
        self.git_sha1 = hashlib.sha1(b"pointer " + self.sha256.encode()).hexdigest() if lfs else blob.hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.git_sha1

    def read(self, offset: int, length: int) -> bytes:
        if isinstance(self.data, bytes):
            return self.data[offset : offset + length]
        with self.data.open("rb") as file:
            file.seek(offset)
            return file.read(length)


@dataclass
class Repository:
    """A model repository: its commits, newest last, and its card. ``gated`` is "", "auto" or "manual"."""

    name: str
    commits: dict[str, dict[str, Content]] = field(default_factory=dict)
    gated: str = ""
    private: bool = False
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def head(self) -> str:
        return next(reversed(self.commits))

    def commit(self, files: Mapping[str, bytes | Path | Content]) -> str:
        """Add a commit and return its hash."""
        contents = {path: _content(path, data) for path, data in files.items()}
        listing = "\n".join(f"{path} {content.etag}" for path, content in contents.items())
        sha = hashlib.sha1(f"{self.name} {len(self.commits)}\n{listing}".encode()).hexdigest()
        self.commits[sha] = contents
        return sha

    def resolve(self, revision: str) -> str | None:
        return self.head if revision == "main" else revision if revision in self.commits else None

    def info(self, commit: str, *, files: bool = True, sizes: bool = False) -> dict[str, Any]:
        """Return what ``/api/models/…`` answers."""
        answer: dict[str, Any] = {
            "_id": hashlib.md5(self.name.encode()).hexdigest()[:24],
            "id": self.name,
            "modelId": self.name,
            "author": self.name.split("/")[0],
            "sha": commit,
            "lastModified": "2026-10-01T12:00:00.000Z",
            "createdAt": "2026-09-01T12:00:00.000Z",
            "private": self.private,
            "disabled": False,
            "gated": self.gated or False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "usedStorage": sum(content.size for content in self.commits[commit].values()),
            **self.about,
        }
        if files:
            answer["siblings"] = [_sibling(path, held, sizes) for path, held in self.commits[commit].items()]
        return answer

    def tree(self, commit: str) -> list[dict[str, Any]]:
        """Return what ``/api/models/…/tree/…?recursive=True`` answers: folders and files."""
        contents = self.commits[commit]
        folders = {path.rsplit("/", 1)[0] for path in contents if "/" in path}
        listed: list[dict[str, Any]] = [
            {"type": "directory", "oid": hashlib.sha1(folder.encode()).hexdigest(), "size": 0, "path": folder}
            for folder in sorted(folders)
        ]
        for path, content in contents.items():
            entry: dict[str, Any] = {"type": "file", "oid": content.git_sha1, "size": content.size, "path": path}
            if content.lfs:
                entry["lfs"] = {"oid": content.sha256, "size": content.size, "pointerSize": POINTER_BYTES}
            listed.append(entry)
        return listed


def _content(path: str, data: bytes | Path | Content) -> Content:
    return data if isinstance(data, Content) else Content(data, path.endswith(LFS_SUFFIXES))


def _sibling(path: str, content: Content, sizes: bool) -> dict[str, Any]:
    sibling: dict[str, Any] = {"rfilename": path}
    if sizes:
        sibling |= {"size": content.size, "blobId": content.git_sha1}
        if content.lfs:
            sibling["lfs"] = {"sha256": content.sha256, "size": content.size, "pointerSize": POINTER_BYTES}
    return sibling
