"""How a conversation is answered: the dialogs of its settings and its system prompt, with presets and saved prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, Slot

from desktop.jobs import Call, Jobs, Latest
from desktop.models.shelved import Shelved
from desktop.pages.chat import ChatPage
from desktop.widgets.steering.prompt_dialog import PromptDialog
from desktop.widgets.steering.settings_dialog import SettingsDialog
from desktop.widgets.steering.shelf_bar import ShelfBar
from engine.catalog.checkpoint import Checkpoint
from engine.chat.presets import LastChosen, presets
from engine.chat.prompts import prompts
from engine.chat.steering import Choice
from engine.errors import EngineError

Values = Mapping[str, Any]

# What belongs to one conversation, and is not what the next one begins with.
_NOT_USUAL = frozenset({"seed", "json_schema", "grammar", "logprobs"})


class SteeringFlow(QObject):
    """Call :meth:`start` once. ``dialog`` is the one that is open."""

    def __init__(self, jobs: Jobs, page: ChatPage) -> None:
        super().__init__(page)
        self.presets = self._shelved(Shelved(jobs, presets, self))
        self.prompts = self._shelved(Shelved(jobs, prompts, self))
        self.dialog: SettingsDialog | PromptDialog | None = None
        self._jobs = jobs
        self._page = page
        self._model = ""
        self._recalling = Latest(jobs)
        self._recalling.finished.connect(self._on_usual)
        page.settings_wanted.connect(self.open_settings)
        page.prompt_wanted.connect(self.open_prompt)
        page.room.model_opened.connect(self._on_model)

    def start(self) -> None:
        self.presets.read()
        self.prompts.read()

    @Slot()
    def open_settings(self) -> None:
        """Show the settings of the conversation's answers."""
        dialog = SettingsDialog(self._page.room.steering, self.presets.things, self._page)
        dialog.changed.connect(self._page.room.steer)
        dialog.finished.connect(self._on_chosen)
        self._open(dialog, self.presets)

    @Slot()
    def open_prompt(self) -> None:
        """Show the conversation's system prompt."""
        dialog = PromptDialog(self._page.room.system_prompt, self.prompts.things, self._page)
        dialog.changed.connect(self._page.instruct)
        self._open(dialog, self.prompts)

    def _open(self, dialog: SettingsDialog | PromptDialog, shelf: Shelved) -> None:
        self.dialog = dialog
        bar: ShelfBar = dialog.bar
        bar.save_wanted.connect(self._on_save)
        bar.delete_wanted.connect(self._on_delete)
        bar.restore_wanted.connect(shelf.restore)
        dialog.finished.connect(self._on_closed)
        dialog.open()

    def _shelved(self, shelf: Shelved) -> Shelved:
        shelf.changed.connect(self._on_shelf)
        shelf.failed.connect(self._on_failed)
        return shelf

    @property
    def _shelf(self) -> Shelved:
        """The shelf of the open dialog."""
        return self.prompts if isinstance(self.dialog, PromptDialog) else self.presets

    @Slot(str)
    def _on_save(self, name: str) -> None:
        assert self.dialog is not None
        self._shelf.put(name, self.dialog.thing)

    @Slot(str)
    def _on_delete(self, name: str) -> None:
        assert self.dialog is not None
        self._shelf.delete(name)
        self.dialog.bar.show_deleted(name)

    @Slot()
    def _on_shelf(self) -> None:
        if self.dialog and self.sender() is self._shelf:
            self.dialog.show_things(self._shelf.things)

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        if self.dialog and isinstance(error, EngineError):
            self.dialog.bar.show_problem(f"{error.message} {error.hint}".strip())
        else:
            self._page.show_error(error)

    @Slot()
    def _on_closed(self) -> None:
        if self.dialog:
            self.dialog.deleteLater()
            self.dialog = None
        self._page.focus_first()

    # What is usual with a model

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
    def _on_chosen(self) -> None:
        room = self._page.room
        values = {name: value for name, value in room.choice.sampling.items() if name not in _NOT_USUAL}
        if self._model and values != room.usual.sampling:
            room.usual = Choice(values)
            self._jobs.start(Call(_note, self._model, values))


def _usual(model: str) -> Values:
    return LastChosen().of(model)


def _note(model: str, values: Values) -> None:
    LastChosen().note(model, values)
