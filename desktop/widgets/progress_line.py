"""How far a job is: a bar, and in words what is done, how fast, and how long it will take."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from desktop.language import tr
from desktop.quantities import duration, number, size
from desktop.theme import scale
from desktop.theme.motion import is_reduced
from desktop.widgets.controls import add, label
from engine.events import Progress

_STEPS = 1000


class ProgressLine(QWidget):
    """Show the newest :class:`Progress`. The bar moves by itself while the total is not known, if motion is wanted."""

    def __init__(self, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        name = name or self.tr("Progress")
        self.bar.setAccessibleName(name)
        self.words = label(self.tr("Starting…"), "caption")
        self.words.setAccessibleName(name)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(scale.XS)
        add(layout, [self.words, self.bar])
        self.restart()

    @Slot(Progress)
    def show_progress(self, progress: Progress) -> None:
        self.bar.setRange(0, _STEPS if progress.total or is_reduced() else 0)
        if progress.total:
            self.bar.setValue(round(_STEPS * progress.done / progress.total))
        self.words.setText(progress_words(progress))
        self.words.setAccessibleDescription(self.words.text())

    def restart(self, words: str = "") -> None:
        self.bar.setRange(0, _STEPS if is_reduced() else 0)
        self.bar.setValue(0)
        self.words.setText(words or self.tr("Starting…"))


def progress_words(progress: Progress) -> str:
    """Return a step in words: “Writing tensors: 1.2 GB of 4.0 GB · 95 MB/s · 29 s left”."""
    parts = [_amounts(progress)]
    if progress.rate and progress.unit != "steps":
        parts.append(tr("{amount}/s").format(amount=_amount(progress.rate, progress.unit)))
    if progress.remaining_s is not None and progress.done < (progress.total or 0):
        parts.append(tr("{time} left").format(time=duration(progress.remaining_s)))
    step = progress.step[:1].upper() + progress.step[1:]
    return f"{step}: {' · '.join(parts)}"


def _amounts(progress: Progress) -> str:
    if not progress.total:
        return _amount(progress.done, progress.unit)
    if progress.unit == "steps":
        return tr("{done} of {total}").format(done=number(int(progress.done)), total=number(progress.total))
    return tr("{done} of {total}").format(
        done=_amount(progress.done, progress.unit, ""), total=_amount(progress.total, progress.unit)
    )


def _amount(count: float, unit: str, suffix: str | None = None) -> str:
    if unit == "bytes":
        return size(count)
    return f"{number(count)} {unit if suffix is None else suffix}".strip()
