"""The library: what lies in the models folder, as ``publisher/repository/file``.

The folder itself is the only truth; nothing is kept in a database that could disagree with the disk.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.entries import entry_of, with_companions
from engine.catalog.removal import remove_for_good
from engine.catalog.servers.listing import ENDING as SERVER_ENDING
from engine.catalog.servers.listing import checkpoint_at
from engine.catalog.summaries import Summaries
from engine.catalog.tree import Find, finds
from engine.errors import NotFound, Refused
from engine.formats import Family, format_named

OF_A_FOLDER = (".safetensors", ".safetensors.index.json", "config.json")


class Library:
    """The models below one folder. ``elsewhere`` gives those of other apps, asked for when a name is not among them."""

    def __init__(
        self,
        folder: Path,
        summaries: Summaries | None = None,
        elsewhere: Callable[[], Sequence[Checkpoint]] | None = None,
    ) -> None:
        self.folder = folder
        self.summaries = summaries or Summaries()
        self._elsewhere = elsewhere

    def entries(self) -> tuple[Checkpoint, ...]:
        """Return everything that can be used, by name. What is half-made (``*.part``) is not listed."""
        if not self.folder.is_dir():
            return ()
        found = with_companions(self._found())
        self.summaries.keep()
        return tuple(sorted(found, key=lambda entry: entry.name.lower()))

    def find(self, name: str) -> Checkpoint:
        """Return the entry of that name, of that unique part of a name, or at that path.

        Raises :class:`NotFound`, which names the nearest entries, and :class:`Refused` if several fit.
        """
        path = Path(name).expanduser()
        if path.exists():
            return self.entry_at(path)
        entries = self.entries()
        fitting = _fitting(entries, name)
        if not fitting and self._elsewhere:
            entries += tuple(self._elsewhere())
            fitting = _fitting(entries, name)
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            names = ", ".join(entry.name for entry in fitting)
            raise Refused(f"“{name}” fits several models: {names}.", "Give a longer part of the name.")
        titles = {entry.title.lower(): entry.title for entry in entries}
        near = [titles[title] for title in difflib.get_close_matches(name.lower(), titles, n=3)]
        hint = f"Near names: {', '.join(near)}." if near else "`halfbyte library` lists what is there."
        raise NotFound(f"The model “{name}”", str(self.folder), hint)

    def entry_at(self, path: Path) -> Checkpoint:
        """Return the checkpoint at a path inside or outside the library. Raises :class:`NotFound`.

        A folder's weights or its config.json stand for the folder.
        """
        path = path.absolute()
        if path.name.endswith(OF_A_FOLDER) and path.is_file() and (path.parent / "config.json").is_file():
            path = path.parent
        if path.is_dir() and not os.access(path, os.X_OK):
            raise NotFound(str(path), hint="It cannot be read: permission denied.")
        if path.is_dir() and not (path / "config.json").is_file():
            raise NotFound(f"A model in {path}", hint="The folder of a model has a config.json and safetensors files.")
        if not path.exists():
            raise NotFound(str(path))
        if path.name.endswith(SERVER_ENDING):
            return checkpoint_at(path)
        return self._checkpoint(next(finds(path)) if path.suffix == ".gguf" else Find(path))

    def place(self, publisher: str, repository: str, file: str) -> Path:
        """Return where a model belongs. Raises :class:`Refused` for a name that would leave the folder."""
        for part in (publisher, repository, file):
            if part in ("", ".", "..") or any(character in part for character in '/\\:*?"<>|\0'):
                raise Refused(f"“{part}” cannot be the name of a file or folder.")
        return self.folder / publisher / repository / file

    def target(self, source: Checkpoint, format_id: str) -> Path:
        """Return where a format made from ``source`` belongs: ``publisher/repository-GGUF/model-Q4_K_M.gguf``.

        Formats that are folders lie beside the original: ``publisher/repository-NF4``.
        """
        made = format_named(format_id)
        if made is None:
            raise Refused(f"“{format_id}” is no format.")
        folder = source.path if source.path.is_dir() else source.path.parent
        publisher = folder.parent.name if self.folder.absolute() in folder.absolute().parents else "local"
        repository = folder.name.removesuffix("-GGUF")
        if made.family is not Family.GGUF:
            return self.place(publisher, f"{repository}-{made.label.replace(' ', '-')}", "config.json").parent
        level = source.format.label if source.format else ""
        stem = source.title.removesuffix(level).rstrip("-.") or source.title
        return self.place(publisher, f"{repository}-GGUF", f"{stem}-{made.label}.gguf")

    def delete(self, checkpoint: Checkpoint) -> None:
        """Delete a model of this library for good. Raises :class:`Refused` for one that lies elsewhere."""
        remove_for_good(checkpoint, self.folder, self.entries())

    def holds(self, path: Path) -> bool:
        """Tell whether a path lies below the models folder."""
        return self.folder.absolute() in path.absolute().parents

    def _found(self) -> Iterator[Checkpoint]:
        for found in finds(self.folder):
            yield self._checkpoint(found)

    def _checkpoint(self, found: Find) -> Checkpoint:
        path = found.path.absolute()
        name = path.relative_to(self.folder.absolute()).as_posix() if self.holds(path) else str(found.path)
        return entry_of(found, name, self.summaries)


def _fitting(entries: Sequence[Checkpoint], name: str) -> list[Checkpoint]:
    """Return the entries of that name, or else those with it in their name."""
    wanted = name.lower()
    exact = [entry for entry in entries if wanted in (entry.name.lower(), entry.title.lower())]
    return exact or [entry for entry in entries if wanted in entry.name.lower()]
