"""Starting programs that are not part of the frozen app: they must find neither its libraries nor its modules.

What PyInstaller's bootloader changes, and how it is undone, is in its manual: “LD_LIBRARY_PATH / LIBPATH
considerations” and “Launching External Programs from the Frozen Application” (6.22).
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

SOURCE = "engine-source"  # below the frozen app's libraries, by packaging/halfbyte.spec
_SEARCH_PATHS = ("LD_LIBRARY_PATH", "LIBPATH", "DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH")
_BOOTLOADER = ("_PYI_", "_MEIPASS", "PYINSTALLER_")
_OF_ANOTHER_PYTHON = ("PYTHONPATH", "PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONEXECUTABLE", "VIRTUAL_ENV")


def is_frozen() -> bool:
    """Tell whether this is the packaged app, which has no Python that others could use."""
    return getattr(sys, "frozen", False)


def source_folder() -> Path:
    """Return the folder that makes ``engine`` importable in any Python; nothing in it is made for one version."""
    if is_frozen():
        return Path(sys._MEIPASS) / SOURCE  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    return Path(__file__).parents[2]


def variables(inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment as it was before the frozen app's bootloader; from source it is the process's own."""
    mine = dict(os.environ if inherited is None else inherited)
    if not is_frozen():
        return mine
    for name in _SEARCH_PATHS:
        mine.pop(name, None)
        if before := mine.pop(f"{name}_ORIG", None):
            mine[name] = before
    return {name: value for name, value in mine.items() if not name.startswith(_BOOTLOADER)}


def variables_for_python(python: Path) -> dict[str, str]:
    """Return the environment in which another interpreter runs the engine.

    A packaged app's folder may be signed or not writable: what Python compiles of it goes beside the interpreter.
    """
    mine = variables()
    if not is_frozen():
        return mine
    for name in _OF_ANOTHER_PYTHON:
        mine.pop(name, None)
    return {**mine, "PYTHONPYCACHEPREFIX": str(python.parents[1] / "bytecode")}


@contextlib.contextmanager
def libraries_hidden() -> Iterator[None]:
    """Keep the frozen app's folder out of a child's search for DLLs, which Windows hands on to it."""
    if not (sys.platform == "win32" and is_frozen()):
        yield
        return
    import ctypes

    ctypes.windll.kernel32.SetDllDirectoryW(None)
    try:
        yield
    finally:
        ctypes.windll.kernel32.SetDllDirectoryW(str(sys._MEIPASS))  # pyright: ignore[reportAttributeAccessIssue]
