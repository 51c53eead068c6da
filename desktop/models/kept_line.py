"""The line of conversions on the disk: what was asked for and is not made yet. An unreadable file is no line."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from desktop.models.making import LearnsFrom, Manner, Waiting
from desktop.models.plan_words import Prepared, prepare
from engine.catalog.library import Library
from engine.errors import EngineError
from engine.paths import folders

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """What a conversion is planned from: a plan itself is of its moment, and made again."""

    source: Path
    format_id: str
    manner: Manner = Manner()  # noqa: RUF009 (frozen)

    @classmethod
    def of(cls, waiting: Waiting) -> Kept:
        return cls(waiting.plan.source.path, waiting.format_id, waiting.manner)


def line_file() -> Path:
    return folders().data / "conversions.json"


def write(file: Path, line: Sequence[Kept]) -> None:
    """Write the line under a temporary name first; a full disk loses the line and nothing else."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    content = {"schema": SCHEMA, "line": [_record(kept) for kept in line]}
    with contextlib.suppress(OSError):
        if line:
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
            temporary.replace(file)
        else:
            file.unlink(missing_ok=True)


def read(file: Path) -> tuple[Kept, ...]:
    """Return the line; empty where the file is missing, damaged or of a newer Halfbyte."""
    try:
        content = json.loads(file.read_text("utf-8"))
        return tuple(map(_kept, content["line"])) if content["schema"] == SCHEMA else ()
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ()


def restored(file: Path, library: Library) -> tuple[Prepared, ...]:
    """Plan again what the file has. It blocks: run it as a job."""
    return tuple(_planned(read(file), library))


def _planned(line: Sequence[Kept], library: Library) -> Iterator[Prepared]:
    for kept in line:
        with contextlib.suppress(EngineError):  # its source is gone
            prepared = prepare(kept.source, kept.format_id, library, kept.manner)
            if prepared.plan.recipe and not prepared.made_before:
                yield prepared


def _record(kept: Kept) -> dict[str, Any]:
    manner = kept.manner
    return {
        "source": str(kept.source),
        "format_id": kept.format_id,
        "importance": manner.importance,
        "learns_from": manner.learns_from,
        "files": [str(file) for file in manner.files],
        "compares": manner.compares,
        "samples": manner.samples,
        "sample_tokens": manner.sample_tokens,
    }


def _kept(record: dict[str, Any]) -> Kept:
    """Raise :class:`ValueError`, :class:`KeyError` or :class:`TypeError` for what :func:`write` did not write."""
    learns_from = record["learns_from"]
    if learns_from not in get_args(LearnsFrom):
        raise ValueError(learns_from)
    files = tuple(Path(file) for file in record["files"])
    numbers = (int(record.get(name, 0)) for name in ("samples", "sample_tokens"))  # earlier versions wrote none
    manner = Manner(bool(record["importance"]), learns_from, files, bool(record["compares"]), *numbers)
    return Kept(Path(record["source"]), str(record["format_id"]), manner)
