"""What the person told their system about what they need to see: high contrast, little motion.

Each system is asked itself: Qt has the contrast only since 6.10, where PySide6 (6.11) deletes the object that tells it,
and no motion. Linux: the desktop portal, without waiting for its answer.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from PySide6.QtDBus import QDBusPendingCallWatcher

HIGH_CONTRAST, LESS_MOTION = "high_contrast", "less_motion"
# The portal's namespace and key, the value that says so, and what it says.
# Source: xdg-desktop-portal, org.freedesktop.impl.portal.Settings.xml; GNOME's gsettings-desktop-schemas.
_PORTAL = (
    ("org.freedesktop.appearance", "contrast", 1, HIGH_CONTRAST),
    ("org.gnome.desktop.a11y.interface", "high-contrast", True, HIGH_CONTRAST),
    ("org.freedesktop.appearance", "reduced-motion", 1, LESS_MOTION),
    ("org.gnome.desktop.interface", "enable-animations", False, LESS_MOTION),
)
_MACOS = {"increaseContrast": HIGH_CONTRAST, "reduceMotion": LESS_MOTION}  # of com.apple.universalaccess
_GET_HIGH_CONTRAST, _IS_ON, _GET_ANIMATION = 0x42, 1, 0x1042  # winuser.h: SPI_GETHIGHCONTRAST, HCF_…, SPI_GETCLIENT…


class _HighContrast(ctypes.Structure):
    """``HIGHCONTRASTW`` (winuser.h)."""

    _fields_ = [("size", ctypes.c_uint), ("flags", ctypes.c_uint), ("scheme", ctypes.c_void_p)]


class Wishes(QObject):
    """What is wished for; ``changed`` when more is known. Nothing is before :meth:`ask`."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wished: set[str] = set()

    @property
    def high_contrast(self) -> bool:
        return HIGH_CONTRAST in self._wished

    @property
    def less_motion(self) -> bool:
        return LESS_MOTION in self._wished

    def ask(self) -> None:
        """Ask the system, once; it takes some 30 ms, which the window's start need not wait for."""
        if sys.platform == "win32":
            self._wish(*_of_windows())
        elif sys.platform == "darwin":
            self._wish(*_of_macos())
        elif QApplication.platformName() in ("xcb", "wayland"):
            self._ask_portal()

    def _wish(self, *wished: str) -> None:
        if not self._wished.issuperset(wished):
            self._wished.update(wished)
            self.changed.emit()

    def _ask_portal(self) -> None:
        from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusPendingCallWatcher

        portal = ("org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop")
        for index, (space, key, _, _) in enumerate(_PORTAL):
            call = QDBusMessage.createMethodCall(*portal, "org.freedesktop.portal.Settings", "Read")
            call.setArguments([space, key])
            call.setAutoStartService(False)
            watcher = QDBusPendingCallWatcher(QDBusConnection.sessionBus().asyncCall(call), self)
            watcher.setProperty("question", index)
            watcher.finished.connect(self._on_told)

    @Slot("QDBusPendingCallWatcher*")
    def _on_told(self, watcher: QDBusPendingCallWatcher) -> None:
        told = watcher.reply().arguments()
        *_, says, wish = _PORTAL[watcher.property("question")]
        watcher.deleteLater()
        if told and _plain(told[0]) == says:
            self._wish(wish)


def _plain(value: object) -> object:
    """Return what lies in the variants of an answer."""
    while hasattr(value, "variant"):
        value = value.variant()  # type: ignore[attr-defined]
    return value


def _of_windows() -> set[str]:
    ask = ctypes.windll.user32.SystemParametersInfoW  # type: ignore[attr-defined]
    contrast, shown = _HighContrast(ctypes.sizeof(_HighContrast)), ctypes.c_int(1)
    ask(_GET_HIGH_CONTRAST, contrast.size, ctypes.byref(contrast), 0)
    ask(_GET_ANIMATION, 0, ctypes.byref(shown), 0)
    wished = {HIGH_CONTRAST} if contrast.flags & _IS_ON else set()
    return wished if shown.value else {*wished, LESS_MOTION}


def _of_macos() -> set[str]:
    def is_on(key: str) -> bool:
        ask = ["defaults", "read", "com.apple.universalaccess", key]
        return subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip() == "1"

    return {wish for key, wish in _MACOS.items() if is_on(key)}
