"""Safe names: what a stranger's repository calls its files never decides where on this machine they land.

A name is taken as it is or refused; it is never repaired, so that two names cannot become one. The rules are those of
the strictest system (Windows), everywhere: a library can be moved to another disk.
Source of the Windows rules: “Naming Files, Paths, and Namespaces” of the Windows documentation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from engine.errors import Refused

PART_BYTES = 200  # most systems take 255; what is added to a name while a file is made needs room
PATH_BYTES = 1000
DEPTH = 16
RESERVED_CHARACTERS = frozenset('<>:"|?*\\/')
RESERVED_NAMES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
OWN_ENDINGS = (".part", ".halfbyte.json")
DOWNLOADS = ".downloads"  # the library's folder for what is under way
# Characters that turn the reading direction around make one name look like another.
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def split_path(path: str) -> tuple[str, ...]:
    """Return the parts of a file's path in a repository. Raises :class:`Refused` unless each is a safe name."""
    if len(path.encode("utf-8", "surrogatepass")) > PATH_BYTES:
        raise _refused(path, "it is too long")
    parts = tuple(path.split("/"))
    if len(parts) > DEPTH:
        raise _refused(path, "it has too many folders")
    for part in parts:
        if reason := unsafe(part):
            raise _refused(path, reason)
    return parts


def unsafe(part: str) -> str:
    """Say why a file or folder may not be called so; empty if it may."""
    if part in ("", ".", ".."):
        return "it would leave its folder"
    if RESERVED_CHARACTERS & set(part):
        return "it has characters that mean something else in a path"
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in part) or TURNING & set(part):
        return "it has invisible characters"
    if part[-1] in ". " or part[0] == " ":
        return "it begins or ends with a space, or ends with a dot"
    if RESERVED_NAMES.fullmatch(part):
        return "Windows keeps that name for a device"
    if len(part.encode()) > PART_BYTES:
        return "it is too long"
    if _key(part).endswith(OWN_ENDINGS) or _key(part) == DOWNLOADS:
        return "Halfbyte's own files are called like that"
    return ""


def split_paths(paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the parts of several paths that are to lie in one folder.

    Raises :class:`Refused` for an unsafe name, and for two that are one on a system which ignores case or the way
    accents are written, or where one is a folder of the other.
    """
    found: dict[str, tuple[str, ...]] = {}
    files: dict[tuple[str, ...], str] = {}
    spelled: dict[tuple[str, ...], tuple[str, ...]] = {}
    for path in paths:
        parts = split_path(path)
        keys = tuple(map(_key, parts))
        if keys in files:
            raise _refused(path, f"it is the same as “{_shown(files[keys])}” where case does not count")
        for depth in range(1, len(keys)):
            if spelled.setdefault(keys[:depth], parts[:depth]) != parts[:depth]:
                raise _refused(path, "two of its folders differ only in case")
        files[keys], found[path] = path, parts
    for keys, path in files.items():
        if keys in spelled:
            raise _refused(path, "it is a file and a folder")
    return found


def place_below(folder: Path, *parts: str) -> Path:
    """Return the path of these parts below ``folder``.

    Raises :class:`Refused` if it would leave the folder, also through a symbolic link that lies on the way, or if
    something there is spelled the same but for case.
    """
    root = folder.resolve()
    path = folder
    for part in parts:
        if reason := unsafe(part):
            raise _refused("/".join(parts), reason)
        if twin := _twin(path, part):
            raise Refused(
                f"{path / twin} is in the way of “{_shown(part)}”: they differ only in case.", "Rename it first."
            )
        path = path / part
        if not path.resolve().is_relative_to(root):
            raise Refused(f"{path} is a link that leads out of the library.", "Remove the link, then try again.")
    return path


def _twin(folder: Path, name: str) -> str | None:
    """Return what lies in a folder under the same name in another spelling."""
    try:
        there = {entry.name for entry in folder.iterdir()}
    except OSError:
        return None
    return None if name in there else next((other for other in there if _key(other) == _key(name)), None)


def _key(part: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold())


def _refused(path: str, reason: str) -> Refused:
    return Refused(
        f"The repository calls a file “{_shown(path)}”; {reason}.",
        "Halfbyte does not fetch it. Choose another file or another publisher's copy of the model.",
    )


def _shown(path: str) -> str:
    """Return a hostile name so that it can be shown: escaped, and not endless."""
    escaped = "".join(c if c.isprintable() and c not in TURNING else ascii(c)[1:-1] for c in path)
    return escaped if len(escaped) <= 120 else f"{escaped[:100]}…"
