"""“Best for you”: which of the measured formats, by a rule that the person sees and changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.machine.facts import Machine
from engine.measure.report import Report
from engine.quantities import size

_SIGMAS = 2.0  # differences within two standard errors are none


@dataclass(frozen=True, slots=True)
class Rule:
    """What a format must keep to.

    ``memory_left_bytes`` must stay free for other programs; an answer comes with at least ``least_tokens_s``; the mean
    divergence from the original is at most ``most_divergence`` nats. Below ``unnoticed_divergence`` nobody sees a
    difference, and the faster one is better.
    """

    memory_left_bytes: int = 1_000_000_000
    least_tokens_s: float = 5.0
    most_divergence: float = 0.2
    unnoticed_divergence: float = 0.01


@dataclass(frozen=True, slots=True)
class Room:
    """The memory that is free now; ``gpu_free_bytes`` is ``None`` where no GPU computes."""

    free_bytes: int
    gpu_free_bytes: int | None = None


def room_of(machine: Machine) -> Room:
    """Return the free memory of a machine, as it was when it was looked at."""
    own = [gpu.usable_bytes for gpu in machine.gpus if not gpu.unified and not gpu.hidden]
    computes = machine.llama is not None and machine.llama.offload
    return Room(machine.memory.available_bytes, sum(own) if own and computes else None)


@dataclass(frozen=True, slots=True)
class Choice:
    """A measured format and its place. ``reason`` is one sentence, ``obstacles`` are what of the rule it breaks."""

    report: Report
    passes: bool
    reason: str
    obstacles: tuple[str, ...] = ()


def choose(
    reports: Sequence[Report], rule: Rule, free_bytes: int, gpu_free_bytes: int | None = None
) -> tuple[Choice, ...]:
    """Return the formats, the best first; those that break the rule come last, the least lossy of them first.

    ``free_bytes`` is main memory that is free now, ``gpu_free_bytes`` the GPUs' (``None``: not looked at).
    Pure: the same reports and numbers give the same order, however they are sorted.
    """
    broken = {id(report): tuple(_obstacles(report, rule, free_bytes, gpu_free_bytes)) for report in reports}
    passing = [report for report in reports if not broken[id(report)]]
    failing = sorted((report for report in reports if broken[id(report)]), key=_order)
    ranked = _ranked(passing, rule)
    reasons = [_reason(report, rule, first=place == 0) for place, report in enumerate(ranked)]
    chosen = [Choice(report, True, reason) for report, reason in zip(ranked, reasons, strict=True)]
    return (*chosen, *(Choice(report, False, broken[id(report)][0], broken[id(report)]) for report in failing))


def loss(report: Report) -> float | None:
    """Return the mean divergence from the original, 0 for the original itself; ``None`` if it was not compared."""
    if report.is_reference:
        return 0.0
    found = report.quality.divergence
    return found.mean.value if found else None


def _obstacles(report: Report, rule: Rule, free_bytes: int, gpu_free_bytes: int | None) -> list[str]:
    found = []
    memory, speed, lost = report.memory, report.speed, loss(report)
    if memory and free_bytes - memory.peak_bytes < rule.memory_left_bytes:
        found.append(
            f"It takes {size(memory.peak_bytes)} of the {size(free_bytes)} that are free, and "
            f"{size(rule.memory_left_bytes)} are to stay free."
        )
    if memory and memory.gpu_bytes and gpu_free_bytes is not None and memory.gpu_bytes > gpu_free_bytes:
        found.append(f"It takes {size(memory.gpu_bytes)} of the GPU's {size(gpu_free_bytes)} that are free.")
    if speed and speed.decode_tokens_s.median < rule.least_tokens_s:
        found.append(
            f"It writes {speed.decode_tokens_s.median:.1f} tokens/s; at least {rule.least_tokens_s:g} are asked for."
        )
    if lost is None:
        found.append("It was not compared with the original.")
    elif lost > rule.most_divergence:
        found.append(f"Its divergence from the original is {lost:.3f}; at most {rule.most_divergence:g} is allowed.")
    return found


def _ranked(reports: Sequence[Report], rule: Rule) -> list[Report]:
    """Take the best again and again: of those that cannot be told apart from the least lossy, the fastest."""
    left, ranked = sorted(reports, key=_order), []
    while left:
        level = max(_counted(left[0], rule), rule.unnoticed_divergence)
        alike = [report for report in left if _counted(report, rule) <= level + _SIGMAS * _error(left[0], report)]
        best = max(alike, key=lambda report: (_rate(report), -report.size_bytes, report.sha256))
        ranked.append(best)
        left.remove(best)
    return ranked


def _order(report: Report) -> tuple[float, float, int, str]:
    lost = loss(report)
    return (float("inf") if lost is None else lost, -_rate(report), report.size_bytes, report.sha256)


def _counted(report: Report, rule: Rule) -> float:
    return max(loss(report) or 0.0, rule.unnoticed_divergence)


def _error(*reports: Report) -> float:
    errors = [report.quality.divergence.mean.error for report in reports if report.quality.divergence]
    return sum(error**2 for error in errors) ** 0.5


def _rate(report: Report) -> float:
    return report.speed.decode_tokens_s.median if report.speed else 0.0


def _reason(report: Report, rule: Rule, *, first: bool) -> str:
    lost = loss(report) or 0.0
    words = "It is the original" if report.is_reference else f"Its divergence from the original is {lost:.3f}"
    if not report.is_reference and lost <= rule.unnoticed_divergence:
        words += ", which nobody notices"
    if report.speed:
        words += f"; it writes {report.speed.decode_tokens_s.median:.1f} tokens/s"
    if report.memory:
        words += f" and takes {size(report.memory.peak_bytes)}"
    return words + (": the best that keeps to the rule." if first else ".")
