"""Whether a result can be where it is to be: what stands in the way, for the plans of all formats."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.convert.estimates import Needs
from engine.errors import DiskFull, EngineError, NotEnoughMemory, NotFound, Refused
from engine.machine import disks, memory
from engine.machine.sources import Live

_LOOKED_AT_BYTES = 1 << 16


def write_problems(target: Path) -> Iterator[EngineError]:
    """Yield why nothing may be written where ``target`` is to lie."""
    folder = disks.existing(target.parent)
    if file := next((path for path in target.absolute().parents if path.is_file()), None):
        yield Refused(f"{file} is a file: nothing can lie in it.", "Choose another folder.")
    elif not os.access(folder, os.W_OK):
        yield Refused(f"Nothing may be written in {folder}.", "Choose another folder.")


def text_problems(files: Iterable[Path]) -> Iterator[EngineError]:
    """Yield why files cannot be calibrated on. No text in UTF-8 has zero bytes; UTF-16 and all else soon does."""
    for file in files:
        try:
            with file.open("rb") as opened:
                is_text = b"\0" not in opened.read(_LOOKED_AT_BYTES)
        except OSError as error:
            yield NotFound(str(file), hint=f"It cannot be read: {error.strerror or error}.")
            continue
        if not is_text:
            yield Refused(f"{file.name} is no text in UTF-8.", "Choose a text file, or save it in UTF-8.")


def fetching_problems(fetched_bytes: int, target: Path) -> Iterator[EngineError]:
    """Yield what the disk lacks for a folder that is to be fetched and whose results are not known."""
    folder = disks.existing(target.parent)
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < fetched_bytes:
        yield DiskFull(fetched_bytes, free_bytes, str(folder))


def room_problems(needed: Needs, target: Path, there_bytes: int = 0) -> Iterator[EngineError]:
    """Yield what the disk of ``target`` and the memory lack; ``there_bytes`` of the result lie there unfinished."""
    folder = disks.existing(target.parent)
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes + there_bytes < needed.disk_bytes:
        yield DiskFull(needed.disk_bytes, free_bytes, str(folder))
    available_bytes = memory.read(Live()).available_bytes
    if available_bytes < needed.memory_bytes:
        yield NotEnoughMemory(needed.memory_bytes, available_bytes)
