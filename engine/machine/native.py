"""llama.cpp's library in this process, which must be a worker: its back ends are loaded, its functions declared."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from engine.machine import gpu_parts
from engine.machine.facts import GpuPart


@cache
def load() -> tuple[GpuPart, ...]:
    """Load all back ends of llama.cpp, the build's own and the parts, once in a process; tell of each part.

    A build with dynamic back ends never looks into its own folder: without this it has not even a CPU.
    """
    import llama_cpp

    own, mine = Path(llama_cpp.__file__).parent / "lib", gpu_parts.folder(llama_cpp.__version__)
    function("ggml_backend_load_all_from_path", None, ctypes.c_char_p)(os.fsencode(own))
    refused = gpu_parts.refused(mine)
    return tuple(_part(kind, own, mine, refused) for kind in gpu_parts.optional_kinds())


def _part(kind: str, own: Path, mine: Path, refused: dict[str, Any]) -> GpuPart:
    file = mine / gpu_parts.FILE.format(kind)
    for place in (own / file.name, file):
        if place.is_file():
            if gpu_parts.KINDS[kind] in backends():
                return GpuPart(kind, "loaded", str(place))
            file = place
    if not file.is_file():
        others = sorted(str(other) for other in mine.parent.glob(f"llama-*/{file.name}"))
        return GpuPart(kind, "absent", str(file), "It is not installed.", gpu_parts.absent_hint(file, others))
    if refused.get(file.name) == gpu_parts.stamp(file):
        return GpuPart(kind, "failed", str(file), "It ended the process that loaded it.", gpu_parts.AGAIN)
    if reason := _try(file):
        return GpuPart(kind, "failed", str(file), reason, gpu_parts.hint(kind, reason))
    return GpuPart(kind, "loaded", str(file))


def _try(file: Path) -> str:
    """Load a part; return why it cannot be, or nothing. llama.cpp's release builds keep the reason to themselves."""
    try:
        ctypes.CDLL(str(file))
    except OSError as error:
        return f"It cannot be loaded: {error.__cause__ or error}."  # a frozen app has the reason below its own words
    if function("ggml_backend_load", ctypes.c_void_p, ctypes.c_char_p)(os.fsencode(file)):
        return ""
    return "It is no part for this version of llama.cpp, or it found no driver to work with."


def backends() -> tuple[str, ...]:
    """Return the names of the back ends that are loaded in this process."""
    count = function("ggml_backend_reg_count", ctypes.c_size_t)()
    get = function("ggml_backend_reg_get", ctypes.c_void_p, ctypes.c_size_t)
    name = function("ggml_backend_reg_name", ctypes.c_char_p, ctypes.c_void_p)
    return tuple((name(get(index)) or b"").decode("utf-8", "replace") for index in range(count))


def function(name: str, result: Any, *arguments: Any) -> Any:
    """Return a function of ggml, its types declared; the binding declares none of them.

    It is asked of libllama, which shares its registry of back ends: on Linux the binding's ``_ggml`` may be a second
    copy with a registry of its own; on Windows each library has its own symbols only.
    """
    found = next(getattr(library, name) for library in _libraries() if hasattr(library, name))
    found.restype, found.argtypes = result, arguments
    return found


def _libraries() -> Iterator[Any]:
    from llama_cpp import _ggml
    from llama_cpp import llama_cpp as binding

    yield binding._lib
    yield _ggml.libggml
    if sys.platform == "win32":
        yield ctypes.CDLL(str(_ggml.libggml_base_path / "ggml-base.dll"))
