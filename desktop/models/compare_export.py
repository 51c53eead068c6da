"""Write what was measured to a file whose ending says how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QImage

from desktop.language import tr
from engine.errors import Refused
from engine.measure.export import Votes, to_csv, to_json, to_markdown
from engine.measure.report import Report

_WRITERS: dict[str, Callable[[Sequence[Report], Votes], str]] = {".csv": to_csv, ".json": to_json, ".md": to_markdown}


def write_reports(path: Path, reports: Sequence[Report], picture: QImage, votes: Votes) -> Path:
    """Write the reports with their votes or, to a ``.png``, the picture; return the path. Raises :class:`Refused`.

    The file appears whole, or what was there before stays.
    """
    writer = _WRITERS.get(path.suffix)
    content = writer(reports, votes).encode() if writer else _png(picture)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise Refused(
            tr("{path} cannot be written: {reason}.").format(path=path, reason=reason), tr("Choose another folder.")
        ) from error
    return path


def _png(picture: QImage) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())
