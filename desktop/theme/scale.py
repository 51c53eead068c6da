"""The scale of sizes: distances in device-independent pixels, type as multiples of the person's own font size."""

from __future__ import annotations

# Distances, each half as much again as the one before, on a grid of 4.
XS, S, M, L, XL, XXL = 4, 8, 12, 16, 24, 32

RADIUS = 8
RADIUS_SMALL = 5
CONTROL_HEIGHT = 34
ICON = 18
READING_WIDTH = 920  # a page's column; wider lines and tables are harder to follow

CAPTION, BODY, HEADING, TITLE = 0.88, 1.0, 1.2, 1.7


def points(size: float, base_points: float) -> str:
    """Return a step of the type scale as a stylesheet's length."""
    return f"{size * base_points:.2f}pt"
