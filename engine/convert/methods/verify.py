"""One pass over a finished file: its hash, and that every number of it is one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.convert.methods import header, kernels
from engine.errors import DamagedFile

SLAB_BYTES = 4 << 20


def sha256_and_numbers(file: Path, on_bytes: Callable[[int, int], None]) -> str:
    """Return a GGUF file's SHA-256. Raises :class:`DamagedFile` for NaN, infinity or an end that was cut off."""
    found = header.read(file)
    size_bytes = file.stat().st_size
    digest, done = hashlib.sha256(), 0
    with file.open("rb", buffering=0) as opened:

        def pass_over(until: int) -> None:
            nonlocal done
            while done < until:
                chunk = opened.read(min(SLAB_BYTES, until - done))
                if not chunk:
                    raise DamagedFile(str(file), f"{until} bytes", str(done))
                digest.update(chunk)
                done += len(chunk)

        for tensor in sorted(found.tensors, key=lambda tensor: tensor.offset):
            pass_over(tensor.offset)
            row = kernels.row_bytes(tensor.type, tensor.width)
            step, end = max(row, SLAB_BYTES // row * row), tensor.offset + tensor.bytes
            while done < end:
                slab = np.fromfile(opened, np.uint8, min(step, end - done))
                if slab.size == 0 or not kernels.valid(slab, tensor.type):
                    raise DamagedFile(str(file), f"finite numbers in {tensor.name}", "NaN or infinite ones")
                digest.update(slab.data)
                done += slab.size
                on_bytes(done, size_bytes)
        pass_over(size_bytes)
    on_bytes(size_bytes, size_bytes)
    return digest.hexdigest()
