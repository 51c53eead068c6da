"""Starts uv, which makes the environments, and turns what it says when it fails into errors.

uv's own settings hold (UV_DEFAULT_INDEX, UV_INDEX, UV_FIND_LINKS, UV_OFFLINE, its configuration file, netrc), and pip's
index settings stand in for them where they are not given: uv does not read those itself. Tried with uv 0.13.9.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.environments.places import cache, root
from engine.errors import DiskFull, EngineError, NotFound, Offline, Refused
from engine.process import outside

NAME = "uv.exe" if sys.platform == "win32" else "uv"
CHOSEN = "HALFBYTE_UV"
# Where uv's installer, pipx, cargo and Homebrew put it: an app that a desktop started may lack these on its path.
OFF_THE_PATH = ("~/.local/bin", "~/.cargo/bin", "/usr/local/bin", "/opt/homebrew/bin")
PIP_FOR_UV = {
    "UV_DEFAULT_INDEX": "PIP_INDEX_URL",
    "UV_INDEX": "PIP_EXTRA_INDEX_URL",
    "UV_FIND_LINKS": "PIP_FIND_LINKS",
}
OLDER_NAMES = {"UV_DEFAULT_INDEX": "UV_INDEX_URL", "UV_INDEX": "UV_EXTRA_INDEX_URL"}
_FULL = re.compile(r"os error 28|No space left|os error 112|Disk quota exceeded", re.IGNORECASE)
_UNREACHED = re.compile(r"Failed to fetch: `?(?P<url>[^\s`]+)|error sending request for url \((?P<sent>[^)]+)\)")
_NO_NETWORK = ("client error (Connect)", "operation timed out", "network was disabled", "dns error", "Connection reset")
_NO_PYTHON = ("No interpreter found", "Failed to inspect Python interpreter", "Querying Python at")


def program() -> Path:
    """Return uv: as chosen, beside the app, on the path, or where it is usually put. Raises :class:`NotFound`."""
    for path in _candidates():
        if path.is_file():
            return path
    raise NotFound(
        "The program uv, which sets up environments,",
        hint="Install it (pipx install uv, or as https://docs.astral.sh/uv says), then try again. It is not part of "
        "Halfbyte.",
    )


def _candidates() -> Iterator[Path]:
    if chosen := os.environ.get(CHOSEN):
        yield Path(chosen)
    yield Path(sys.executable).with_name(NAME)  # the app's folder, and that of a virtual environment with uv in it
    if found := shutil.which("uv"):
        yield Path(found)
    for folder in OFF_THE_PATH:
        yield Path(folder).expanduser() / NAME


def variables(extra: Mapping[str, str] = {}) -> dict[str, str]:
    """Return the process environment of uv."""
    mine = outside.variables()
    for name, pips in PIP_FOR_UV.items():
        if not mine.get(name) and not mine.get(OLDER_NAMES.get(name, "")) and mine.get(pips):
            mine[name] = mine[pips]
    mine.setdefault("UV_CACHE_DIR", str(cache()))
    mine.setdefault("UV_PYTHON_INSTALL_DIR", str(root() / "python"))
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"):  # of whatever started us
        mine.pop(name, None)
    return {**mine, "UV_NO_PROGRESS": "1", "NO_COLOR": "1", "UV_PREVIEW_FEATURES": "pylock", **extra}


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start uv; what it says comes through one pipe."""
    return subprocess.Popen(
        [str(program()), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=variables(),
        cwd=root(),  # no project's settings
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def failure(said: str, doing: str) -> EngineError:
    """Return what uv's words mean; ``doing`` names what it was to do."""
    if _FULL.search(said):
        return DiskFull(0, shutil.disk_usage(root()).free, str(root()))
    unreached = _UNREACHED.search(said)
    if any(words in said for words in _NO_NETWORK):
        url = (unreached["url"] or unreached["sent"]) if unreached else ""
        host = url.split("/")[2].rpartition("@")[2] if url.count("/") > 1 else "The package index"
        return Offline(host, _last_cause(said))
    if any(words in said for words in _NO_PYTHON):
        return Refused(
            "No Python that fits was found, and none could be fetched.", "Install Python 3.12, then try again."
        )
    if "No solution found" in said or "there is no version of" in said:
        missing = re.search(r"no version of (\S+)", said)
        what = missing[1] if missing else "a package"
        return Refused(
            f"The package index has no {what} for this computer.",
            "Check the index that is set for pip or uv (UV_DEFAULT_INDEX, PIP_INDEX_URL).",
        )
    return Refused(
        f"uv failed while {doing}: {_last_cause(said) or 'it did not say why.'}", "Try again; what was fetched is kept."
    )


def _last_cause(said: str) -> str:
    causes = [
        line.partition(": ")[2] or line for line in said.splitlines() if line.lstrip().startswith(("cause:", "error:"))
    ]
    return causes[-1].strip() if causes else said.strip()[-200:]
