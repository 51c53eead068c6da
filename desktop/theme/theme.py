"""Put the theme on the application and keep it in step with the system."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QApplication

from desktop.theme.colours import DARK, LIGHT, Colours, palette_of
from desktop.theme.fonts import text_font
from desktop.theme.stylesheet import stylesheet


class Theme(QObject):
    """The look in force. ``choice`` is the setting: ``system``, ``light`` or ``dark``.

    Where the system does not say (``ColorScheme.Unknown``), ``system`` is light.
    """

    changed = Signal(Colours)

    def __init__(self, app: QApplication, choice: str = "system") -> None:
        super().__init__(app)
        self._app = app
        self._choice = choice
        self.colours = self._wanted()
        app.setStyle("Fusion")
        app.setFont(text_font(app.font()))
        app.styleHints().colorSchemeChanged.connect(self._follow)
        self._apply()

    def choose(self, choice: str) -> None:
        """Switch now, to ``system``, ``light`` or ``dark``."""
        self._choice = choice
        self._follow()

    @Slot()
    def _follow(self) -> None:
        if self._wanted() != self.colours:
            self.colours = self._wanted()
            self._apply()
            self.changed.emit(self.colours)

    def _wanted(self) -> Colours:
        if self._choice != "system":
            return DARK if self._choice == "dark" else LIGHT
        return DARK if self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark else LIGHT

    def _apply(self) -> None:
        self._app.setPalette(palette_of(self.colours))
        self._app.setStyleSheet(stylesheet(self.colours, self._app.font().pointSizeF()))
