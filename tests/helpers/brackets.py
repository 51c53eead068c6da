"""A language in which every text has brackets around it: what is seen without them was never translated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path

from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QCoreApplication, Qt, QTranslator
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTabWidget,
    QWidget,
)

_TRANSLATED = re.compile(r"⟦[^⟦⟧]*⟧")
_WORD = re.compile(r"[^\W\d_]{2,}")
_ROLES = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole)


class Brackets(QTranslator):
    """Answer every text with itself in brackets."""

    def isEmpty(self) -> bool:
        return False

    def translate(self, context: str, text: str, comment: str | None = None, n: int = -1) -> str:
        return f"⟦{text}⟧"


@contextmanager
def bracketed() -> Iterator[None]:
    """Let the program speak that language."""
    brackets = Brackets()
    QCoreApplication.installTranslator(brackets)
    try:
        yield
    finally:
        QCoreApplication.removeTranslator(brackets)


def untranslated(text: str, data: Iterable[str]) -> str:
    """Return the words of a text that neither have brackets nor are among the data, which is sorted, longest first."""
    while (rest := _TRANSLATED.sub(" ", text)) != text:
        text = rest
    text = text.replace("&", "")
    for known in data:
        text = text.replace(known, " ")
    return " ".join(_WORD.findall(text))


def said(root: QWidget) -> Iterator[str]:
    """Yield what a widget and all within it say: to the eye, under the mouse, and to a screen reader."""
    for widget in [root, *root.findChildren(QWidget)]:
        if widget.objectName().startswith("qt_"):
            continue
        yield from (widget.toolTip(), widget.accessibleName(), widget.accessibleDescription(), widget.windowTitle())
        yield from _texts(widget)


def _texts(widget: QWidget) -> Iterator[str]:
    match widget:
        case QLabel() | QAbstractButton():
            yield widget.text()
        case QLineEdit():
            if not isinstance(widget.parentWidget(), QAbstractSpinBox | QComboBox):
                yield from (widget.text(), widget.placeholderText())
        case QPlainTextEdit():
            yield widget.placeholderText()
        case QAbstractSpinBox():
            yield widget.specialValueText()
        case QComboBox():
            yield widget.placeholderText()
            yield from (widget.itemText(at) for at in range(widget.count()))
        case QTabWidget():
            yield from (widget.tabText(at) for at in range(widget.count()))
        case QAbstractItemView() if widget.model():
            yield from _cells(widget.model())


def _cells(model: QAbstractItemModel) -> Iterator[str]:
    for column in range(1 if isinstance(model, QAbstractListModel) else model.columnCount()):
        for role in _ROLES[:2]:
            yield str(model.headerData(column, Qt.Orientation.Horizontal, role) or "")
        for row in range(model.rowCount()):
            yield from (str(model.index(row, column).data(role) or "") for role in _ROLES)


def strings(*values: object) -> list[str]:
    """Return all texts within values, the longest first."""
    found = {text for value in values for text in _strings(value, 0)}
    return sorted((text for text in found if _WORD.search(text)), key=len, reverse=True)


def _strings(value: object, depth: int) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Path():
            yield from (str(value), value.name, value.stem, *value.parts)
        case dict():
            yield from _strings((*value.keys(), *value.values()), depth + 1)
        case list() | tuple() | set():
            for each in value:
                yield from _strings(each, depth + 1)
        case Enum():
            yield str(value.value)
            yield from (text for name in ("words", "label") if isinstance(text := getattr(value, name, None), str))
        case _ if is_dataclass(value) and depth < 12:
            yield from _strings([getattr(value, each.name) for each in fields(value)], depth + 1)
            for name in ("title", "label", "words"):
                yield from (each for each in [getattr(value, name, None)] if isinstance(each, str))
