"""The fonts: the system's own, or the best one installed where the system has no opinion."""

from __future__ import annotations

from PySide6.QtGui import QFont, QFontDatabase

# A bare X server has no font setting and Qt then takes whatever “Sans Serif” is.
_PREFERRED = ("Inter", "Cantarell", "Noto Sans", "Ubuntu", "Open Sans")
_NO_CHOICE = ("", "Sans Serif", "Sans", "DejaVu Sans")
_SMALLEST_POINTS = 10.0


def text_font(system: QFont) -> QFont:
    """Return the font of all text, from the one that the system gives."""
    font = QFont(system)
    if font.family() in _NO_CHOICE:
        installed = set(QFontDatabase.families())
        font.setFamilies([*(name for name in _PREFERRED if name in installed), font.family()])
    font.setPointSizeF(max(font.pointSizeF(), _SMALLEST_POINTS))
    return font


def fixed_font() -> QFont:
    """Return the font of code, logs and paths."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPointSizeF(max(font.pointSizeF(), _SMALLEST_POINTS) * 0.95)
    return font
