"""What moves by itself: as little as can be where the person, or their system, wants it so."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QApplication

from desktop.theme.wishes import Wishes

_EFFECTS = (
    Qt.UIEffect.UI_AnimateMenu,
    Qt.UIEffect.UI_FadeMenu,
    Qt.UIEffect.UI_AnimateCombo,
    Qt.UIEffect.UI_AnimateTooltip,
    Qt.UIEffect.UI_FadeTooltip,
    Qt.UIEffect.UI_AnimateToolBox,
)
_PROPERTY = "reducedMotion"  # of the application: its widgets ask it


class Motion(QObject):
    """How much moves. ``choice`` is the setting: ``system``, ``all`` or ``reduced``."""

    changed = Signal(bool)

    def __init__(self, app: QApplication, wishes: Wishes, choice: str = "system") -> None:
        super().__init__(app)
        self._app = app
        self._wishes = wishes
        self._flash_ms = app.cursorFlashTime()
        self._choice = choice
        wishes.changed.connect(self._apply)
        self._apply()

    def choose(self, choice: str) -> None:
        """Switch now."""
        self._choice = choice
        self._apply()

    @Slot()
    def _apply(self) -> None:
        reduced = self._wishes.less_motion if self._choice == "system" else self._choice == "reduced"
        if reduced == is_reduced():
            return
        self._app.setProperty(_PROPERTY, reduced)
        self._app.setCursorFlashTime(0 if reduced else self._flash_ms)
        for effect in _EFFECTS:
            self._app.setEffectEnabled(effect, not reduced)
        self.changed.emit(reduced)


def is_reduced() -> bool:
    """Return whether as little as can be is to move in this application."""
    app = QApplication.instance()
    return bool(app and app.property(_PROPERTY))
