"""Quantities in the form of the person's system: its decimal mark, its thousands. Inside: bytes, seconds."""

from __future__ import annotations

from PySide6.QtCore import QLocale

from desktop.language import tr


def use_system_form() -> None:
    """Let a system without a language (“C”) have thousands like the others; call it before any text is made."""
    locale = QLocale()
    if locale.language() is QLocale.Language.C:
        locale.setNumberOptions(QLocale.NumberOption.DefaultNumberOptions)
        QLocale.setDefault(locale)


def number(value: float, decimals: int = 0) -> str:
    """Return 1,024 or 1,024.50."""
    return QLocale().toString(float(value), "f", decimals)


def short_number(value: float, digits: int = 6) -> str:
    """Return a number with the digits that it has, at most so many: 0.6, 1.25, 40."""
    return QLocale().toString(float(value), "g", digits)


def percent(share: float, decimals: int = 0) -> str:
    """Return a share of 1 as 12.5%."""
    return f"{number(100 * share, decimals)}{QLocale().percent()}"


def size(count: float | None) -> str:
    """Return bytes in decimal units, as disks and download pages have them: 7.9 GB."""
    if count is None:
        return "?"
    for unit, step in ((tr("{amount} TB"), 1e12), (tr("{amount} GB"), 1e9), (tr("{amount} MB"), 1e6)):
        if count >= step:
            return unit.format(amount=_scaled(count, step))
    if count >= 1e3:
        return tr("{amount} kB").format(amount=_scaled(count, 1e3))
    return tr("{amount} B").format(amount=number(count))


def duration(seconds: float) -> str:
    """Return a span of time in at most two units."""
    whole = max(0, round(seconds))
    if whole < 60:
        return tr("{seconds} s").format(seconds=whole)
    if whole < 3600:
        return tr("{minutes} min {seconds} s").format(minutes=whole // 60, seconds=whole % 60)
    return tr("{hours} h {minutes} min").format(hours=number(whole // 3600), minutes=whole % 3600 // 60)


def _scaled(count: float, step: float) -> str:
    return number(count / step, 1 if count < 100 * step else 0)
