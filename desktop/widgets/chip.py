"""A chip: a few words on a coloured ground, painted into a table's cell."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from desktop.models.verdict import Verdict
from desktop.theme import scale
from desktop.theme.colours import current
from desktop.widgets.row_table import small, strong

_COLOURS = {
    "good": ("good", "good_soft"),
    "warning": ("warning", "warning_soft"),
    "bad": ("bad", "bad_soft"),
    "none": ("text_muted", "sunken"),
}


def paint_chip(painter: QPainter, rect: QRectF, verdict: Verdict) -> None:
    """Draw a chip at the left of ``rect``, in its middle; words that do not fit are cut with dots."""
    ink, ground = (getattr(current(), name) for name in _COLOURS[verdict.level])
    painter.setFont(strong(small(painter.font())))
    metrics = painter.fontMetrics()
    width = min(rect.width(), metrics.horizontalAdvance(verdict.words) + 2 * scale.S)
    height = metrics.height() + scale.XS + 2
    chip = QRectF(rect.left(), rect.center().y() - height / 2, width, height)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(ground))
    painter.drawRoundedRect(chip, scale.RADIUS_SMALL, scale.RADIUS_SMALL)
    painter.setPen(QColor(ink))
    words = metrics.elidedText(verdict.words, Qt.TextElideMode.ElideRight, int(width - 2 * scale.S) + 1)
    painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, words)
