"""llama.cpp's back ends for graphics cards as optional parts: files that a person puts into a folder of the app.

A part is bound to the version of llama.cpp that it was compiled for, so each version has its folder. One that ended the
process that loaded it is noted and not loaded again until it changes. Loading them is for :mod:`engine.machine.native`.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from engine.paths import folders

KINDS = {"cuda": "CUDA", "vulkan": "Vulkan"}  # as in the file's name, and as llama.cpp calls the back end
FILE = {"win32": "ggml-{}.dll", "darwin": "libggml-{}.dylib"}.get(sys.platform, "libggml-{}.so")
_NOTE = "refused.json"


def home() -> Path:
    """Return the folder of all parts; whoever adds one makes it."""
    return folders().data / "parts"


def folder(llama_version: str) -> Path:
    """Return where the parts for a version of llama-cpp-python lie."""
    return home() / f"llama-{llama_version}"


def optional_kinds() -> tuple[str, ...]:
    """Return the kinds of parts that there are for this system; Metal is in every build for macOS."""
    return () if sys.platform == "darwin" else tuple(KINDS)


def hint(kind: str, reason: str) -> str:
    """Return the next step for what kept a part from being loaded."""
    if re.search(r"GLIBC(XX)?_[\d.]+' not found", reason):
        return f"It was made on a newer system: {_MAKE.format(kind)}."
    if "libvulkan" in reason or "vulkan-1.dll" in reason:
        return "Install the Vulkan loader and the graphics driver (Debian, Ubuntu: libvulkan1, mesa-vulkan-drivers)."
    if re.search(r"libcuda\.|nvcuda", reason):
        return "Install NVIDIA's driver, version 525 or newer."
    if re.search(r"cudart|cublas", reason):
        return "Put the CUDA libraries that came with the part beside it: unpack the whole archive again."
    return AGAIN


_MAKE = "make it on this computer, with `python3 packaging/build.py part-{}` of Halfbyte's source"
AGAIN = "Take the file away, or put in one that was made for this version of Halfbyte."


def absent_hint(file: Path, others: list[str]) -> str:
    """Return how a part comes to where it is looked for."""
    kind = next(kind for kind in KINDS if kind in file.name)
    lead = f"{others[-1]} is for another version of llama.cpp. " if others else ""
    return f"{lead}Unpack the part into {file.parents[1]}, or {_MAKE.format(kind)}."


def give_up() -> bool:
    """Note that the parts that are there ended a worker; return whether there were any that were not noted before."""
    try:
        mine = folder(version("llama-cpp-python"))
    except PackageNotFoundError:
        return False
    found = {file.name: stamp(file) for kind in KINDS if (file := mine / FILE.format(kind)).is_file()}
    if not found or found == refused(mine):
        return False
    (mine / _NOTE).write_text(json.dumps(found), "utf-8")
    return True


def refused(mine: Path) -> dict[str, Any]:
    """Return the parts that ended a worker, with their stamps of then."""
    try:
        found = json.loads((mine / _NOTE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def stamp(file: Path) -> list[int]:
    """Return what changes when a file does."""
    state = file.stat()
    return [state.st_size, state.st_mtime_ns]
