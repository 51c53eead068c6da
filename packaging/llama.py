"""Compile llama.cpp for every processor of this machine's kind, once, and keep the wheel.

A compilation that was interrupted goes on where it stopped: its source and its objects stay in the cache folder,
``build/package/llama`` or what ``HALFBYTE_BUILD_CACHE`` names.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

PACKAGE = "llama-cpp-python"
CACHE = "HALFBYTE_BUILD_CACHE"

# CPU variants are chosen at run time; without the folders they land where the binding does not look.
OPTIONS = (
    "-DGGML_NATIVE=OFF",
    "-DGGML_BACKEND_DL=ON",
    "-DGGML_CPU_ALL_VARIANTS=ON",
    *(f"-DCMAKE_INSTALL_{name}=llama_cpp/{folder}" for name, folder in (
        ("BINDIR", "lib"), ("LIBDIR", "lib"), ("INCLUDEDIR", "include"),
    )),
)  # fmt: skip


def portable_wheel(python: Path, pin: str, folder: Path) -> Path:
    """Return the wheel of ``llama-cpp-python==<pin>``; 18 CPU-minutes the first time. Raises ``CalledProcessError``."""
    cache = cache_folder(folder)
    wheels = cache / "wheels"
    if not (found := _wheel(wheels, pin)):
        source = unpacked_source(python, pin, cache)
        # pip's cache knows a wheel by its name only, and may hold one that was compiled for this very processor
        command = [python, "-m", "pip", "wheel", "--no-cache-dir", "--no-deps", "--wheel-dir", wheels]
        command += ["--config-settings", f"build-dir={cache / f'objects-{pin}'}", source]
        options = " ".join([os.environ.get("CMAKE_ARGS", ""), *OPTIONS]).strip()
        _run(command, {"CMAKE_ARGS": options})
        found = _wheel(wheels, pin)
    if not found:
        sys.exit(f"pip made no wheel of {PACKAGE} {pin} in {wheels}.")
    return found


def cache_folder(folder: Path) -> Path:
    """Return where sources and objects are kept: ``folder``, or what ``HALFBYTE_BUILD_CACHE`` names."""
    return Path(os.environ.get(CACHE) or folder).absolute()


def _wheel(wheels: Path, pin: str) -> Path | None:
    return next(wheels.glob(f"{PACKAGE.replace('-', '_')}-{pin}-*.whl"), None)


def unpacked_source(python: Path, pin: str, cache: Path) -> Path:
    """Return the unpacked source, at the same place each time: compiled objects know where they came from."""
    source = cache / f"{PACKAGE.replace('-', '_')}-{pin}"
    if not (source / "PKG-INFO").is_file():
        download = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", PACKAGE, "--dest", cache]
        _run([*download, f"{PACKAGE}=={pin}"])
        with tarfile.open(next(cache.glob(f"{source.name}.tar.gz"))) as archive:
            members = sorted(archive.getmembers(), key=lambda member: member.name.endswith(f"{source.name}/PKG-INFO"))
            archive.extractall(cache, members, filter="data")  # PKG-INFO last: it says that all the rest is there
    return source


def _run(command: list[object], environment: dict[str, str] | None = None) -> None:
    subprocess.run([str(part) for part in command], check=True, env={**os.environ, **(environment or {})})
