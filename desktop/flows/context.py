"""The context of the conversation: what fills it, what happens when it is full, and a larger one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from desktop.jobs import Call, Jobs, Latest
from desktop.pages.chat import ChatPage
from desktop.widgets.chat.context_dialog import ContextDialog
from engine.chat.context import Enlargement, Filling
from engine.chat.enlarging import CacheCost, cache_costs, offered_enlargement
from engine.errors import EngineError


class ContextFlow(QObject):
    """``dialog`` is there while it is open. ``settings_chosen`` carries settings by name, which hold from now on."""

    settings_chosen = Signal(dict)

    def __init__(self, jobs: Jobs, page: ChatPage) -> None:
        super().__init__(page)
        self.dialog: ContextDialog | None = None
        self._page = page
        self._asking = False  # whether what is written is counted too
        self._retries = False  # whether an answer failed for want of room
        self._counting = self._latest(jobs, self._on_counted)
        self._offering = self._latest(jobs, self._on_offered)
        self._costing = self._latest(jobs, self._on_costs)
        page.context_wanted.connect(self.open)

    @Slot()
    def open(self) -> None:
        """Show what fills the context, with the question that is being written."""
        room = self._page.room
        written = self._page.composer.field.toPlainText().strip()
        self._asking, self._retries = bool(written), self._page.failed_for_room
        counting = room.counting(written)
        steering = room.steering
        self.dialog = dialog = ContextDialog(
            room.choice.when_full, steering.settings["when_full"], self._page, counting=counting is not None
        )
        dialog.show_own(room.choice.context_tokens, room.settings["context_tokens"])
        dialog.when_full_changed.connect(self._on_when_full)
        dialog.enlarge_wanted.connect(self._on_enlarge)
        dialog.keeping_wanted.connect(self._on_keeping)
        dialog.finished.connect(self._on_closed)
        dialog.open()
        if counting:
            self._counting.start(counting)
        if room.path and room.record:
            loaded = replace(room.loading, context_tokens=room.record.get("context_tokens", 0))
            self._costing.start(Call(cache_costs, room.path, loaded))

    def _latest(self, jobs: Jobs, hears: Any) -> Latest:
        made = Latest(jobs)
        made.finished.connect(hears)
        made.failed.connect(self._on_failed)
        return made

    @Slot(object)
    def _on_counted(self, filling: Filling) -> None:
        room = self._page.room
        if self.dialog and room.path:
            self.dialog.show_filling(filling, asking=self._asking)
            needed = max(filling.window + 1, filling.used + filling.answer_room)
            self._offering.start(Call(_offer, room.path, room.loading, needed, filling.window, dict(room.record)))

    @Slot(object)
    def _on_offered(self, offer: Enlargement | None) -> None:
        if self.dialog:
            self.dialog.show_offer(offer)

    @Slot(object)
    def _on_costs(self, costs: Sequence[CacheCost]) -> None:
        if self.dialog:
            now = self._page.room.loading
            self.dialog.cache.show_costs(costs, now.cache_type, flash_attention=now.flash_attention)

    @Slot(str, bool)
    def _on_keeping(self, cache_type: str, flash_attention: bool) -> None:
        """Keep the context in another way from now on, and load the model again for it."""
        self.settings_chosen.emit({"cache_type": cache_type, "flash_attention": flash_attention})
        self._page.load_again()

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        if self.dialog and isinstance(error, EngineError):
            self.dialog.show_problem(f"{error.message} {error.hint}".strip())
        elif not isinstance(error, EngineError):
            self._page.show_error(error)

    @Slot(str)
    def _on_when_full(self, way: Any) -> None:
        room = self._page.room
        room.steer(replace(room.choice, when_full=way))
        if self._retries and room.steering.when_full != "stop":
            self._retries = False
            assert self.dialog is not None
            self.dialog.accept()
            self._page.ask_again()

    @Slot(int)
    def _on_enlarge(self, tokens: int) -> None:
        self._page.enlarge(tokens)

    @Slot()
    def _on_closed(self) -> None:
        if self.dialog:
            self.dialog.deleteLater()
            self.dialog = None
        self._page.focus_first()


def _offer(path: Path, loading: Any, needed: int, window: int, loaded: dict[str, Any]) -> Enlargement | None:
    on_gpu, device = loaded.get("gpu_layers", 0) > 0, str(loaded.get("device", ""))
    return offered_enlargement(path, loading, needed, window, on_gpu=on_gpu, device=device)
