"""The program that the end-to-end tests start: that of this source tree, or the packaged one of HALFBYTE_EXECUTABLE."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def packaged() -> Path | None:
    """Return the packaged app's executable that is to be tested, if one is."""
    named = os.environ.get("HALFBYTE_EXECUTABLE")
    return Path(named).absolute() if named else None


def program(*arguments: str) -> list[str]:
    """Return the command that starts Halfbyte with ``arguments``."""
    executable = packaged()
    return [*([str(executable)] if executable else [sys.executable, "-m", "desktop"]), *arguments]


def worker_program(module: str, python: Path | None = None) -> list[str]:
    """Return the command that starts a worker of the app, or of an environment's ``python``, which has the sources."""
    if python:
        return [str(python), "-m", module]
    executable = packaged()
    if executable is None or not module.startswith("engine."):
        return [sys.executable, "-m", module]  # tests have workers of their own
    return [str(executable.with_name(f"halfbyte-worker{executable.suffix}")), module]
