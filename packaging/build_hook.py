"""Take llama.cpp's converter into the package, at build time, from the source of the pinned runtime.

The source distribution of llama-cpp-python holds ``convert_hf_to_gguf.py``, its ``conversion`` package and ``gguf-py``
of the very revision that the runtime is compiled from. They land in ``engine/convert/upstream``, which git ignores, and
travel in the wheel and in our own source distribution; so whoever builds from either of them needs no download.

``HALFBYTE_LLAMA_SDIST`` names a source distribution that is already at hand.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "llama-cpp-python"
OVERRIDE = "HALFBYTE_LLAMA_SDIST"
TARGET = "engine/convert/upstream"
STAMP = "STAMP"
ROOT = "vendor/llama.cpp/"
CHANGES = "CHANGELOG.md"

# What is taken, as patterns below vendor/llama.cpp. The two vocabularies and the templates are read by the converter
# for models that ship none (conversion/base.py, deepseek.py, kimi_k3.py, minimax.py).
WANTED = (
    "LICENSE",
    "convert_hf_to_gguf.py",
    "conversion/*.py",
    "gguf-py/LICENSE",
    "gguf-py/gguf/*.py",
    "models/ggml-vocab-gpt-neox.gguf",
    "models/ggml-vocab-llama-spm.gguf",
    "models/templates/llama-cpp-rwkv-world.jinja",
    "models/templates/deepseek-ai-DeepSeek-V4*.jinja",
    "models/templates/Kimi-K3.jinja",
    "models/templates/MiniMax-M1.jinja",
)
NEEDED = ("LICENSE", "convert_hf_to_gguf.py", "conversion/base.py", "gguf-py/gguf/gguf_writer.py")


class ConverterError(Exception):
    """Say in one line why the converter could not be had."""


class ConverterHook(BuildHookInterface):
    """Hatchling calls :meth:`initialize` before it builds a wheel, an editable install or a source distribution."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version
        build_data["artifacts"].append(f"/{TARGET}/**")
        try:
            take_in(Path(self.root), self.metadata.core.dependencies, self.config.get("sha256", ""))
        except ConverterError as error:
            sys.exit(f"halfbyte: {error}")


def take_in(root: Path, dependencies: list[str], sha256: str) -> None:
    """Fill ``engine/convert/upstream`` unless it already holds what the pinned version has."""
    version = pinned_version(dependencies)
    target = root / TARGET
    stamp = f"{PACKAGE} {version}\nsha256 {sha256}\n"
    if (target / STAMP).is_file() and (target / STAMP).read_text("utf-8").startswith(stamp):
        return
    with tempfile.TemporaryDirectory() as scratch:
        archive = sdist(version, Path(scratch))
        if sha256 and (found := file_sha256(archive)) != sha256:
            raise ConverterError(f"{archive.name} has the SHA-256 {found}, not {sha256} as pyproject.toml says.")
        temporary = target.with_name(f"{target.name}.{os.getpid()}.part")
        try:
            revision = unpack(archive, version, temporary)
            (temporary / STAMP).write_text(f"{stamp}llama.cpp {revision}\n", "utf-8")
            shutil.rmtree(target, ignore_errors=True)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def pinned_version(dependencies: list[str]) -> str:
    """Return the version that the project's own dependency names: runtime and converter cannot part."""
    for dependency in dependencies:
        if match := re.fullmatch(rf"{PACKAGE}\s*==\s*([\w.]+)", dependency.split(";")[0].strip()):
            return match[1]
    raise ConverterError(f"pyproject.toml does not pin {PACKAGE} to one version (==).")


def sdist(version: str, folder: Path) -> Path:
    """Return the source distribution: the one that is at hand, or pip's download, with pip's own settings."""
    at_hand = os.environ.get(OVERRIDE)
    if at_hand:
        if not Path(at_hand).is_file():
            raise ConverterError(f"{OVERRIDE} names {at_hand}, which is not a file.")
        return Path(at_hand)
    wanted = f"{PACKAGE}=={version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-binary", PACKAGE, "--dest", str(folder), wanted]
    run = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    found = list(folder.glob("*.tar.gz"))
    if run.returncode or not found:
        last = (run.stderr.strip().splitlines() or ["pip gave no reason"])[-1].removeprefix("ERROR: ")
        raise ConverterError(
            f"the source of {wanted}, which holds the converter, cannot be had ({last}). "
            f"Download it elsewhere and set {OVERRIDE} to the file."
        )
    return found[0]


def file_sha256(file: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def unpack(archive: Path, version: str, folder: Path) -> str:
    """Write the wanted files below ``folder`` and return llama.cpp's revision.

    Links and anything else that is not a plain file are left out.
    """
    revision = "unknown"
    with tarfile.open(archive) as source:
        for name, member in wanted_members(source):
            file = source.extractfile(member)
            assert file is not None
            content = file.read()
            if str(name) == CHANGES:
                revision = named_revision(content.decode("utf-8"), version)
                continue
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise ConverterError(f"{archive.name} lacks {', '.join(missing)}: llama.cpp has moved its converter.")
    return revision


def named_revision(changes: str, version: str) -> str:
    """Return the llama.cpp revision that the changes of a release name."""
    section = changes.partition(f"## [{version}]")[2].partition("\n## ")[0]
    match = re.search(r"llama\.cpp@([0-9a-f]{7,40})", section)
    return match[1] if match else "unknown"


def wanted_members(source: tarfile.TarFile) -> Iterator[tuple[PurePosixPath, tarfile.TarInfo]]:
    """Yield what is wanted of an archive, each with its name below llama.cpp's own folder."""
    for member in source:
        inside = member.name.partition("/")[2]
        name = PurePosixPath(inside.removeprefix(ROOT))
        if member.isfile() and inside == CHANGES:
            yield name, member
        if not member.isfile() or not inside.startswith(ROOT) or ".." in name.parts:
            continue
        if any(len(name.parts) == pattern.count("/") + 1 and name.match(pattern) for pattern in WANTED):
            yield name, member
