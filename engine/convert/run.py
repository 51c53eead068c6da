"""Carries out a plan: each step in a process of its own, the result under a temporary name until it is checked."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine import __version__
from engine.catalog import records
from engine.convert import toolchain
from engine.convert.leftovers import remove_leftovers, unfinished
from engine.convert.plan import Plan
from engine.errors import Cancelled, DamagedFile, DiskFull, EngineError, Refused, UnsupportedModel
from engine.events import Event, Finished, Notice
from engine.process.host import Request, Worker

DOING = "the conversion"


class Conversion:
    """A job: iterate once for its events; the last is ``Finished(Checkpoint)``.

    Whatever happens, nothing half-made stays: neither a file nor an empty folder.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._cancelled = False
        self._worker: Worker | None = None
        self._request: Request | None = None
        self._results: dict[str, Any] = {}
        self._seconds: dict[str, float] = {}

    def cancel(self) -> None:
        """Stop at once: native code asks nobody, so its process is ended."""
        self._cancelled = True
        request, worker = self._request, self._worker
        if request and worker:
            request.cancel()
            worker.kill()

    def __iter__(self) -> Iterator[Event]:
        """Raise the plan's first problem, the error of a step, or :class:`Cancelled`."""
        if self.plan.problems:
            raise self.plan.problems[0]
        folder = self.plan.target.parent
        new_folder = _first_missing(folder)
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        cast, made = unfinished(folder), unfinished(folder)
        try:
            for note in self.plan.notes:
                yield Notice(note)
            yield from self._steps(cast, made)
            self._finish(made)
        except DiskFull as error:
            raise self._with_needs(error) from error
        except DamagedFile as error:
            raise self._of_the_source(error, cast, made) from error
        finally:
            self._end_worker()
            _remove(cast, made)
            _remove_empty(folder, new_folder)
        yield Finished(self.plan.library.entry_at(self.plan.target))

    def _steps(self, cast: Path, made: Path) -> Iterator[Event]:
        plan, source = self.plan, self.plan.source
        assert plan.recipe is not None and source.facts is not None
        if not source.is_gguf:
            output = cast if plan.quantizes else made
            yield from self._step("cast", folder=str(source.path), target=str(output), output_type=plan.output_type)
            self._end_worker()  # its memory comes back before the next step asks for its own
        if plan.quantizes:
            given = source.path if source.is_gguf else cast
            yield from self._step(
                "quantize", source=str(given), target=str(made), level=plan.recipe.level, threads=plan.threads
            )
            _remove(cast)
        yield from self._step(
            "check", file=str(made), format_id=plan.recipe.format_id, tensors=len(source.facts.tensors)
        )
        yield from self._step("hash", files=[*map(str, source.files), str(made)])

    def _step(self, do: str, **arguments: Any) -> Iterator[Event]:
        """Run one step in the worker; its result and its seconds are kept."""
        if self._cancelled:
            raise Cancelled(_title(DOING))
        start_s = time.monotonic()
        self._worker = self._worker or Worker("engine.convert.worker", doing=DOING)
        self._request = self._worker.ask(do, **arguments)
        if self._cancelled:  # between the first look and the request
            self.cancel()
        for event in self._request:
            if not isinstance(event, Finished):
                yield event
        self._results[do] = self._request.result
        self._seconds[do] = round(time.monotonic() - start_s, 3)

    def _of_the_source(self, error: DamagedFile, *unfinished_files: Path) -> EngineError:
        """Say what is wrong with the source, where a step only knows the unfinished file that was made of it."""
        plan, details = self.plan, error.details
        if details["file"] not in map(str, unfinished_files):
            return error
        if "NaN" not in details["found"]:
            architecture = plan.source.facts.architecture if plan.source.facts else plan.source.family
            return UnsupportedModel(architecture, "This llama.cpp", f"it cannot open the result ({details['found']})")
        if plan.output_type == "f16" and plan.source.stored_type != "F16":
            return Refused(
                f"{plan.source.path.name} has weights that are too large for F16, or are no numbers at all.",
                "Choose BF16, Q8_0 or a smaller format.",
            )
        return DamagedFile(str(plan.source.path), details["expected"], details["found"])

    def _finish(self, made: Path) -> None:
        """Give the result its name, and write its record beside it."""
        hashes = self._results["hash"]
        record = self._record(hashes, hashes.pop(str(made)), made.stat().st_size)
        if self.plan.target.exists():
            raise Refused(f"{self.plan.target} has come into being meanwhile.", "Choose another name.")
        made.replace(self.plan.target)
        records.write(self.plan.target, record)

    def _record(self, source_hashes: dict[str, str], sha256: str, size_bytes: int) -> dict[str, Any]:
        plan, results = self.plan, self._results
        assert plan.recipe is not None
        check, cast = results["check"], results.get("cast", {})
        return {
            "format_id": plan.recipe.format_id,
            "sha256": sha256,
            "size_bytes": size_bytes,
            "source": {
                "path": str(plan.source.path),
                "stored_type": plan.source.stored_type,
                "sha256": {Path(path).name: digest for path, digest in source_hashes.items()},
            },
            "recipe": dataclasses.asdict(plan.recipe),
            "versions": {"halfbyte": __version__, **toolchain.versions(), "cast_on": cast.get("runs_on", "")},
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": self._seconds,
            "peak_memory_bytes": max(result.get("peak_memory_bytes", 0) for result in (check, cast)),
            "tensor_types": check["tensor_types"],
            "bits_per_weight": check["bits_per_weight"],
        }

    def _with_needs(self, error: DiskFull) -> DiskFull:
        """Say how much is needed: the step that failed only knows that it was too much."""
        needs = self.plan.needs
        folder = str(self.plan.target.parent)
        return DiskFull(needs.disk_bytes, error.details["free_bytes"], folder) if needs else error

    def _end_worker(self) -> None:
        worker, self._worker, self._request = self._worker, None, None
        if worker:
            worker.kill()
            worker.close()


def _title(doing: str) -> str:
    return doing[:1].upper() + doing[1:]


def _remove(*files: Path) -> None:
    for file in files:
        with contextlib.suppress(OSError):  # the next conversion tries again
            file.unlink(missing_ok=True)


def _first_missing(folder: Path) -> Path | None:
    """Return the uppermost folder that is to be made, ``None`` if all exist."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    return missing[-1] if missing else None


def _remove_empty(folder: Path, new_folder: Path | None) -> None:
    """Remove the folders that were made for nothing."""
    while new_folder and folder.is_dir() and new_folder in (folder, *folder.parents) and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
