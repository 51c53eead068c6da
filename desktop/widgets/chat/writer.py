"""Write lines into a document, touching only what differs from the lines that are there.

Code and quotes are frames: a frame is laid out from the change on, a table anew at each change (a 400-line block of
code takes 0.2 ms against 5 ms a change). Only tables are tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from PySide6.QtCore import QUrl
from PySide6.QtGui import (
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFragment,
    QTextFrame,
    QTextImageFormat,
    QTextTable,
)

from desktop.widgets.chat.lines import LINE_BREAK, PLAIN, Box, Formula, Line, Span, Spans
from desktop.widgets.chat.look import Look
from desktop.widgets.chat.picture import Picture

Path = tuple[Box, ...]
PICTURE = "\ufffc"  # how Qt writes one in a text
SOURCE = QTextCharFormat.Property.UserProperty.value  # of a formula's picture: the text that it stands for


class LineWriter:
    """``lines`` is what the document shows. Nothing else may edit the document."""

    def __init__(self, document: QTextDocument, look: Look) -> None:
        self.lines: list[Line] = []
        self._document = document
        self._look = look
        self._starts: list[int] = []  # each line's position; a row has its table's
        self._frames: dict[Path, QTextFrame] = {}
        self._undrawn: set[Formula] = set()  # those whose source stands in the document
        document.setUndoRedoEnabled(False)
        document.setDocumentMargin(0)

    def change(self, start: int, lines: Sequence[Line]) -> None:
        """Make the lines from ``start`` on be ``lines``."""
        same = start + _common(self.lines[start:], lines)
        new = lines[same - start :]
        if not new and same == len(self.lines):
            return
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        kept = _common_text(self.lines[same], new[0]) if new and same < len(self.lines) else -1
        self._truncate(same if kept < 0 else same + 1)
        if kept >= 0:
            self._rewrite_last(new[0], kept)
            new = new[1:]
        for line in new:
            self._append(line)
        cursor.endEditBlock()

    def recolour(self, box: Box, spans: Iterable[Spans]) -> None:
        """Give the lines of a block of code other spans of the same text."""
        fresh = iter(spans)
        rest = self.lines[box.number :]
        inside = [line.role == "code" and box in line.boxes for line in rest]
        lines = [replace(line, spans=next(fresh)) if code else line for line, code in zip(rest, inside, strict=True)]
        self.change(box.number, lines)

    def restyle(self, look: Look) -> None:
        """Draw the same lines in another look."""
        self._look = look
        lines, self.lines, self._undrawn = self.lines, [], set()
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        self._clear()
        for line in lines:
            self._append(line)
        cursor.endEditBlock()

    def draw_formulas(self) -> None:
        """Draw the formulas whose pictures have come since they were written."""
        fresh = {formula for formula in self._undrawn if self._look.can_draw(formula)}
        changed = (at for at, line in enumerate(self.lines) if not fresh.isdisjoint(_formulas(line)))
        self._undrawn -= fresh
        if (first := next(changed, None)) is None:
            return
        lines = self.lines[first:]
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        self._truncate(first)
        for line in lines:
            self._append(line)
        cursor.endEditBlock()

    def frames(self, kind: str) -> Iterator[tuple[Box, QTextFrame]]:
        """Yield the frames of a kind of box, in order of their beginning."""
        return ((path[-1], frame) for path, frame in self._frames.items() if path[-1].kind == kind)

    def code(self, box: Box) -> str:
        """Return the text of a block of code."""
        rest = self.lines[box.number :]
        inside = (line for line in rest if box in line.boxes)
        return "\n".join(line.text for line in inside if line.role == "code")

    def text(self, start: int, end: int) -> str:
        """Return the text between two positions of the document, with the source of each formula."""
        parts: list[str] = []
        block = self._document.findBlock(start)
        while block.isValid() and block.position() < end:
            if parts:
                parts.append("\n")
            for fragment in _fragments(block):
                low, high = max(start - fragment.position(), 0), end - fragment.position()
                if high > 0 and low < fragment.length():
                    source = fragment.charFormat().property(SOURCE)
                    units = fragment.text().encode("utf-16-le")[2 * low : 2 * high]
                    parts.append(source or units.decode("utf-16-le", "replace"))
            block = block.next()
        return "".join(parts).replace(LINE_BREAK, "\n")

    def _truncate(self, count: int) -> None:
        """Remove all lines but the first ``count``, from the outermost frame of the last one kept to the innermost."""
        if count == len(self.lines):
            return
        del self.lines[count:], self._starts[count:]
        if not self.lines:
            self._clear()
            return
        path = self.lines[-1].boxes
        for depth in range(len(path) + 1):
            frame = self._frames[path[:depth]] if depth else self._document.rootFrame()
            if isinstance(frame, QTextTable):
                rows = count - path[-1].number
                frame.removeRows(rows, frame.rows() - rows)
            elif depth < len(path):
                self._remove(self._frames[path[: depth + 1]].lastPosition() + 1, frame.lastPosition())
            else:
                self._remove_after_last(frame)
        self._frames = {path: frame for path, frame in self._frames.items() if path[-1].number < count}

    def _remove_after_last(self, frame: QTextFrame) -> None:
        block = self._document.findBlock(self._starts[-1])
        own, own_text = block.blockFormat(), block.charFormat()
        self._remove(self._end_of_last(), frame.lastPosition())
        if block.length() == 1:  # an empty block takes on the format of the one removed after it
            cursor = self._cursor_at(self._starts[-1])
            cursor.setBlockFormat(own)
            cursor.setBlockCharFormat(own_text)

    def _clear(self) -> None:
        cursor = QTextCursor(self._document)
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.removeSelectedText()
        cursor.setBlockFormat(QTextBlockFormat())
        cursor.setBlockCharFormat(QTextCharFormat())
        self._starts, self._frames = [], {}

    def _remove(self, start: int, end: int) -> None:
        if end > start:
            cursor = QTextCursor(self._document)
            cursor.setPosition(start)
            cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()

    def _end_of_last(self) -> int:
        block = self._document.findBlock(self._starts[-1])
        return block.position() + block.length() - 1

    def _rewrite_last(self, line: Line, kept: int) -> None:
        """Replace the last line, of which the first ``kept`` characters stay."""
        start = self._starts[-1] + _units(_marker(line)) + self._units_before(line.spans, kept)
        self._remove(start, self._end_of_last())
        self.lines[-1] = line
        self._insert(self._cursor_at(start), line, _after(line.spans, kept))

    def _append(self, line: Line) -> None:
        before = self.lines[-1] if self.lines else None
        frame = self._frame(line.boxes)
        if isinstance(frame, QTextTable):
            self._append_row(frame, line, before is not None and before.boxes == line.boxes)
        else:
            self._append_block(frame, line, before)
        self.lines.append(line)

    def _append_block(self, frame: QTextFrame, line: Line, before: Line | None) -> None:
        cursor = self._cursor_at(frame.lastPosition())
        block, text = self._look.block(line, self._above(line.boxes)), self._look.text(PLAIN, line)
        if before is not None and before.boxes == line.boxes:
            cursor.insertBlock(block, text)
        else:  # the frame's first block, or the one after a frame inside it
            cursor.setBlockFormat(block)
            cursor.setBlockCharFormat(text)
        self._starts.append(cursor.position())
        cursor.insertText(_marker(line), text)
        self._insert(cursor, line, line.spans)

    def _append_row(self, table: QTextTable, line: Line, more: bool) -> None:
        if more:
            table.appendRows(1)
        self._starts.append(table.firstPosition())
        aligns = line.boxes[-1].aligns
        for column, spans in enumerate(line.cells[: table.columns()]):
            cell = table.cellAt(table.rows() - 1, column)
            block, ground = self._look.cell(aligns[column] if column < len(aligns) else "left", line.level == 1)
            cell.setFormat(ground)
            cursor = cell.firstCursorPosition()
            cursor.setBlockFormat(block)
            self._insert(cursor, line, spans)

    def _insert(self, cursor: QTextCursor, line: Line, spans: Spans) -> None:
        for span in spans:
            if picture := self._picture(span, line):
                self._insert_picture(cursor, span, line, picture)
            else:
                cursor.insertText(span.text, self._look.text(span.style, line))

    def _picture(self, span: Span, line: Line) -> Picture | None:
        if not span.formula or span.formula in self._undrawn:
            return None
        picture = self._look.picture(span, line)
        if picture is None:
            self._undrawn.add(span.formula)
        return picture

    def _insert_picture(self, cursor: QTextCursor, span: Span, line: Line, picture: Picture) -> None:
        self._document.addResource(QTextDocument.ResourceType.ImageResource.value, QUrl(picture.name), picture.image)
        text = QTextImageFormat()
        text.merge(self._look.text(span.style, line))
        text.setName(picture.name)
        text.setWidth(picture.width)
        text.setHeight(picture.height)
        text.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
        text.setProperty(SOURCE, span.text)
        cursor.insertImage(text)

    def _units_before(self, spans: Spans, count: int) -> int:
        """Return how much room the first ``count`` characters take in the document; a picture takes one unit."""
        units = 0
        for span in spans:
            if count <= 0:
                break
            drawn = span.formula and span.formula not in self._undrawn
            units += 1 if drawn else _units(span.text[:count])
            count -= len(span.text)
        return units

    def _frame(self, path: Path) -> QTextFrame:
        """Return the innermost frame of a path, made where it is not there yet."""
        if not path:
            return self._document.rootFrame()
        if path not in self._frames:
            self._frames[path] = self._make_frame(path)
        return self._frames[path]

    def _make_frame(self, path: Path) -> QTextFrame:
        outer = self._frame(path[:-1])
        cursor = self._cursor_at(outer.lastPosition())
        if not self.lines or self.lines[-1].boxes != path[:-1]:
            cursor.setBlockFormat(self._look.gap())
        box, first = path[-1], self._above(path[:-1]) is None
        if box.kind == "table":
            made: QTextFrame = cursor.insertTable(1, max(1, len(box.aligns)), self._look.table(box, first))
        else:
            made = cursor.insertFrame(self._look.frame(box, first))
        after = self._cursor_at(made.lastPosition() + 1)
        after.setBlockFormat(self._look.gap())
        after.setBlockCharFormat(QTextCharFormat())
        return made

    def _above(self, path: Path) -> Line | None:
        """Return the line above the next one in a frame; for one inside an inner frame, a paragraph in its place."""
        before = self.lines[-1] if self.lines else None
        if before is None or before.boxes[: len(path)] != path:
            return None
        return before if before.boxes == path else replace(before, role="paragraph", marker="", indent=0)

    def _cursor_at(self, position: int) -> QTextCursor:
        cursor = QTextCursor(self._document)
        cursor.setPosition(position)
        return cursor


def _common(old: Sequence[Line], new: Sequence[Line]) -> int:
    """Return how many lines two lists begin with in common."""
    count = 0
    for count, (left, right) in enumerate(zip(old, new, strict=False), 1):
        if left != right:
            return count - 1
    return count


def _common_text(old: Line, new: Line) -> int:
    """Return how many characters stay if one line becomes the other; -1 if it has to be made anew."""
    if old.role == "row" or replace(old, spans=()) != replace(new, spans=()):
        return -1
    count = 0
    for left, right in zip(old.spans, new.spans, strict=False):
        if replace(left, text="") != replace(right, text="") or (left.formula and left != right):
            break
        same = _prefix(left.text, right.text)
        count += same
        if same < len(left.text) or same < len(right.text):
            break
    return count


def _prefix(left: str, right: str) -> int:
    if right.startswith(left):
        return len(left)
    pairs = enumerate(zip(left, right, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(left), len(right)))


def _after(spans: Spans, count: int) -> Spans:
    """Return the spans without their first ``count`` characters."""
    rest = []
    for span in spans:
        if count < len(span.text):
            rest.append(replace(span, text=span.text[count:]))
        count = max(0, count - len(span.text))
    return tuple(rest)


def _fragments(block: QTextBlock) -> Iterator[QTextFragment]:
    parts = block.begin()
    while not parts.atEnd():
        yield parts.fragment()
        parts += 1


def _formulas(line: Line) -> Iterator[Formula]:
    return (span.formula for spans in (line.spans, *line.cells) for span in spans if span.formula)


def _marker(line: Line) -> str:
    return f"{line.marker}\t" if line.marker else ""


def _units(text: str) -> int:
    """Return a text's length as Qt counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2
