"""Pack the frozen app as a per-user installer for Windows, with makensis (it runs on Linux too)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import signing

SCRIPT = Path(__file__).with_name("windows") / "halfbyte.nsi"


def build_installer(app: Path, out: Path, version: str) -> Path:
    """Write ``Halfbyte-<version>-setup.exe`` and return it. Raises ``CalledProcessError`` if makensis refuses."""
    for program in app.glob("*.exe"):
        signing.sign_windows(program)
    made = out / f"Halfbyte-{version}-setup.exe"
    size_kib = sum(file.stat().st_size for file in app.rglob("*") if file.is_file()) // 1024
    values = {"VERSION": version, "APP": app, "OUTPUT": made, "SIZE_KIB": size_kib}
    subprocess.run(
        [
            "makensis",
            "-V2",
            "-WX",
            "-INPUTCHARSET",
            "UTF8",
            *(f"-D{name}={value}" for name, value in values.items()),
            SCRIPT,
        ],
        check=True,
    )
    signing.sign_windows(made)
    return made
