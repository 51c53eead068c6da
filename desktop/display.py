"""Why no window can be opened here, found out before Qt is asked: Qt ends the process when it cannot."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

# Debian's packages of the libraries that Qt's X11 plugin needs (ldd of libqxcb.so, Qt 6.11).
_PACKAGES = (
    "libegl1 libgl1 libxkbcommon0 libfontconfig1 libdbus-1-3 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 "
    "libxkbcommon-x11-0 libxcb-xkb1 libxcb-shape0"
)
_INSTALL = f"On Debian and Ubuntu they come with:\n  sudo apt install {_PACKAGES}"


def why_no_window(environment: Mapping[str, str] = os.environ) -> str:
    """Return the reason and the way out; empty if a window can be opened."""
    if importlib.util.find_spec("PySide6") is None:
        return "PySide6 is not installed. Get it with:\n  pip install PySide6-Essentials"
    if sys.platform != "linux" or environment.get("QT_QPA_PLATFORM", "xcb") not in ("", "xcb"):
        return _missing_library("")
    if environment.get("WAYLAND_DISPLAY"):
        return _missing_library("")
    if not environment.get("DISPLAY"):
        return "There is no screen here: neither DISPLAY nor WAYLAND_DISPLAY is set."
    return _missing_library("platforms/libqxcb.so")


def _missing_library(plugin: str) -> str:
    """Try to load Qt and one of its plugins; name the library that is missing."""
    try:
        import PySide6.QtWidgets

        folder = Path(PySide6.QtWidgets.__file__).parent / "Qt" / "plugins"
        if plugin and (folder / plugin).is_file():
            ctypes.CDLL(str(folder / plugin))
    except (ImportError, OSError) as error:
        found = re.match(r"(\S+\.so[.\d]*): cannot open", str(error))
        return f"Qt needs the library {found[1]}.\n{_INSTALL}" if found else f"Qt cannot be loaded: {error}\n{_INSTALL}"
    return ""
