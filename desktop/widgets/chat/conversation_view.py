"""The list itself: one line a conversation, two a hit with the words that were found in it."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QColor,
    QKeyEvent,
    QPainter,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from desktop.models.conversation_rows import ROW, ConversationRows, Head, Index, title_of, when_words
from desktop.theme import scale
from desktop.theme.colours import current
from desktop.widgets.row_table import small, strong
from engine.chat.history.rows import Entry
from engine.chat.history.search import Hit, Snippet

_ROW, _HIT = 34, 66
_SNIPPET_LINES = 2
_BEFORE_FOUND = 30  # characters of a snippet before what was found


class ConversationView(QListView):
    """``opened`` carries the row that was clicked or entered, ``renamed`` (id, title)."""

    opened = Signal(object)
    renamed = Signal(object, str)
    deleted = Signal()

    def __init__(self, rows: ConversationRows) -> None:
        super().__init__()
        self.rows = rows
        self.setAccessibleName(self.tr("Conversations"))
        self.setProperty("role", "conversations")
        self.setModel(rows)
        self.setItemDelegate(_Delegate(self))
        self.setUniformItemSizes(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.clicked.connect(self._on_clicked)

    @property
    def row(self) -> Entry | Hit | None:
        """The row that the keyboard is at."""
        row = self.currentIndex().data(ROW)
        return row if isinstance(row, Entry | Hit) else None

    def go_to(self, index: QModelIndex) -> None:
        """Take the focus to a row, and let a screen reader say it: Qt does only when another row was there before."""
        self.setFocus(Qt.FocusReason.TabFocusReason)
        self.setCurrentIndex(index)
        told = QAccessibleEvent(self, QAccessible.Event.Focus)
        told.setChild(index.row())
        QAccessible.updateAccessibility(told)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        editing = self.state() == QAbstractItemView.State.EditingState
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not editing:
            self._on_clicked(self.currentIndex())
        elif event.key() == Qt.Key.Key_Delete and not editing:
            self.deleted.emit()
        else:
            super().keyPressEvent(event)

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        row = index.data(ROW)
        if isinstance(row, Entry | Hit):
            self.opened.emit(row)


class _Delegate(QStyledItemDelegate):
    def __init__(self, view: ConversationView) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(80, _HIT if isinstance(index.data(ROW), Hit) else _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row, colours = index.data(ROW), current()
        state: QStyle.StateFlag = option.state  # type: ignore[attr-defined]
        area = QRectF(option.rect).adjusted(scale.S, 1, -scale.S, -1)  # type: ignore[attr-defined]
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver) and not isinstance(row, Head)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen or hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.accent_soft if chosen else colours.hover))
            painter.drawRoundedRect(area, scale.RADIUS_SMALL, scale.RADIUS_SMALL)
        if chosen and state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QColor(colours.accent))
            painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), scale.RADIUS_SMALL, scale.RADIUS_SMALL)
        ink = QColor(colours.on_accent_soft if chosen else colours.text)
        self._paint_row(painter, area.adjusted(scale.S, 0, -scale.S, 0), row, ink)
        painter.restore()

    def _paint_row(self, painter: QPainter, area: QRectF, row: object, ink: QColor) -> None:
        muted = QColor(current().text_muted)
        match row:
            case Head():
                painter.setFont(strong(small(painter.font())))
                _line(painter, area.adjusted(0, 0, 0, -scale.XS), row.words, muted, Qt.AlignmentFlag.AlignBottom)
            case Entry():
                _title_and_time(painter, area, title_of(row), when_words(row.changed_s, self._view.rows.today), ink)
            case Hit():
                top, below = QRectF(area), QRectF(area)
                top.setHeight(26)
                below.setTop(top.bottom() - 2)
                _title_and_time(painter, top, title_of(row), when_words(row.created_s, self._view.rows.today), ink)
                _snippet(painter, below, row, muted, ink)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        field = QLineEdit(parent)
        field.setAccessibleName(self.tr("Title"))
        field.setProperty("role", "inline")
        return field

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        row = index.data(ROW)
        if isinstance(editor, QLineEdit) and isinstance(row, Entry) and editor.text().strip() != row.title:
            self._view.renamed.emit(row.id, editor.text())


def _line(painter: QPainter, area: QRectF, words: str, ink: QColor, more: Qt.AlignmentFlag) -> None:
    painter.setPen(ink)
    shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(area.width()))
    painter.drawText(area, Qt.AlignmentFlag.AlignLeft | more, shown)


def _title_and_time(painter: QPainter, area: QRectF, title: str, when: str, ink: QColor) -> None:
    font = painter.font()
    painter.setFont(small(font))
    width = painter.fontMetrics().horizontalAdvance(when) + scale.S
    painter.setPen(QColor(current().text_muted))
    painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, when)
    painter.setFont(font)
    _line(painter, area.adjusted(0, 0, -width, 0), " ".join(title.split()), ink, Qt.AlignmentFlag.AlignVCenter)


def nearby(snippet: Snippet) -> tuple[str, list[tuple[int, int]]]:
    """Return a snippet as one line that begins near what was found, so that it is seen, and the marks in it."""
    text, first = snippet.text.replace("\n", " "), snippet.marks[0][0] if snippet.marks else 0
    if first <= _BEFORE_FOUND:
        return text, list(snippet.marks)
    begin = text.find(" ", first - _BEFORE_FOUND, first) + 1 or first
    return f"…{text[begin:]}", [(start - begin + 1, end - begin + 1) for start, end in snippet.marks]


def _snippet(painter: QPainter, area: QRectF, hit: Hit, muted: QColor, ink: QColor) -> None:
    """Draw the words around a hit in at most two lines, those that were found strong."""
    found = QTextCharFormat()
    found.setForeground(ink)
    found.setFontWeight(700)
    formats = []
    text, marks = nearby(hit.snippet)
    for start, end in marks:
        piece = QTextLayout.FormatRange()
        before, inside = (len(part.encode("utf-16-le")) // 2 for part in (text[:start], text[start:end]))
        piece.start, piece.length, piece.format = before, inside, found  # type: ignore[attr-defined]
        formats.append(piece)
    layout = QTextLayout(text, small(painter.font()))
    layout.setTextOption(QTextOption(Qt.AlignmentFlag.AlignLeft))
    layout.setFormats(formats)
    layout.beginLayout()
    top = 0.0
    for _ in range(_SNIPPET_LINES):
        line = layout.createLine()
        if not line.isValid():
            break
        line.setLineWidth(area.width())
        line.setPosition(QPointF(0, top))
        top += line.height()
    layout.endLayout()
    painter.setPen(muted)
    painter.setClipRect(area)
    layout.draw(painter, area.topLeft())
