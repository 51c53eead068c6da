"""The chart of a model's formats: size across, divergence from the original up, speed as colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QLinearGradient,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop.language import tr
from desktop.models.compare_chart import Axes, Point, axes_for, chart_words, point_words, swiftness
from desktop.quantities import number, short_number, size
from desktop.theme.colours import Colours, current
from desktop.widgets.row_table import small, strong

_HEIGHT = 320
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 44, 16, 44
_RADIUS = 7.0
_PICTURE = QSize(960, 540)
_CENTRE = Qt.AlignmentFlag.AlignCenter


class CompareChart(QWidget):
    """Show :class:`Point` values. The arrow keys go from point to point; ``picked`` tells the one that is reached."""

    picked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.points: tuple[Point, ...] = ()
        self._at = -1
        self.setMinimumHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Chart of size against divergence"))

    def show_points(self, points: Sequence[Point]) -> None:
        self.points = tuple(points)
        self._at = -1
        self.setAccessibleDescription(chart_words(self.points))
        self.update()

    def picture(self) -> QImage:
        """Return the chart by itself, at twice the usual resolution, in the colours of the moment."""
        image = QImage(_PICTURE * 2, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(2)
        image.fill(QColor(current().surface))
        painter = QPainter(image)
        painter.setFont(self.font())
        _Drawing(painter, QRectF(0, 0, _PICTURE.width(), _PICTURE.height()), self.points, -1).draw()
        painter.end()
        return image

    def sizeHint(self) -> QSize:
        return QSize(480, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        _Drawing(painter, QRectF(self.rect()), self.points, self._at).draw()
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(current().accent), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}
        step = steps.get(Qt.Key(event.key()))
        if step is None or not self.points:
            super().keyPressEvent(event)
            return
        self._pick(min(max(self._at + step, 0), len(self.points) - 1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        found = self._near(event.position())
        if found >= 0:
            self._pick(found)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        found = self._near(event.position())
        self.setToolTip(point_words(self.points[found]) if found >= 0 else "")

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def _near(self, position: QPointF) -> int:
        drawing = _Drawing(None, QRectF(self.rect()), self.points, -1)
        for at, point in enumerate(self.points):
            away = drawing.place(point) - position
            if away.manhattanLength() <= 2 * _RADIUS:
                return at
        return -1

    def _pick(self, number: int) -> None:
        self._at = number
        self.setAccessibleDescription(
            self.tr("{point} All: {chart}").format(
                point=point_words(self.points[number]), chart=chart_words(self.points)
            )
        )
        self.update()
        self.picked.emit(self.points[number])


class _Drawing:
    """One drawing of the points into ``rect``; ``at`` is the number of the one that is marked."""

    def __init__(self, painter: QPainter | None, rect: QRectF, points: Sequence[Point], at: int) -> None:
        self._painter = painter
        self._points = points
        self._at = at
        self._axes: Axes = axes_for(points)
        self._whole = rect
        self._plot = rect.adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)
        self._colours: Colours = current()

    def place(self, point: Point) -> QPointF:
        return QPointF(self._x(point.size_bytes), self._y(point.loss))

    def draw(self) -> None:
        painter = self._painter
        if painter is None or not self._points:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        usual = painter.font()
        painter.setFont(small(usual))
        self._draw_axes(painter)
        self._draw_legend(painter)
        painter.setFont(strong(small(usual)))
        self._draw_points(painter)
        self._draw_labels(painter)
        painter.setFont(usual)

    def _x(self, size_bytes: float) -> float:
        return self._plot.left() + self._plot.width() * self._axes.across(size_bytes)

    def _y(self, loss: float) -> float:
        return self._plot.bottom() - self._plot.height() * self._axes.up(loss)

    def _draw_axes(self, painter: QPainter) -> None:
        plot, colours = self._plot, self._colours
        line, words = QPen(QColor(colours.border)), QColor(colours.text_muted)
        for tick in (0.0, *self._axes.loss_ticks):
            y = self._y(tick)
            painter.setPen(line)
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(words)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(0, y - 10, _LEFT - 8, 20), right, short_number(tick))
        for tick in self._axes.size_ticks:
            painter.drawText(QRectF(self._x(tick) - 40, plot.bottom() + 4, 80, 16), _CENTRE, size(tick))
        painter.drawText(QRectF(plot.left(), plot.bottom() + 22, plot.width(), 18), _CENTRE, tr("Size of the file"))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        title = QRectF(12, 8, self._whole.width() - 24, 20)
        painter.drawText(title, left, tr("Divergence from the original (lower is better)"))

    def _draw_legend(self, painter: QPainter) -> None:
        rates = [point.tokens_s for point in self._points if point.tokens_s is not None]
        metrics = QFontMetricsF(painter.font())
        words = tr("{rate} tokens/s").format(rate=number(max(rates, default=0)))
        right = self._whole.right() - 12
        if not rates or right < 520:  # no room: the labels have the numbers
            return
        end = QRectF(right - metrics.horizontalAdvance(words), 8, metrics.horizontalAdvance(words), 20)
        bar = QRectF(end.left() - 88, 13, 80, 10)
        slow = number(min(rates))
        start = QRectF(bar.left() - 8 - metrics.horizontalAdvance(slow), 8, metrics.horizontalAdvance(slow), 20)
        shades = QLinearGradient(bar.topLeft(), bar.topRight())
        shades.setColorAt(0, self._shade(0))
        shades.setColorAt(1, self._shade(1))
        painter.drawText(start, _CENTRE, slow)
        painter.drawText(end, _CENTRE, words)
        painter.fillRect(bar, shades)

    def _draw_points(self, painter: QPainter) -> None:
        for at, point in enumerate(self._points):
            place = self.place(point)
            painter.setPen(QPen(QColor(self._colours.surface), 1.5))
            painter.setBrush(self._shade(swiftness(point, self._points)))
            painter.drawEllipse(place, _RADIUS, _RADIUS)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            if point.best:
                painter.setPen(QPen(QColor(self._colours.accent), 2))
                painter.drawEllipse(place, _RADIUS + 4, _RADIUS + 4)
            if at == self._at:
                painter.setPen(QPen(QColor(self._colours.text), 2))
                painter.drawEllipse(place, _RADIUS + 1, _RADIUS + 1)

    def _draw_labels(self, painter: QPainter) -> None:
        """Write each label where it covers nothing; where there is no such place, the words are left to the mouse."""
        painter.setPen(QColor(self._colours.text))
        metrics = QFontMetricsF(painter.font())
        reach = _RADIUS + 4
        taken = [_around(self.place(point), reach, reach) for point in self._points]
        for point in sorted(self._points, key=lambda each: not each.best):
            for rect in _spots(self.place(point), metrics.size(0, _label(point))):
                inside = self._plot.adjusted(0, -12, 8, 2).contains(rect)
                if inside and not any(rect.intersects(other) for other in taken):
                    painter.drawText(rect, _CENTRE, _label(point))
                    taken.append(rect)
                    break

    def _shade(self, part: float | None) -> QColor:
        """Return the colour of a speed: from the warm one of the slow to the cool one of the fast."""
        if part is None:
            return QColor(self._colours.runtime)
        slow, fast = QColor(self._colours.kv_cache), QColor(self._colours.weights)
        ends = ((slow.red(), fast.red()), (slow.green(), fast.green()), (slow.blue(), fast.blue()))
        return QColor(*(round(a + (b - a) * part) for a, b in ends))


def _label(point: Point) -> str:
    if point.tokens_s is None:
        return point.label
    rate = tr("{rate}/s").format(rate=number(point.tokens_s))
    return f"{point.label} · {rate}"


def _around(place: QPointF, across: float, down: float) -> QRectF:
    return QRectF(place.x() - across, place.y() - down, 2 * across, 2 * down)


def _spots(place: QPointF, room: QSizeF) -> Iterator[QRectF]:
    """Yield the places for a label: right of its point, left, above, below."""
    width, height = room.width() + 4, room.height()
    away = _RADIUS + 5
    yield QRectF(place.x() + away, place.y() - height / 2, width, height)
    yield QRectF(place.x() - away - width, place.y() - height / 2, width, height)
    yield QRectF(place.x() - width / 2, place.y() - away - height, width, height)
    yield QRectF(place.x() - width / 2, place.y() + away, width, height)
