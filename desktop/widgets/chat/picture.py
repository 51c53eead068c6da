"""A formula's drawing as a picture that stands on the line of the text around it."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QFont, QFontInfo, QFontMetricsF, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from desktop.widgets.chat.formulas import INK, Drawing

DENSITY = 2.0  # pixels for each of the screen's logical ones, so that it is sharp on a dense screen too
LARGER = 1.12  # the letters of STIX are smaller than those of an interface font of the same size
WIDEST = 30.0  # em; a wider one is made smaller


@dataclass(frozen=True, slots=True)
class Picture:
    """``name`` is what a document knows it by; sizes are in logical pixels."""

    name: str
    image: QImage
    width: float
    height: float


def picture(drawing: Drawing, font: QFont, colour: str) -> Picture:
    """Return a picture that has to be aligned to the middle of the text, the one alignment that lowers it.

    Qt puts the middle of the picture a quarter of an x-height above the line (QTextDocumentLayout::resizeInlineObject),
    so the picture is made as high as it takes for the formula to stand on the line.
    """
    em = QFontInfo(font).pixelSize() * min(LARGER, WIDEST / drawing.width_em)
    quarter_x = QFontMetricsF(font).xHeight() / 4
    depth = drawing.depth_em * em
    rise = drawing.height_em * em - depth
    half = max(depth + quarter_x, rise - quarter_x)
    width, height = drawing.width_em * em, 2 * half
    image = QImage(round(width * DENSITY) + 1, round(height * DENSITY) + 1, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(DENSITY)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    top = half + quarter_x - rise
    area = QRectF(0, top, width, drawing.height_em * em)
    QSvgRenderer(QByteArray(drawing.svg.replace(INK, colour).encode())).render(painter, area)
    painter.end()
    return Picture(f"formula:{id(drawing)}:{em:.2f}:{colour}", image, width, height)
