"""What a file is to become, as one hash: of the source, the settings and the versions.

Weights are told by name, size and time of change, and not by their hash, which would cost a pass over all of them
before the first byte is made; the hash itself goes into the record.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from engine import __version__
from engine.convert import toolchain
from engine.convert.plan import Plan


def identity_of(plan: Plan) -> str:
    """Return the identity of a plan's result: 64 hexadecimal digits."""
    parts = {
        "recipe": dataclasses.asdict(plan.recipe) if plan.recipe else None,
        "output_type": plan.output_type,
        "target": plan.target.name,
        "source": list(_files(plan.source.path)),
        "texts": [found for text in plan.calibration for found in _files(text)],
        "own_words": plan.options.own_words,
        "imatrix": list(_files(plan.imatrix)) if plan.imatrix else [],
        "versions": [__version__, toolchain.versions(), toolchain.real_torch()],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _files(path: Path) -> Iterator[tuple[str, int, int]]:
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file.is_file():
            stat = file.stat()
            yield str(file), stat.st_size, stat.st_mtime_ns
