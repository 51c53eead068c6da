"""Draw the app's icon for systems whose programs carry one: ``icons.py FILE.png``, in the environment that is frozen.

PyInstaller makes an .icns or .ico with all their sizes of it, through Pillow (its manual, the option ``--icon``).
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

SIDE_PX = 1024  # the largest an .icns holds: 512 points at double density
SOURCE = Path(__file__).resolve().parents[1] / "resources" / "icons" / "halfbyte.svg"


def draw(target: Path) -> None:
    """Write the icon as a square PNG with a transparent ground. Raises :class:`OSError`."""
    image = QImage(SIDE_PX, SIDE_PX, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(str(SOURCE)).render(painter)
    painter.end()
    target.parent.mkdir(parents=True, exist_ok=True)
    if not image.save(str(target)):
        raise OSError(f"The icon could not be written to {target}.")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
