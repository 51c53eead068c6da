"""Put the theme on the application and keep it in step with the system."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QApplication

from desktop.theme.colours import Colours, chosen, palette_of
from desktop.theme.fonts import text_font
from desktop.theme.stylesheet import stylesheet
from desktop.theme.wishes import Wishes


class Theme(QObject):
    """The look in force. The settings: ``choice`` is system, light or dark, ``contrast`` system, normal or high.

    Where the system does not say (``ColorScheme.Unknown``), ``system`` is light.
    """

    changed = Signal(Colours)

    def __init__(
        self, app: QApplication, choice: str = "system", contrast: str = "system", wishes: Wishes | None = None
    ) -> None:
        super().__init__(app)
        self._wishes = wishes or Wishes(self)
        self._app = app
        self._choice = choice
        self._contrast = contrast
        self.colours = self._wanted()
        app.setStyle("Fusion")
        app.setFont(text_font(app.font()))
        app.styleHints().colorSchemeChanged.connect(self._follow)
        self._wishes.changed.connect(self._follow)
        self._apply()

    def choose(self, choice: str, contrast: str = "system") -> None:
        """Switch now."""
        self._choice, self._contrast = choice, contrast
        self._follow()

    @Slot()
    def _follow(self) -> None:
        if self._wanted() != self.colours:
            self.colours = self._wanted()
            self._apply()
            self.changed.emit(self.colours)

    def _wanted(self) -> Colours:
        dark = self._choice == "dark"
        if self._choice == "system":
            dark = self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark
        high = self._wishes.high_contrast if self._contrast == "system" else self._contrast == "high"
        return chosen(dark=dark, high_contrast=high)

    def _apply(self) -> None:
        self._app.setPalette(palette_of(self.colours))
        self._app.setStyleSheet(stylesheet(self.colours, self._app.font().pointSizeF()))
