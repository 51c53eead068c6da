"""Puts what was fetched under its own name into the library, its record first, so that it appears complete or not."""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.catalog import records
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.download.check import SMALL_BYTES
from engine.catalog.download.plan import DownloadPlan
from engine.catalog.download.staging import Staging
from engine.catalog.library import Library
from engine.errors import Refused


def place(plan: DownloadPlan, staging: Staging, library: Library, hashes: Mapping[str, str]) -> Checkpoint:
    """Move the files of a plan to their places and return the model; ``hashes`` are the SHA-256 by path.

    Raises :class:`Refused` if something else is using a file that is to be replaced.
    """
    targets = {file.path: plan.target(library.folder, file.path) for file in plan.files}
    twins = [staging.whole(file) for file in plan.files]
    _settle(whole for file, whole in zip(plan.files, twins, strict=True) if file.size_bytes <= SMALL_BYTES)
    for number, file in enumerate(plan.files):
        target, whole = targets[file.path], staging.whole(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        if number == len(plan.files) - 1:
            _write_record(plan, library, hashes)
        if whole.exists():  # otherwise it was in its place already
            _move(whole, target, keep=whole in twins[number + 1 :])
    checkpoint = library.entry_at(plan.model_path(library.folder))
    staging.discard()
    return checkpoint


def _settle(wholes: Iterable[Path]) -> None:
    """Wait until the disk has the small files: all at once, because one wait mostly does for those written before."""
    for whole in wholes:
        if whole.exists():
            with whole.open("rb+") as file:
                os.fsync(file.fileno())


def _move(whole: Path, target: Path, *, keep: bool) -> None:
    try:
        if keep:  # another file of the plan has the same content
            copy = whole.with_suffix(".copy")
            shutil.copyfile(whole, copy)
            whole = copy
        whole.replace(target)
    except PermissionError as error:  # Windows does not replace a file that is open
        raise Refused(f"{target} is in use.", "Stop the chat that uses it, then continue the download.") from error


def _write_record(plan: DownloadPlan, library: Library, hashes: Mapping[str, str]) -> None:
    files = {file.path: {"bytes": file.size_bytes, "sha256": hashes[file.path]} for file in plan.files}
    record: dict[str, Any] = {
        "source": {"hub": plan.endpoint, "repository": plan.repository, "commit": plan.commit},
        "licence": plan.licence,
        "files": files,
        "fetched": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    if plan.format_id:
        record["format_id"] = plan.format_id
    if plan.entry:
        record["sha256"] = hashes[plan.entry]
    records.write(plan.model_path(library.folder), record)
