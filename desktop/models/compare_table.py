"""The table of a model's formats: each number with its unit and its spread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt

from desktop.models.compare import Ranked
from desktop.models.row_model import Index, RowModel
from engine.measure.report import Divergence, Report, Spread
from engine.measure.votes import Tally
from engine.quantities import size

COLUMNS = (
    "Format",
    "File",
    "Memory",
    "Perplexity",
    "Divergence",
    "Same token",
    "Prompt",
    "Answer",
    "First token",
    "Votes",
)
TIPS = (
    "",
    "What the file or folder takes on the disk.",
    "The most that the model's process held while it answered.",
    "How surprised the model is by the text: lower is better.",
    "How far its next-token probabilities are from the original's (Kullback-Leibler, in nats): 0 is no difference.",
    "How often it finds the same next token likeliest as the original does.",
    "How many tokens of a question it reads in a second.",
    "How many tokens of an answer it writes in a second.",
    "How long a question waits for the first token of the answer.",
    "How often you found its answer better than another model's to the same question, and worse.",
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
            return f"{cell(self.rows[index.row()], index.column()).full}. {TIPS[index.column()]}"
        return super().data(index, role)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return TIPS[section]
        return super().headerData(section, orientation, role)


def place_words(row: Ranked) -> str:
    """Say why a format has its place."""
    if row.choice is None:
        return row.contender.why_not or "It was not measured yet."
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
        words = "Cannot be measured" if contender.why_not else "Not measured yet"
        return Cell("Not measured" if column == PERPLEXITY and not contender.why_not else _NOTHING, "", words)
    return _CELLS[COLUMNS[column]](report)


def _format(row: Ranked) -> Cell:
    label, title = row.contender.label, row.contender.model.title
    if row.best:
        return Cell(f"{label} · best", title, f"{label}, best for you, {title}")
    return Cell(label, title, f"{label}, {title}")


def _votes(tally: Tally | None) -> Cell:
    if tally is None:
        return Cell(_NOTHING, "", "No votes")
    rest = [f"{tally.worse} worse"] + ([f"{tally.tied} tied"] if tally.tied else [])
    return Cell(f"{tally.better} better", ", ".join(rest), tally.words)


def _memory(report: Report) -> Cell:
    memory = report.memory
    if memory is None:
        return _missing()
    on_gpu = f"+ {size(memory.gpu_bytes)} GPU" if memory.gpu_bytes else ""
    predicted = f", predicted {size(memory.predicted_bytes)}" if memory.predicted_bytes else ""
    return Cell(size(memory.peak_bytes), on_gpu, f"{size(memory.peak_bytes)} {on_gpu}".strip() + predicted)


def _perplexity(report: Report) -> Cell:
    value, error = report.quality.perplexity.value, report.quality.perplexity.error
    full = f"{value:.2f} ± {error:.2f} over {report.quality.scored_tokens:,} tokens"
    return Cell(f"{value:.2f}", f"± {error:.2f}", full)


def _divergence(report: Report) -> Cell:
    found = report.quality.divergence
    if found is None:
        return _uncompared(report, "0")
    mean, error, most = found.mean.value, found.mean.error, found.percentile_99
    full = f"{mean:.4f} ± {error:.4f} nats; 99 % of the places are below {most:.3f}"
    return Cell(f"{mean:.4f}", f"99 %: {most:.3f}", full)


def _same_token(report: Report) -> Cell:
    found: Divergence | None = report.quality.divergence
    if found is None:
        return _uncompared(report, "100 %")
    share, error = 100 * found.same_top.value, 100 * found.same_top.error
    return Cell(f"{share:.1f} %", f"± {error:.1f} %", f"{share:.1f} ± {error:.1f} %")


def _uncompared(report: Report, value: str) -> Cell:
    return Cell(value, "original", f"{value}: it is the original") if report.is_reference else _missing()


def _prompt(report: Report) -> Cell:
    return _rate(report.speed.prompt_tokens_s, report.speed.prompt_tokens) if report.speed else _missing()


def _answer(report: Report) -> Cell:
    return _rate(report.speed.decode_tokens_s, report.speed.answer_tokens) if report.speed else _missing()


def _rate(spread: Spread, tokens: int) -> Cell:
    low, high = f"{spread.lowest:.1f}", f"{spread.highest:.1f}"
    full = f"{spread.median:.1f} tokens/s ({low} to {high}, {spread.repeats} times {tokens} tokens)"
    return Cell(f"{spread.median:.1f}/s", f"{spread.lowest:.0f}–{spread.highest:.0f}", full)


def _first_token(report: Report) -> Cell:
    if report.speed is None:
        return _missing()
    spread = report.speed.first_token_s
    between = f"{spread.lowest:.2f}–{spread.highest:.2f}"
    full = f"{spread.median:.2f} s ({between} s) after {report.speed.prompt_tokens} tokens; loaded in "
    return Cell(f"{spread.median:.2f} s", between, f"{full}{report.speed.load_s:.1f} s")


def _plain(words: str) -> Cell:
    return Cell(words, "", words)


def _missing() -> Cell:
    return Cell(_NOTHING, "", "Not measured")


_CELLS: dict[str, Callable[[Report], Cell]] = {
    "Memory": _memory,
    "Perplexity": _perplexity,
    "Divergence": _divergence,
    "Same token": _same_token,
    "Prompt": _prompt,
    "Answer": _answer,
    "First token": _first_token,
}
