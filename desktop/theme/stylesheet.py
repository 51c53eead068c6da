"""Fill the one stylesheet, ``halfbyte.qss``, with a palette and the scale."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from string import Template

from desktop.theme import scale
from desktop.theme.colours import Colours
from desktop.theme.icons import folder as icon_folder


def stylesheet(colours: Colours, base_points: float) -> str:
    """Return the stylesheet. Raises ``KeyError`` for a name that the palette and the scale do not have."""
    text = Path(__file__).with_name("halfbyte.qss").read_text("utf-8")
    return Template(text).substitute(
        dataclasses.asdict(colours),
        icons=icon_folder().as_posix(),
        radius=f"{scale.RADIUS}px",
        radius_small=f"{scale.RADIUS_SMALL}px",
        caption=scale.points(scale.CAPTION, base_points),
        heading=scale.points(scale.HEADING, base_points),
        title=scale.points(scale.TITLE, base_points),
    )
