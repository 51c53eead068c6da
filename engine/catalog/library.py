"""The library: what lies in the models folder, as ``publisher/repository/file``.

The folder itself is the only truth; nothing is kept in a database that could disagree with the disk.
"""

from __future__ import annotations

import difflib
import functools
import shutil
from collections.abc import Iterator
from pathlib import Path

from engine.catalog import records
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import read_facts
from engine.errors import EngineError, NotFound, Refused
from engine.formats import FORMATS

WEIGHTS_SUFFIXES = (".safetensors", ".json", ".model", ".txt", ".jinja")


class Library:
    """The models below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def entries(self) -> tuple[Checkpoint, ...]:
        """Return everything that can be used, by name. What is half-made (``*.part``) is not listed."""
        if not self.folder.is_dir():
            return ()
        return tuple(sorted(self._found(self.folder), key=lambda entry: entry.name.lower()))

    def find(self, name: str) -> Checkpoint:
        """Return the entry of that name, of that unique part of a name, or at that path.

        Raises :class:`NotFound`, which names the nearest entries, and :class:`Refused` if several fit.
        """
        path = Path(name).expanduser()
        if path.exists():
            return self.entry_at(path)
        entries = self.entries()
        wanted = name.lower()
        exact = [entry for entry in entries if wanted in (entry.name.lower(), entry.title.lower())]
        fitting = exact or [entry for entry in entries if wanted in entry.name.lower()]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            names = ", ".join(entry.name for entry in fitting)
            raise Refused(f"“{name}” fits several models: {names}.", "Give a longer part of the name.")
        titles = {entry.title.lower(): entry.title for entry in entries}
        near = [titles[title] for title in difflib.get_close_matches(wanted, titles, n=3)]
        hint = f"Near names: {', '.join(near)}." if near else "`halfbyte library` lists what is there."
        raise NotFound(f"The model “{name}”", str(self.folder), hint)

    def entry_at(self, path: Path) -> Checkpoint:
        """Return the checkpoint at a path inside or outside the library. Raises :class:`NotFound`."""
        path = path.absolute()
        if path.is_dir() and not (path / "config.json").is_file():
            raise NotFound(f"A model in {path}", hint="The folder of a model has a config.json and safetensors files.")
        if not path.exists():
            raise NotFound(str(path))
        return self._checkpoint(path)

    def place(self, publisher: str, repository: str, file: str) -> Path:
        """Return where a model belongs. Raises :class:`Refused` for a name that would leave the folder."""
        for part in (publisher, repository, file):
            if part in ("", ".", "..") or any(character in part for character in '/\\:*?"<>|\0'):
                raise Refused(f"“{part}” cannot be the name of a file or folder.")
        return self.folder / publisher / repository / file

    def target(self, source: Checkpoint, format_id: str) -> Path:
        """Return where a format made from ``source`` belongs: ``publisher/repository-GGUF/model-Q4_K_M.gguf``."""
        made = FORMATS[format_id]
        folder = source.path if source.path.is_dir() else source.path.parent
        publisher = folder.parent.name if self.folder.absolute() in folder.absolute().parents else "local"
        repository = folder.name.removesuffix("-GGUF")
        level = source.format.label if source.format else ""
        stem = source.title.removesuffix(level).rstrip("-.") or source.title
        return self.place(publisher, f"{repository}-GGUF", f"{stem}-{made.label}.gguf")

    def delete(self, checkpoint: Checkpoint) -> None:
        """Delete a model of this library with its record. Raises :class:`Refused` for a model that lies elsewhere."""
        path = checkpoint.path
        if self.folder.absolute() not in path.absolute().parents:
            raise Refused(f"{path} is not in the library; delete it by hand if you mean it.")
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
            records.record_path(path).unlink(missing_ok=True)
        _remove_empty(path.parent, self.folder)

    def _found(self, folder: Path) -> Iterator[Checkpoint]:
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                if _is_model_folder(path):
                    yield self._checkpoint(path)
                yield from self._found(path)
            elif path.suffix == ".gguf" and path.is_file():
                yield self._checkpoint(path)

    def _checkpoint(self, path: Path) -> Checkpoint:
        inside = self.folder.absolute() in path.absolute().parents
        name = path.absolute().relative_to(self.folder.absolute()).as_posix() if inside else str(path)
        record = records.read(path)
        format_id = record.get("format_id") or _format_id(path, path.stat().st_mtime_ns)
        return Checkpoint(path, name, format_id, _size_bytes(path), record)


def _is_model_folder(path: Path) -> bool:
    return (path / "config.json").is_file() and any(path.glob("*.safetensors"))


@functools.lru_cache(4096)
def _format_id(path: Path, changed_ns: int) -> str:
    """Read the format from the headers; a file that cannot be read is listed as damaged, so that it can be deleted."""
    del changed_ns  # part of the key: a file that changed is read again
    try:
        return read_facts(path).format_id
    except EngineError:
        return "damaged"


def _size_bytes(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.iterdir() if file.suffix in WEIGHTS_SUFFIXES)


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
