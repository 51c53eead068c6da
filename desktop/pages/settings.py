"""The settings, drawn from their table: a new row there is a new line here."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal, Slot

from desktop.language import QT_TR_NOOP, tr
from desktop.widgets.about_card import AboutCard
from desktop.widgets.card import Card
from desktop.widgets.controls import button, label
from desktop.widgets.folders_card import FoldersCard
from desktop.widgets.hub_card import HubCard
from desktop.widgets.page import Page
from desktop.widgets.setting_row import SettingRow
from engine.errors import Refused
from engine.settings import DEFAULTS, TABLE, Settings

# The cards and what stands in them; rows of the table that are not named here stand in the last one.
GROUPS: Mapping[str, tuple[str, ...]] = {
    QT_TR_NOOP("Halfbyte"): ("theme", "contrast", "motion", "models_folder"),
    QT_TR_NOOP("Downloads"): ("download_limit_mb_s", "continue_downloads"),
    QT_TR_NOOP("Running models"): (
        "context_tokens",
        "when_full",
        "cache_type",
        "flash_attention",
        "gpu_layers",
        "threads",
        "guess_ahead",
        "draft_model",
        "kept_prompts_gb",
    ),
    QT_TR_NOOP("Answers"): (),
}
_ICONS = {"Halfbyte": "settings", "Downloads": "download", "Running models": "speed", "Answers": "chat"}


class SettingsPage(Page):
    """Edit :class:`Settings`; ``changed`` tells the new ones at once, there is nothing to save by hand."""

    changed = Signal(object)

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            self.tr("Settings"),
            self.tr("What you change here holds at once; a loaded model takes it at its next start."),
        )
        self._settings = settings
        self.rows: dict[str, SettingRow] = {}
        self.reset = button(self.tr("Reset all"), "quiet", "undo")
        self.reset.clicked.connect(self._on_reset_all)
        self.buttons.addWidget(self.reset)
        for complaint in settings.complaints:
            self.column.addWidget(label(complaint, "warning", wraps=True))
        for heading, names in grouped().items():
            self.column.addWidget(self._card(heading, names))
        self.hub = HubCard()
        self.folders = FoldersCard()
        self.about = AboutCard()
        for card in (self.hub, self.folders, self.about):
            self.column.addWidget(card)
        self.column.addStretch(1)
        self._show_reset()

    def show_settings(self, settings: Settings) -> None:
        """Show values without telling of them."""
        self._settings = settings
        for name, line in self.rows.items():
            line.show_value(settings[name])
        self._show_reset()

    def _card(self, heading: str, names: tuple[str, ...]) -> Card:
        card = Card(tr(heading), _ICONS[heading])
        for name in names:
            line = SettingRow(TABLE[name], self._settings[name])
            line.changed.connect(self._on_changed)
            self.rows[name] = line
            card.body.addWidget(line)
        return card

    @Slot(str, object)
    def _on_changed(self, name: str, value: object) -> None:
        self.banner.clear()
        try:
            self._settings = self._settings.changed(**{name: value})
        except Refused as error:
            self.show_error(error)
            return
        self._show_reset()
        self.changed.emit(self._settings)

    @Slot()
    def _on_reset_all(self) -> None:
        self.show_settings(DEFAULTS)
        self.changed.emit(self._settings)

    def _show_reset(self) -> None:
        self.reset.setEnabled(any(self._settings[name] != row.default for name, row in TABLE.items()))


def grouped() -> dict[str, tuple[str, ...]]:
    """Return every setting's name in the card that it belongs to."""
    named = {name for names in GROUPS.values() for name in names}
    rest = tuple(name for name in TABLE if name not in named)
    *_, last = GROUPS
    return {heading: (*names, *(rest if heading == last else ())) for heading, names in GROUPS.items()}
