"""One server: where it is, whether it answers, and the models that it has."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QSizePolicy

from desktop.models.server_rows import ServerRow, leaving_words, place_words
from desktop.widgets.card import Card
from desktop.widgets.controls import button, label, paragraph, restyle, row
from desktop.widgets.fields import Choice


class ServerCard(Card):
    """``chat_wanted`` tells the path of a model, the other wishes the :class:`Server`."""

    chat_wanted = Signal(object)
    test_wanted = Signal(object)
    edit_wanted = Signal(object)
    remove_wanted = Signal(object)

    def __init__(self, shown: ServerRow) -> None:
        super().__init__(shown.server.name, "servers")
        self.server = shown.server
        self._busy = False
        self.address = paragraph(shown.server.url, role="")
        url = shown.server.url
        self.place = paragraph(place_words(url), "warning" if leaving_words(url) else "muted")
        self.status = paragraph("")
        self.list = Choice()
        self.list.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.list.setMinimumContentsLength(12)
        self.list.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.list.setPlaceholderText(self.tr("Test it to see its models"))
        self.chat = button(self.tr("Chat"), "primary", "chat")
        self.chat.clicked.connect(self._on_chat)
        self.test = button(self.tr("Test"), "", "refresh")
        self.test.clicked.connect(self._on_test)
        self.edit = button(self.tr("Change…"), "quiet", "edit")
        self.edit.clicked.connect(self._on_edit)
        self.remove = button(self.tr("Remove"), "quiet", "trash")
        self.remove.clicked.connect(self._on_remove)
        for deed in (self.chat, self.test, self.edit, self.remove):
            deed.setAccessibleName(f"{deed.text().rstrip('…')} {self.server.name}")
        models = row(label(self.tr("Model"), "muted", buddy=self.list), self.list, self.chat)
        models.setStretch(1, 1)
        for widget in (self.address, self.place, self.status):
            self.body.addWidget(widget)
        self.body.addLayout(models)
        self.body.addLayout(row(self.test, self.edit, self.remove, None))
        self.list.setAccessibleName(self.tr("Model of {server}").format(server=self.server.name))
        self.show_row(shown)

    def show_row(self, shown: ServerRow) -> None:
        """Show what is known of the same server now; the model that was chosen stays chosen."""
        self.status.setText(shown.status)
        restyle(self.status, role=shown.level)
        self._busy = shown.busy  # the button stays as it is: disabled it would lose the focus
        chosen = self.list.currentText()
        self.list.clear()
        for model in shown.models:
            self.list.addItem(model.title, str(model.path))
            self.list.setItemData(self.list.count() - 1, model.title, Qt.ItemDataRole.ToolTipRole)
        self.list.setCurrentIndex(max(0, self.list.findText(chosen)) if shown.models else -1)
        self.list.setEnabled(bool(shown.models))
        self.chat.setEnabled(bool(shown.models))

    @Slot()
    def _on_chat(self) -> None:
        self.chat_wanted.emit(self.list.currentData())

    @Slot()
    def _on_test(self) -> None:
        if not self._busy:
            self.test_wanted.emit(self.server)

    @Slot()
    def _on_edit(self) -> None:
        self.edit_wanted.emit(self.server)

    @Slot()
    def _on_remove(self) -> None:
        self.remove_wanted.emit(self.server)
