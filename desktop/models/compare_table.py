"""The table of a model's formats: each number with its unit and its spread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt

from desktop.language import QT_TR_NOOP, tr
from desktop.models.compare import Ranked
from desktop.models.row_model import Index, RowModel
from desktop.quantities import number, size
from engine.measure.report import Divergence, Report, Spread
from engine.measure.votes import Tally

COLUMNS = (
    QT_TR_NOOP("Format"),
    QT_TR_NOOP("File"),
    QT_TR_NOOP("Memory"),
    QT_TR_NOOP("Perplexity"),
    QT_TR_NOOP("Divergence"),
    QT_TR_NOOP("Same token"),
    QT_TR_NOOP("Prompt"),
    QT_TR_NOOP("Answer"),
    QT_TR_NOOP("First token"),
    QT_TR_NOOP("Votes"),
)
TIPS = (
    "",
    QT_TR_NOOP("What the file or folder takes on the disk."),
    QT_TR_NOOP("The most that the model's process held while it answered."),
    QT_TR_NOOP("How surprised the model is by the text: lower is better."),
    QT_TR_NOOP(
        "How far its next-token probabilities are from the original's (Kullback-Leibler, in nats): 0 is no difference."
    ),
    QT_TR_NOOP("How often it finds the same next token likeliest as the original does."),
    QT_TR_NOOP("How many tokens of a question it reads in a second."),
    QT_TR_NOOP("How many tokens of an answer it writes in a second."),
    QT_TR_NOOP("How long a question waits for the first token of the answer."),
    QT_TR_NOOP("How often you found its answer better than another model's to the same question, and worse."),
)
FORMAT, FILE, PERPLEXITY, VOTES = 0, 1, 3, 9
_NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell shows in two lines, and says in full."""

    upper: str
    lower: str
    full: str


class CompareModel(RowModel[Ranked]):
    """Hold the ranked formats."""

    columns = COLUMNS

    def cell_words(self, row: Ranked, column: int) -> str:
        return cell(row, column).full

    def tip(self, row: Ranked) -> str:
        return place_words(row)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if index.isValid() and role == Qt.ItemDataRole.ToolTipRole and index.column() != FORMAT:
            return f"{cell(self.rows[index.row()], index.column()).full}. {tr(TIPS[index.column()])}"
        return super().data(index, role)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return tr(TIPS[section])
        return super().headerData(section, orientation, role)


def place_words(row: Ranked) -> str:
    """Say why a format has its place."""
    if row.choice is None:
        return row.contender.why_not or tr("It was not measured yet.")
    return " ".join(row.choice.obstacles) or row.choice.reason


def cell(row: Ranked, column: int) -> Cell:
    """Return one cell."""
    contender, report = row.contender, row.contender.report
    if column == FORMAT:
        return _format(row)
    if column == FILE:
        return _plain(size(contender.model.size_bytes))
    if column == VOTES:
        return _votes(contender.tally)
    if report is None:
        words = tr("Cannot be measured") if contender.why_not else tr("Not measured yet")
        return Cell(tr("Not measured") if column == PERPLEXITY and not contender.why_not else _NOTHING, "", words)
    return _CELLS[COLUMNS[column]](report)


def _format(row: Ranked) -> Cell:
    label, title = row.contender.label, row.contender.model.title
    if row.best:
        return Cell(
            tr("{label} · best").format(label=label),
            title,
            tr("{label}, best for you, {title}").format(label=label, title=title),
        )
    return Cell(label, title, f"{label}, {title}")


def _votes(tally: Tally | None) -> Cell:
    if tally is None:
        return Cell(_NOTHING, "", tr("No votes"))
    rest = [tr("{worse} worse").format(worse=tally.worse)] + (
        [tr("{tied} tied").format(tied=tally.tied)] if tally.tied else []
    )
    return Cell(tr("{better} better").format(better=tally.better), ", ".join(rest), tally.words)


