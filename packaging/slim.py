"""Make a frozen folder smaller without changing what it does (Linux)."""

from __future__ import annotations

import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

# Stripping spoils libraries that were patched after linking (numpy.libs): only what is known to bear it.
STRIPPED = (
    *("libpython3*", "yaml/*.so", "python3*/lib-dynload/*.so", "llama_cpp/lib/*.so*"),
    *("tokenizers/*.so", "cryptography/hazmat/bindings/*.so", "google/_upb/*.so"),
)


def slim(app: Path) -> None:
    """Strip debug symbols, and make links of files that lie side by side under several names."""
    inside = app / "_internal"
    for pattern in STRIPPED:
        for file in inside.glob(pattern):
            if not file.is_symlink():
                subprocess.run(["strip", "--strip-unneeded", file], check=True)
    link_duplicates(inside)
    link_texts(inside)


def link_texts(inside: Path) -> None:
    """Let the engine's source for another Python share its texts with the app's own."""
    copy = inside / "engine-source" / "engine" / "resources" / "texts"
    shutil.rmtree(copy)
    copy.symlink_to(Path("../../../engine/resources/texts"))
    assert (copy / "texts.toml").is_file()


def link_duplicates(folder: Path) -> int:
    """Replace equal libraries of one folder by links to the longest name; return the bytes that this saves.

    A library that is loaded by two names is then one library, with one registry of back ends.
    """
    saved_bytes = 0
    first: dict[tuple[Path, str], Path] = {}
    files = [file for file in folder.rglob("*.so*") if file.is_file() and not file.is_symlink()]
    for file in sorted(files, key=lambda file: (-len(file.name), file)):
        kept = first.setdefault((file.parent, sha256(file.read_bytes()).hexdigest()), file)
        if kept is not file:
            saved_bytes += file.stat().st_size
            file.unlink()
            file.symlink_to(kept.name)
    return saved_bytes
