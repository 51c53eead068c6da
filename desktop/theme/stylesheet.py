"""Fill the one stylesheet, ``halfbyte.qss``, with a palette and the scale; high contrast has a second one for edges."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from string import Template

from desktop.theme import scale
from desktop.theme.colours import Colours
from desktop.theme.icons import folder as icon_folder


def stylesheet(colours: Colours, base_points: float) -> str:
    """Return the stylesheet. Raises ``KeyError`` for a name that the palette and the scale do not have."""
    names = ("halfbyte.qss", *(("contrast.qss",) if colours.high_contrast else ()))
    text = "".join(Path(__file__).with_name(name).read_text("utf-8") for name in names)
    return Template(text).substitute(
        dataclasses.asdict(colours),
        icons=icon_folder().as_posix(),
        radius=f"{scale.RADIUS}px",
        radius_small=f"{scale.RADIUS_SMALL}px",
        caption=scale.points(scale.CAPTION, base_points),
        heading=scale.points(scale.HEADING, base_points),
        title=scale.points(scale.TITLE, base_points),
    )