def _memory(report: Report) -> Cell:
    memory = report.memory
    if memory is None:
        return _missing()
    on_gpu = tr("+ {size} GPU").format(size=size(memory.gpu_bytes)) if memory.gpu_bytes else ""
    full = f"{size(memory.peak_bytes)} {on_gpu}".strip()
    if memory.predicted_bytes:
        full = tr("{measured}, predicted {size}").format(measured=full, size=size(memory.predicted_bytes))
    return Cell(size(memory.peak_bytes), on_gpu, full)


def _perplexity(report: Report) -> Cell:
    value, error = report.quality.perplexity.value, report.quality.perplexity.error
    full = tr("{value} ± {error} over {tokens} tokens").format(
        value=number(value, 2), error=number(error, 2), tokens=number(report.quality.scored_tokens)
    )
    return Cell(number(value, 2), f"± {number(error, 2)}", full)


def _divergence(report: Report) -> Cell:
    found = report.quality.divergence
    if found is None:
        return _uncompared(report, "0")
    mean, error, most = found.mean.value, found.mean.error, found.percentile_99
    full = tr("{mean} ± {error} nats; 99 % of the places are below {most}").format(
        mean=number(mean, 4), error=number(error, 4), most=number(most, 3)
    )
    return Cell(number(mean, 4), f"99 %: {number(most, 3)}", full)


def _same_token(report: Report) -> Cell:
    found: Divergence | None = report.quality.divergence
    if found is None:
        return _uncompared(report, "100 %")
    share, error = number(100 * found.same_top.value, 1), number(100 * found.same_top.error, 1)
    return Cell(f"{share} %", f"± {error} %", f"{share} ± {error} %")


def _uncompared(report: Report, value: str) -> Cell:
    if not report.is_reference:
        return _missing()
    return Cell(value, tr("original"), tr("{value}: it is the original").format(value=value))


def _prompt(report: Report) -> Cell:
    return _rate(report.speed.prompt_tokens_s, report.speed.prompt_tokens) if report.speed else _missing()


def _answer(report: Report) -> Cell:
    return _rate(report.speed.decode_tokens_s, report.speed.answer_tokens) if report.speed else _missing()


def _short_rate(value: float, decimals: int) -> str:
    """Return a rate that fits its column: 57.1, 4,213, 24.5k; the full number is in the cell's tip."""
    if value >= 10_000:
        return tr("{thousands}k").format(thousands=number(value / 1000, 1))
    return number(value, decimals if value < 1000 else 0)


def _rate(spread: Spread, tokens: int) -> Cell:
    low, high = number(spread.lowest, 1), number(spread.highest, 1)
    full = tr("{median} tokens/s ({low} to {high}, {repeats} times {tokens} tokens)").format(
        median=number(spread.median, 1), low=low, high=high, repeats=spread.repeats, tokens=tokens
    )
    between = f"{_short_rate(spread.lowest, 0)}–{_short_rate(spread.highest, 0)}"
    return Cell(tr("{rate}/s").format(rate=_short_rate(spread.median, 1)), between, full)


def _first_token(report: Report) -> Cell:
    if report.speed is None:
        return _missing()
    spread = report.speed.first_token_s
    median, between = number(spread.median, 2), f"{number(spread.lowest, 2)}–{number(spread.highest, 2)}"
    full = tr("{median} s ({between} s) after {tokens} tokens; loaded in {load} s").format(
        median=median, between=between, tokens=report.speed.prompt_tokens, load=number(report.speed.load_s, 1)
    )
    return Cell(tr("{seconds} s").format(seconds=median), between, full)


def _plain(words: str) -> Cell:
    return Cell(words, "", words)


def _missing() -> Cell:
    return Cell(_NOTHING, "", tr("Not measured"))


_CELLS: dict[str, Callable[[Report], Cell]] = {
    "Memory": _memory,
    "Perplexity": _perplexity,
    "Divergence": _divergence,
    "Same token": _same_token,
    "Prompt": _prompt,
    "Answer": _answer,
    "First token": _first_token,
}
