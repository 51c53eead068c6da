"""The two palettes. Text on its ground keeps a contrast of 4.5:1, borders of controls and marks 3:1 (WCAG 2.2)."""

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


def current() -> Colours:
    """Return the palette that the application is drawn in now."""
    return DARK if QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128 else LIGHT


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
