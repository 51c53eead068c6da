"""Reports as CSV, JSON and Markdown, each with what was voted on its model: :class:`Tally` by SHA-256."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from engine.measure.report import Report
from engine.measure.votes import Tally
from engine.quantities import size

Votes = Mapping[str, Tally]
_NO_VOTES: Votes = {}


def to_json(reports: Sequence[Report], votes: Votes = _NO_VOTES) -> str:
    """Return a list of records, as :func:`engine.measure.report.report_from` reads them."""
    records = [report.as_record() | _voted_record(votes.get(report.sha256)) for report in reports]
    return json.dumps(records, indent=2, ensure_ascii=False) + "\n"


def _voted_record(tally: Tally | None) -> dict[str, Any]:
    return {"votes": asdict(tally)} if tally else {}


def to_csv(reports: Sequence[Report], votes: Votes = _NO_VOTES) -> str:
    """Return one row for each report, every number with its unit in its column's name; what is not known is empty."""
    rows = [row(report) | _voted(votes.get(report.sha256)) for report in reports]
    names = list(dict.fromkeys(name for found in rows for name in found)) or ["name"]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def row(report: Report) -> dict[str, Any]:
    """Return a report as one flat row."""
    quality = report.quality
    return {
        "name": report.name,
        "format": report.format_id,
        "size_bytes": report.size_bytes,
        "tokens": quality.tokens,
        "scored_tokens": quality.scored_tokens,
        "perplexity": quality.perplexity.value,
        "perplexity_error": quality.perplexity.error,
        **_divergence(report),
        **_speed(report),
        **_memory(report),
        "reference": report.reference,
        "device": report.device,
        "measured_at": report.measured_at,
        "sha256": report.sha256,
        "texts_sha256": report.texts_sha256,
    }


def _voted(tally: Tally | None) -> dict[str, Any]:
    return {f"votes_{name}": count for name, count in asdict(tally).items()} if tally else {}


def _divergence(report: Report) -> dict[str, Any]:
    found = report.quality.divergence
    if found is None:
        return {}
    return {
        "kl_divergence_nats": found.mean.value,
        "kl_divergence_error": found.mean.error,
        "kl_divergence_median": found.median,
        "kl_divergence_99_percent": found.percentile_99,
        "same_top_share": found.same_top.value,
        "same_top_error": found.same_top.error,
        "ln_perplexity_ratio": found.ln_ppl.value,
        "ln_perplexity_ratio_error": found.ln_ppl.error,
    }


def _speed(report: Report) -> dict[str, Any]:
    speed = report.speed
    if speed is None:
        return {}
    spreads = {
        "prompt_tokens_s": speed.prompt_tokens_s,
        "decode_tokens_s": speed.decode_tokens_s,
        "first_token_s": speed.first_token_s,
    }
    values: dict[str, Any] = {"load_s": speed.load_s}
    for name, spread in spreads.items():
        values |= {name: spread.median, f"{name}_lowest": spread.lowest, f"{name}_highest": spread.highest}
    return {**values, "repeats": speed.decode_tokens_s.repeats}


def _memory(report: Report) -> dict[str, Any]:
    memory = report.memory
    if memory is None:
        return {}
    return {
        "peak_memory_bytes": memory.peak_bytes,
        "gpu_memory_bytes": "" if memory.gpu_bytes is None else memory.gpu_bytes,
        "predicted_memory_bytes": memory.predicted_bytes,
    }


HEADINGS = (
    "Format",
    "File",
    "Perplexity",
    "KL divergence",
    "99 %",
    "Same top token",
    "Δ ln perplexity",
    "Prompt tokens/s",
    "Answer tokens/s",
    "First token",
    "Memory",
)


def cells(report: Report) -> tuple[str, ...]:
    """Return a report in words under :data:`HEADINGS`."""
    quality, found = report.quality, report.quality.divergence
    original = "original" if report.is_reference else "–"
    compared = (
        ("–", "–", "–")
        if found is None
        else (
            f"{found.percentile_99:.3f}",
            f"{100 * found.same_top.value:.1f} ± {100 * found.same_top.error:.1f} %",
            f"{found.ln_ppl.value:+.4f} ± {found.ln_ppl.error:.4f}",
        )
    )
    return (
        report.label,
        size(report.size_bytes),
        f"{quality.perplexity.value:.2f} ± {quality.perplexity.error:.2f}",
        f"{found.mean.value:.4f} ± {found.mean.error:.4f}" if found else original,
        *compared,
        *_timed_cells(report),
    )


def _timed_cells(report: Report) -> tuple[str, ...]:
    speed, memory = report.speed, report.memory
    rates = ("–", "–", "–")
    if speed is not None:
        prompt, decode = speed.prompt_tokens_s, speed.decode_tokens_s
        rates = (
            f"{prompt.median:.0f} ({prompt.lowest:.0f}–{prompt.highest:.0f})",
            f"{decode.median:.1f} ({decode.lowest:.1f}–{decode.highest:.1f})",
            f"{speed.first_token_s.median:.2f} s",
        )
    if memory is None:
        return (*rates, "–")
    on_gpu = f" + {size(memory.gpu_bytes)} GPU" if memory.gpu_bytes else ""
    return (*rates, size(memory.peak_bytes) + on_gpu)


def to_markdown(reports: Sequence[Report], votes: Votes = _NO_VOTES) -> str:
    """Return a table in GitHub's Markdown, with what it was measured on below; votes only where there are some."""
    rows: list[tuple[str, ...]] = [HEADINGS, *(cells(report) for report in reports)]
    if any(report.sha256 in votes for report in reports):
        found = (votes.get(report.sha256) for report in reports)
        last = ["Votes", *(tally.words if tally else "–" for tally in found)]
        rows = [(*cells, more) for cells, more in zip(rows, last, strict=True)]
    lines = [_line(rows[0]), _line(["---"] * len(rows[0])), *map(_line, rows[1:])]
    notes = dict.fromkeys(footnote(report) for report in reports)
    return "\n".join([*lines, "", *notes]) + "\n"


def footnote(report: Report) -> str:
    """Say what the numbers of a report are of."""
    quality = report.quality
    against = f", compared with {report.reference}" if report.reference else ""
    where = f"; computed on {report.device}" if report.device else ""
    return f"{quality.scored_tokens:,} of {quality.tokens:,} tokens scored{against}{where}."


def _line(values: Sequence[str]) -> str:
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"
