"""The chat page's settings of answers, and the presets on the disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, Slot

from desktop.jobs import Call, Jobs, Latest
from desktop.pages.chat import ChatPage
from desktop.widgets.steering.settings_dialog import SettingsDialog
from engine.catalog.checkpoint import Checkpoint
from engine.chat.presets import BUNDLED, LastChosen, Presets
from engine.chat.steering import Choice
from engine.errors import EngineError

Values = Mapping[str, Any]

# What belongs to one conversation, and is not what the next one begins with.
_NOT_USUAL = frozenset({"seed", "json_schema", "grammar", "logprobs"})


class SteeringFlow(QObject):
    """Call :meth:`start` once."""

    def __init__(self, jobs: Jobs, page: ChatPage) -> None:
        super().__init__(page)
        self._jobs = jobs
        self._page = page
        self._presets: Mapping[str, Values] = BUNDLED
        self._model = ""
        self._deleted: tuple[str, Values] | None = None
        self.dialog: SettingsDialog | None = None
        self._reading = Latest(jobs)
        self._reading.finished.connect(self._on_presets)
        self._reading.failed.connect(self._on_failed)
        self._recalling = Latest(jobs)
        self._recalling.finished.connect(self._on_usual)
        page.settings_wanted.connect(self.open_settings)
        page.room.model_opened.connect(self._on_model)

    def start(self) -> None:
        self._reading.start(Call(_read))

    @Slot()
    def open_settings(self) -> None:
        """Show the settings of the conversation's answers."""
        room = self._page.room
        self.dialog = dialog = SettingsDialog(room.steering, self._presets, self._page)
        dialog.changed.connect(room.steer)
        dialog.save_wanted.connect(self._on_save)
        dialog.delete_wanted.connect(self._on_delete)
        dialog.restore_wanted.connect(self._on_restore)
        dialog.finished.connect(self._on_closed)
        dialog.open()

    @Slot(Checkpoint)
    def _on_model(self, checkpoint: Checkpoint) -> None:
        self._model = checkpoint.name
        self._recalling.start(Call(_usual, checkpoint.name))

    @Slot(object)
    def _on_usual(self, values: Values) -> None:
        """Begin with what was last chosen with the model, unless the person has chosen already."""
        room = self._page.room
        untouched = room.entry is None and room.choice == room.usual
        room.usual = Choice(values)
        if untouched:
            room.choice = room.usual

    @Slot()
    def _on_closed(self) -> None:
        assert self.dialog is not None
        choice = self.dialog.choice
        self.dialog.deleteLater()
        self.dialog = None
        values = {name: value for name, value in choice.sampling.items() if name not in _NOT_USUAL}
        if self._model and values != self._page.room.usual.sampling:
            self._page.room.usual = Choice(values)
            self._jobs.start(Call(_note, self._model, values))
        self._page.focus_first()

    # Presets

    @Slot(str)
    def _on_save(self, name: str) -> None:
        assert self.dialog is not None
        self._reading.start(Call(_put, name, dict(self.dialog.choice.sampling)))

    @Slot(str)
    def _on_delete(self, name: str) -> None:
        assert self.dialog is not None
        self._deleted = name, self._presets[name]
        self.dialog.bar.show_deleted(name)
        self._reading.start(Call(_delete, name))

    @Slot(str)
    def _on_restore(self, _name: str) -> None:
        if self._deleted:
            self._reading.start(Call(_put, *self._deleted))

    @Slot(object)
    def _on_presets(self, presets: Mapping[str, Values]) -> None:
        self._presets = presets
        if self.dialog:
            self.dialog.show_presets(presets)

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        if self.dialog and isinstance(error, EngineError):
            self.dialog.bar.show_problem(f"{error.message} {error.hint}".strip())
        else:
            self._page.show_error(error)


def _read() -> dict[str, Values]:
    return Presets().all()


def _put(name: str, values: Values) -> dict[str, Values]:
    Presets().put(name, values)
    return _read()


def _delete(name: str) -> dict[str, Values]:
    Presets().delete(name)
    return _read()


def _usual(model: str) -> Values:
    return LastChosen().of(model)


def _note(model: str, values: Values) -> None:
    LastChosen().note(model, values)
