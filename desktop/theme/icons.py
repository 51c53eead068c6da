"""The icons: SVG files of one style (24 by 24, a stroke of 1.75, round ends), drawn in the colours of the moment.

A file says ``currentColor``; what it becomes follows the application's palette, so a theme change needs no new icons.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from desktop.theme.colours import Colours, current


@cache
def folder() -> Path:
    """Return the folder of the icon files: beside the package when installed, at the root of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "resources" / "icons"
    return installed if installed.is_dir() else package.parent / "resources" / "icons"


def icon(name: str, colour: str = "text_muted", active: str = "") -> QIcon:
    """Return an icon in one of the palette's colours, named as :class:`Colours` names it.

    ``active`` is the colour while its button is checked. Raises ``FileNotFoundError`` for an unknown icon.
    """
    return QIcon(_Engine(_source(name), colour, active or colour))


def pixmap(name: str, colour: str, size: int, scale: float = 1.0) -> QPixmap:
    """Return an icon's picture, ``size`` device-independent pixels high and wide."""
    return _draw(_source(name), getattr(current(), colour), QSize(size, size) * scale, scale)


def app_icon() -> QIcon:
    """Return the app's own icon, in its own colours."""
    picture = QIcon()
    for size in (16, 24, 32, 48, 64, 128, 256):
        picture.addPixmap(_draw(_source("halfbyte"), "#000000", QSize(size, size), 1.0))
    return picture


@cache
def _source(name: str) -> str:
    return (folder() / f"{name}.svg").read_text("utf-8")


class _Engine(QIconEngine):
    def __init__(self, source: str, colour: str, active: str) -> None:
        super().__init__()
        self._source = source
        self._colour = colour
        self._active = active
        self._drawn: dict[tuple[str, int, int], QPixmap] = {}

    def clone(self) -> QIconEngine:
        return _Engine(self._source, self._colour, self._active)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        device = painter.device()
        scale = device.devicePixelRatio() if device else 1.0
        painter.drawPixmap(rect, self.scaledPixmap(rect.size() * scale, mode, state, scale))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        if size.isEmpty():
            return QPixmap()  # of a widget that has no room yet
        colour = self._colour_of(current(), mode, state)
        key = (colour, size.width(), size.height())
        if key not in self._drawn:
            self._drawn[key] = _draw(self._source, colour, size, scale)
        return self._drawn[key]

    def _colour_of(self, colours: Colours, mode: QIcon.Mode, state: QIcon.State) -> str:
        if mode == QIcon.Mode.Disabled:
            return colours.text_disabled
        return getattr(colours, self._active if state == QIcon.State.On else self._colour)


def _draw(source: str, colour: str, size: QSize, scale: float) -> QPixmap:
    picture = QPixmap(size)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    renderer = QSvgRenderer(QByteArray(source.replace("currentColor", colour).encode()))
    renderer.render(painter, QRectF(0, 0, size.width(), size.height()))
    painter.end()
    picture.setDevicePixelRatio(scale)
    return picture
