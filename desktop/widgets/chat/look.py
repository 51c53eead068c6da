"""How lines look: Qt's formats for each, made from a palette and the person's fonts."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetricsF,
    QTextBlockFormat,
    QTextCharFormat,
    QTextFrameFormat,
    QTextLength,
    QTextOption,
    QTextTableFormat,
)

from desktop.theme import scale
from desktop.theme.colours import Colours
from desktop.widgets.chat.formulas import Formulas
from desktop.widgets.chat.lines import PLAIN, Box, Formula, Ink, Line, Span, Style
from desktop.widgets.chat.picture import Picture, picture

INKS: Mapping[str, Mapping[Ink, str]] = {
    "light": {
        "keyword": "#8b2c8b",
        "name": "#1f5fae",
        "builtin": "#0b6570",
        "string": "#2f6a1f",
        "comment": "#5f665f",
        "number": "#a03c00",
        "inserted": "#1b6e3c",
        "deleted": "#b3261e",
    },
    "dark": {
        "keyword": "#d7a3ea",
        "name": "#8fbdf5",
        "builtin": "#79d0d8",
        "string": "#a9d68b",
        "comment": "#8f9a93",
        "number": "#f0a877",
        "inserted": "#7bd498",
        "deleted": "#ff9c94",
    },
}
HEADING_SCALE = (1.0, 1.5, 1.28, 1.12, 1.0, 1.0, 1.0)  # by level
LINE_HEIGHT = 125  # per cent
CODE_SCALE = 0.94

_SOLID = QTextFrameFormat.BorderStyle.BorderStyle_Solid
_ALIGNS = {
    "left": Qt.AlignmentFlag.AlignLeft,
    "center": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight,
}


class Look:
    """Formats for one palette. Distances follow the font's size."""

    def __init__(self, colours: Colours, font: QFont, fixed: QFont, formulas: Formulas) -> None:
        self.colours = colours
        self._formulas = formulas
        self.font = font
        self._fixed = fixed
        self.em = QFontMetricsF(font).height()
        self._texts: dict[tuple[Style, str, int, bool], QTextCharFormat] = {}

    def text(self, style: Style, line: Line | None = None) -> QTextCharFormat:
        """Return the format of a stretch of text in a line."""
        role, level = (line.role, line.level) if line else ("paragraph", 0)
        quoted = line is not None and any(box.kind == "quote" for box in line.boxes)
        key = (style, role, level, quoted)
        if key not in self._texts:
            self._texts[key] = self._make_text(style, role, level, quoted)
        return self._texts[key]

    def can_draw(self, formula: Formula) -> bool:
        return self._formulas.is_drawn(formula)

    def picture(self, span: Span, line: Line) -> Picture | None:
        """Return the picture of a formula; ``None`` if it is not drawn yet, or cannot be."""
        drawing = self._formulas.get(span.formula) if span.formula else None
        if drawing is None:
            return None
        text = self.text(span.style, line)
        return picture(drawing, text.font(), text.foreground().color().name())

    def block(self, line: Line, before: Line | None) -> QTextBlockFormat:
        """Return the format of a line's block; ``before`` is the line above it in the same box."""
        block = QTextBlockFormat()
        block.setLineHeight(LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        block.setTopMargin(self._space(line, before))
        if line.role == "heading":
            block.setHeadingLevel(line.level)
        if line.role == "formula":
            block.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        if line.role == "rule":
            block.setBackground(QColor(self.colours.border_strong))
            block.setProperty(
                QTextBlockFormat.Property.BlockTrailingHorizontalRulerWidth,
                QTextLength(QTextLength.Type.PercentageLength, 100),
            )
        if line.indent:
            self._hang(block, line)
        return block

    def gap(self) -> QTextBlockFormat:
        """Return the format of the empty block that Qt wants before and after each frame."""
        block = QTextBlockFormat()
        block.setLineHeight(1, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
        return block

    def frame(self, box: Box, first: bool) -> QTextFrameFormat:
        frame = QTextFrameFormat()
        frame.setTopMargin(0 if first else self.em * 0.4)
        frame.setBottomMargin(self.em * 0.4)
        frame.setLeftMargin(box.indent * self._step)
        if box.kind == "code":
            frame.setBackground(QColor(self.colours.sunken))
            frame.setBorder(1)
            frame.setBorderStyle(_SOLID)
            frame.setBorderBrush(QColor(self.colours.border))
            frame.setPadding(self.em * 0.5)
        else:
            frame.setLeftMargin(box.indent * self._step + self.quote_inset)
        return frame

    def table(self, box: Box, first: bool) -> QTextTableFormat:
        table = QTextTableFormat()
        table.setTopMargin(0 if first else self.em * 0.4)
        table.setBottomMargin(self.em * 0.4)
        table.setLeftMargin(box.indent * self._step)
        table.setBorder(1)
        table.setBorderCollapse(True)
        table.setBorderStyle(_SOLID)
        table.setBorderBrush(QBrush(QColor(self.colours.border)))
        table.setCellPadding(self.em * 0.35)
        table.setCellSpacing(0)
        table.setHeaderRowCount(1)
        return table

    def cell(self, align: str, head: bool) -> tuple[QTextBlockFormat, QTextCharFormat]:
        block = QTextBlockFormat()
        block.setAlignment(_ALIGNS.get(align, Qt.AlignmentFlag.AlignLeft))
        cell = QTextCharFormat()
        if head:
            cell.setBackground(QColor(self.colours.hover))
        return block, cell

    @property
    def quote_inset(self) -> float:
        """How far a quote's text stands from its bar's left edge."""
        return self.em * 0.8

    @property
    def _step(self) -> float:
        return self.em * 1.35

    def _hang(self, block: QTextBlockFormat, line: Line) -> None:
        block.setLeftMargin(line.indent * self._step)
        if line.marker:
            wide = max(self._step * 0.9, QFontMetricsF(self.font).horizontalAdvance(line.marker + " "))
            block.setTextIndent(-wide)
            block.setTabPositions([QTextOption.Tab(wide, QTextOption.TabType.LeftTab)])

    def _space(self, line: Line, before: Line | None) -> float:
        if before is None or line.role == "code":
            return self.em * 0.25 if before and before.role == "label" else 0
        if line.role == "heading":
            return self.em * (0.95 if before.role != "heading" else 0.5)
        if line.role == "rule":
            return self.em * 0.3
        if line.marker and before.indent:
            return self.em * 0.22
        return self.em * 0.5

    def _make_text(self, style: Style, role: str, level: int, quoted: bool) -> QTextCharFormat:
        text = QTextCharFormat()
        in_code = role == "code" or style.code
        text.setFont(self._fixed if in_code else self.font)
        size = HEADING_SCALE[level] if role == "heading" else scale.CAPTION if role == "label" else 1.0
        text.setFontPointSize(self.font.pointSizeF() * (CODE_SCALE if in_code else size))
        head = role == "row" and level == 1
        text.setFontWeight(QFont.Weight.DemiBold if role == "heading" or style.bold or head else QFont.Weight.Normal)
        text.setFontItalic(style.italic or style.ink == "comment")
        text.setFontStrikeOut(style.strike)
        text.setForeground(QColor(self._colour(style, role, quoted)))
        if style.code and role != "code":
            text.setBackground(QColor(self.colours.sunken))
        if style.raised:
            text.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignSuperScript)
        if style.link:
            text.setAnchor(True)
            text.setAnchorHref(style.link)
            text.setFontUnderline(True)
        return text

    def _colour(self, style: Style, role: str, quoted: bool) -> str:
        if style.ink:
            return INKS[self.colours.name][style.ink]
        if style.link:
            return self.colours.accent
        return self.colours.text_muted if role == "label" or (quoted and style == PLAIN) else self.colours.text
