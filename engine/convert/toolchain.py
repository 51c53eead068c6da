"""What this installation converts with: llama.cpp's converter, and torch or the stand-in. Nothing is imported."""

from __future__ import annotations

import ast
import importlib.metadata
import json
from functools import cache
from pathlib import Path
from typing import Any

from engine.errors import PackageMissing

UPSTREAM = Path(__file__).parent / "upstream"  # put there by packaging/build_hook.py
STANDIN = Path(__file__).parent / "standin"
TRANSFORMERS = "4.57."  # llama.cpp's own pin; with 5 its hashes of pre-tokenizers no longer match


def real_torch() -> str | None:
    """Return the versions of torch and transformers if both are installed and fit the converter."""
    try:
        torch, transformers = importlib.metadata.version("torch"), importlib.metadata.version("transformers")
    except importlib.metadata.PackageNotFoundError:
        return None
    return f"torch {torch}, transformers {transformers}" if transformers.startswith(TRANSFORMERS) else None


@cache
def versions() -> dict[str, str]:
    """Return the release that the converter was taken from and its llama.cpp revision, as the build hook noted them."""
    try:
        lines = (UPSTREAM / "STAMP").read_text("utf-8").splitlines()
    except OSError:
        return {}
    return dict(line.split(" ", 1) for line in lines if not line.startswith("sha256"))


@cache
def known_architectures() -> frozenset[str]:
    """Return the names in a ``config.json`` that the converter has a class for.

    Raises :class:`PackageMissing` where this installation has no converter.
    """
    return _table("TEXT_MODEL_MAP")


@cache
def known_projectors() -> frozenset[str]:
    """Return the names of models that see or hear and of whose projector (mmproj) the converter has a class.

    Raises :class:`PackageMissing` as :func:`known_architectures` does.
    """
    return _table("MMPROJ_MODEL_MAP")


def _table(name: str) -> frozenset[str]:
    try:
        source = (UPSTREAM / "conversion" / "__init__.py").read_text("utf-8")
    except OSError as error:
        raise PackageMissing("llama.cpp's converter", reason="it is not part of this installation.") from error
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == name:
            assert statement.value is not None
            return frozenset(ast.literal_eval(statement.value))
    raise PackageMissing("llama.cpp's converter", reason="it has moved its table of architectures.")


@cache
def _families() -> dict[str, Any]:
    return json.loads((STANDIN / "transformers" / "defaults.json").read_text("utf-8"))


def standin_families() -> frozenset[str]:
    """Return the model types whose configuration is completed without torch as transformers completes it."""
    return frozenset(name for name in _families() if name and "." not in name)


def standin_knows(family: str) -> bool:
    """Tell whether a model type converts without torch: one of the table, or one that transformers knows nothing of.

    For the latter the converter reads the bare ``config.json``, with torch as without.
    """
    return family in standin_families() or family not in _families()[""]["families"]
