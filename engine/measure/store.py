"""Where measurements are kept: reports for good, references and half-done work in the cache.

Everything is written under a temporary name and renamed, or grows by checked frames (``methods/frames.py``): a kill
leaves nothing half-made that could be taken for whole. What cannot be read is as good as not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from engine.errors import Refused
from engine.measure.report import Report, report_from
from engine.paths import Folders, folders

REFERENCES_LIMIT_BYTES = 2_000_000_000


def key_of(record: Mapping[str, Any]) -> str:
    """Return a name for JSON values: equal values, equal name."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:32]


class Store:
    """The measurements on this machine.

    ``limit_bytes`` bounds the references together: those that were used longest ago are removed first.
    """

    def __init__(self, places: Folders | None = None, limit_bytes: int = REFERENCES_LIMIT_BYTES) -> None:
        places = places or folders()
        self.reports_folder = places.data / "measured"
        self.references_folder = places.cache / "measure" / "references"
        self._entries_folder = places.cache / "measure" / "entries"
        self._limit_bytes = limit_bytes

    def reports(self) -> tuple[Report, ...]:
        """Return every report, the latest first."""
        found = [_report(_read(path)) for path in sorted(self.reports_folder.glob("*.json"))]
        kept = [report for report in found if report is not None]
        return tuple(sorted(kept, key=lambda report: report.measured_at, reverse=True))

    def latest(self) -> tuple[Report, ...]:
        """Return the latest report of each file and text, the latest first."""
        newest: dict[tuple[str, str], Report] = {}
        for report in self.reports():
            newest.setdefault((report.sha256, report.texts_sha256), report)
        return tuple(newest.values())

    def report(self, key: str) -> Report | None:
        return _report(_read(self.reports_folder / f"{key}.json"))

    def save(self, key: str, report: Report) -> None:
        _write(self.reports_folder / f"{key}.json", report.as_record())

    def forget(self, sha256: str) -> None:
        """Forget the reports of a file, as when it is deleted."""
        for path in self.reports_folder.glob("*.json"):
            if (_read(path) or {}).get("sha256") == sha256:
                path.unlink(missing_ok=True)

    def entry(self, key: str) -> Any:
        """Return what was kept under a key: one part of a measurement; ``None`` if there is nothing."""
        return _read(self._entries_folder / f"{key}.json")

    def keep(self, key: str, value: Any) -> None:
        _write(self._entries_folder / f"{key}.json", value)

    def drop_entry(self, key: str) -> None:
        (self._entries_folder / f"{key}.json").unlink(missing_ok=True)

    def values_path(self, key: str) -> Path:
        """Return the file in which a scoring that is under way keeps its values."""
        return self._entries_folder / f"{key}.values"

    def reference(self, key: str) -> Path | None:
        """Return a finished reference, and note that it was used."""
        path = self.references_folder / f"{key}.ref"
        if not path.is_file():
            return None
        os.utime(path)
        return path

    def unfinished_reference(self, key: str) -> Path:
        return self.references_folder / f"{key}.part"

    def finish_reference(self, key: str) -> Path:
        """Give a reference that is whole its name, and make room for it."""
        path = self.references_folder / f"{key}.ref"
        self.unfinished_reference(key).replace(path)
        self._make_room(path)
        return path

    def drop_reference(self, key: str) -> None:
        for path in (self.references_folder / f"{key}.ref", self.unfinished_reference(key)):
            path.unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let only one measurement run: two would slow each other down. Raises :class:`Refused`."""
        self.references_folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.references_folder / "measuring.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise Refused("Another measurement is running.", "Wait until it has ended, or stop it.") from error
        try:
            yield
        finally:
            lock.release()

    def _make_room(self, newest: Path) -> None:
        files = [(path.stat(), path) for path in self.references_folder.glob("*.*") if path.suffix in (".ref", ".part")]
        files.sort(key=lambda item: item[0].st_mtime_ns)
        total = sum(status.st_size for status, _ in files)
        for status, path in files:
            if total <= self._limit_bytes:
                return
            if path != newest:
                path.unlink(missing_ok=True)
                total -= status.st_size


def _report(record: Any) -> Report | None:
    try:
        return report_from(record) if record else None
    except (KeyError, TypeError, AttributeError):
        return None


def _read(path: Path) -> Any:
    try:
        wrapped = json.loads(path.read_text("utf-8"))
        return wrapped["value"] if wrapped["check"] == key_of({"value": wrapped["value"]}) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    plain = json.loads(json.dumps(value))  # as it will be read back
    try:
        content = {"check": key_of({"value": plain}), "value": plain}
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
