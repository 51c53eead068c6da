"""The palettes. Text on its ground keeps a contrast of 4.5:1, borders of controls and marks 3:1 (WCAG 2.2, AA).

Those of high contrast keep 7:1 (AAA) and 4.5:1, and every ground has an edge.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QColor, QGuiApplication, QPalette


@dataclass(frozen=True, slots=True)
class Colours:
    """Every colour that is drawn, as ``#rrggbb``, named after its use and not after its hue.

    ``*_soft`` are grounds, and ``on_*`` text on a ground. ``weights`` to ``runtime`` are the terms of a memory bar.
    """

    name: str
    window: str
    surface: str  # cards and pages that lie on the window
    sunken: str  # wells: code, progress grooves, the unused part of a bar
    hover: str
    border: str  # decoration
    border_strong: str  # edges that tell where a control is
    text: str
    text_muted: str
    text_disabled: str
    accent: str
    accent_hover: str
    accent_pressed: str
    on_accent: str
    accent_soft: str
    on_accent_soft: str
    good: str
    good_soft: str
    warning: str
    warning_soft: str
    bad: str
    bad_soft: str
    weights: str
    kv_cache: str
    compute: str
    runtime: str
    high_contrast: bool = False

    @property
    def dark(self) -> bool:
        return self.name == "dark"


LIGHT = Colours(
    name="light",
    window="#f5f5f2",
    surface="#ffffff",
    sunken="#ebebe6",
    hover="#efefeb",
    border="#e0e0da",
    border_strong="#878c88",
    text="#1a1d1b",
    text_muted="#59605b",
    text_disabled="#9a9f9b",
    accent="#0e6f66",
    accent_hover="#0b5f57",
    accent_pressed="#084d47",
    on_accent="#ffffff",
    accent_soft="#dcefec",
    on_accent_soft="#0a4f49",
    good="#1b6e3c",
    good_soft="#e0f2e5",
    warning="#854f00",
    warning_soft="#fbeed6",
    bad="#b3261e",
    bad_soft="#fce8e6",
    weights="#0e6f66",
    kv_cache="#a85f00",
    compute="#5b5fb5",
    runtime="#7a807c",
)

DARK = Colours(
    name="dark",
    window="#131614",
    surface="#1b1f1d",
    sunken="#0d0f0e",
    hover="#242a27",
    border="#2e3431",
    border_strong="#707a74",
    text="#e7ebe8",
    text_muted="#a2aba5",
    text_disabled="#666e69",
    accent="#5ccfc0",
    accent_hover="#7adccf",
    accent_pressed="#46b5a7",
    on_accent="#06231f",
    accent_soft="#1c3a36",
    on_accent_soft="#a9e8df",
    good="#7bd498",
    good_soft="#17301f",
    warning="#f0bc6b",
    warning_soft="#362a14",
    bad="#ff9c94",
    bad_soft="#3f1e1b",
    weights="#5ccfc0",
    kv_cache="#f0bc6b",
    compute="#9fa3f5",
    runtime="#8b948e",
)

CONTRAST_LIGHT = Colours(
    name="light",
    window="#ffffff",
    surface="#ffffff",
    sunken="#f0f0f0",
    hover="#e6e6e6",
    border="#000000",
    border_strong="#000000",
    text="#000000",
    text_muted="#1f1f1f",
    text_disabled="#595959",
    accent="#00429d",
    accent_hover="#003379",
    accent_pressed="#002455",
    on_accent="#ffffff",
    accent_soft="#dbe7ff",
    on_accent_soft="#00265c",
    good="#004d1d",
    good_soft="#e3f5e8",
    warning="#5c3300",
    warning_soft="#fff0d6",
    bad="#8c0009",
    bad_soft="#ffe7e5",
    weights="#00429d",
    kv_cache="#7a4100",
    compute="#4a2a9c",
    runtime="#4d4d4d",
    high_contrast=True,
)

CONTRAST_DARK = Colours(
    name="dark",
    window="#000000",
    surface="#000000",
    sunken="#1a1a1a",
    hover="#262626",
    border="#ffffff",
    border_strong="#ffffff",
    text="#ffffff",
    text_muted="#f0f0f0",
    text_disabled="#a6a6a6",
    accent="#ffe14d",
    accent_hover="#fff0a0",
    accent_pressed="#e6c200",
    on_accent="#000000",
    accent_soft="#33300a",
    on_accent_soft="#ffe14d",
    good="#7dff9c",
    good_soft="#002b0d",
    warning="#ffd27a",
    warning_soft="#2e1f00",
    bad="#ffb3ad",
    bad_soft="#3d0400",
    weights="#ffe14d",
    kv_cache="#ff9d5c",
    compute="#c7b8ff",
    runtime="#c8c8c8",
    high_contrast=True,
)

PALETTES = (LIGHT, DARK, CONTRAST_LIGHT, CONTRAST_DARK)


def chosen(*, dark: bool, high_contrast: bool) -> Colours:
    """Return the palette of two choices."""
    return next(one for one in PALETTES if one.dark == dark and one.high_contrast == high_contrast)


def current() -> Colours:
    """Return the palette that the application is drawn in now."""
    window = QGuiApplication.palette().color(QPalette.ColorRole.Window)
    known = next((one for one in PALETTES if one.window == window.name()), None)
    return known or chosen(dark=window.lightness() < 128, high_contrast=False)


def palette_of(colours: Colours) -> QPalette:
    """Return Qt's palette of the same colours, for what the stylesheet does not reach."""
    palette = QPalette()
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    for names, colour in {
        (role.Window, role.Button): colours.window,
        (role.Base, role.ToolTipBase): colours.surface,
        (role.AlternateBase,): colours.hover,
        (role.Text, role.WindowText, role.ButtonText, role.ToolTipText, role.BrightText): colours.text,
        (role.PlaceholderText,): colours.text_muted,
        (role.Highlight, role.Link, role.LinkVisited, role.Accent): colours.accent,
        (role.HighlightedText,): colours.on_accent,
        (role.Light, role.Midlight): colours.hover,
        (role.Mid, role.Dark): colours.border_strong,
        (role.Shadow,): colours.border,
    }.items():
        for name in names:
            palette.setColor(name, QColor(colour))
    for name in (role.Text, role.WindowText, role.ButtonText):
        palette.setColor(group.Disabled, name, QColor(colours.text_disabled))
    return palette


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, definition of “contrast ratio”)."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """Return the relative luminance of an sRGB colour (WCAG 2.2)."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
