"""What the command line prints: tables for people on standard output, everything else on standard error."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.find import LookedUp
from engine.catalog.hub.values import FoundModel
from engine.catalog.offers import Offer
from engine.convert.card import agreement_words, gain_words
from engine.errors import EngineError
from engine.events import Notice, Progress
from engine.formats import label_of
from engine.machine import gpu_parts
from engine.machine.facts import GpuPart, Machine
from engine.quantities import duration, size
from engine.recommend.corrections import Quantity
from engine.recommend.fit import Fit

output = Console(soft_wrap=False)
errors = Console(stderr=True, highlight=False)


def progress_text(event: Progress) -> str:
    """Return done, rate and remaining time of a step in words; of steps those that are whole."""
    amount = size if event.unit == "bytes" else lambda count: f"{int(count):,} {event.unit}"
    words = [f"{amount(event.done)} of {amount(event.total)}" if event.total else amount(event.done)]
    if event.rate and event.unit != "steps":
        words.append(f"{amount(event.rate)}/s")
    if event.remaining_s is not None:
        words.append(f"{duration(event.remaining_s)} left")
    return ", ".join(words)


def as_json(value: Any) -> None:
    """Print a value for programs: one JSON document; dataclasses become objects."""

    def plain(thing: Any) -> Any:
        return dataclasses.asdict(thing) if dataclasses.is_dataclass(thing) else str(thing)  # type: ignore[arg-type]

    output.out(json.dumps(value, default=plain, indent=2, ensure_ascii=False), highlight=False)


def error(fault: EngineError) -> None:
    """Print what is in the way and what to do about it."""
    errors.print(f"[bold red]Error:[/] {_plain(fault.message)}", soft_wrap=True)
    if fault.hint:
        errors.print(_plain(fault.hint), soft_wrap=True)
    if log := fault.details.get("log"):
        errors.print("The worker's last lines:")
        errors.print(_plain("\n".join(f"  {line}" for line in log.splitlines()[-15:])), soft_wrap=True)


def notice(event: Notice) -> None:
    errors.print(("[yellow]Note:[/] " if event.level == "warning" else "") + _plain(event.text), soft_wrap=True)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _table(*columns: str, right: Sequence[int] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index in right else "left", overflow="fold")
    return table


def machine(found: Machine) -> None:
    """Print what this computer has."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in _machine_rows(found):
        table.add_row(f"[bold]{name}[/]", _plain(value))
    output.print(table)
    for missing in found.missing:
        output.print(f"[yellow]{_plain(missing.what)}:[/] {_plain(missing.reason)} {_plain(missing.hint)}".rstrip())


def _machine_rows(found: Machine) -> Iterable[tuple[str, str]]:
    cpu, memory = found.cpu, found.memory
    yield "System", found.system
    yield "Processor", cpu.model
    yield "Cores", f"{cpu.usable_physical_cores} physical, {cpu.usable_logical_cores} logical usable"
    yield "Instructions", " ".join(cpu.features) or "none that llama.cpp has kernels for"
    limit = f", limited to {size(memory.limit_bytes)}" if memory.limit_bytes else ""
    yield "Memory", f"{size(memory.available_bytes)} free of {size(memory.total_bytes)}{limit}"
    if found.bandwidth_bytes_s:
        yield "Memory speed", f"{size(found.bandwidth_bytes_s)}/s"
    for disk in found.disks:
        yield f"Disk ({disk.purpose})", f"{size(disk.free_bytes)} free of {size(disk.total_bytes)} in {disk.folder}"
    for gpu in found.gpus:
        shared = " shared with the processor" if gpu.unified else ""
        yield "GPU", f"{gpu.label}, {size(gpu.usable_bytes)} usable of {size(gpu.total_bytes)}{shared}"
    if not found.gpus:
        yield "GPU", "none found"
    if found.llama:
        devices = ", ".join(f"{device.name} ({device.description})" for device in found.llama.devices)
        yield "llama.cpp", f"{found.llama.version}; computes on {devices or 'nothing'}"
        for part in found.llama.parts:
            yield f"{gpu_parts.KINDS[part.kind]} part", " ".join((*_part_words(part), part.hint)).strip()
    packages = [f"{name} {version}" for name, version in found.packages.items() if version]
    yield "Optional packages", ", ".join(packages) or "none installed"


def _part_words(part: GpuPart) -> tuple[str, ...]:
    if part.state == "loaded":
        return ("in use:", part.file)
    return (part.reason,) if part.state == "absent" else (part.reason, f"({part.file})")


def fits(rows: Sequence[Fit]) -> None:
    """Print the ranked formats; the first is the suggestion."""
    table = _table(
        "", "Format", "Quality", "File", "Memory", "Largest context", "Tokens/s", "Runs on", right=(3, 4, 5, 6)
    )
    for index, fit in enumerate(rows):
        mark = "→" if index == 0 and fit.fits else ("" if fit.fits else "✗")
        table.add_row(
            mark,
            fit.format.label,
            fit.format.quality.words,
            size(fit.file_bytes),
            size(fit.footprint.total_bytes),
            f"{fit.largest_context:,}" if fit.largest_context else "–",
            f"{fit.decode_tokens_s:.0f}" if fit.decode_tokens_s else "–",
            fit.place,
            style=None if fit.fits else "dim",
        )
    output.print(table)
    if rows and rows[0].fits:
        output.print(f"[bold]Suggestion: {rows[0].format.label}.[/] {_plain(rows[0].reason)}", soft_wrap=True)
        if words := corrected_words(rows[0]):
            output.print(words, soft_wrap=True, markup=False, highlight=False)
    for reason, labels in _in_the_way(rows).items():
        output.print(f"[bold]{', '.join(labels)}:[/] {_plain(reason)}", soft_wrap=True)


_ESTIMATES: dict[Quantity, tuple[str, Callable[[float], str]]] = {
    "memory": ("memory", size),
    "decode": ("answers", lambda rate: f"{rate:.0f} tokens/s"),
    "prompt": ("reading", lambda rate: f"{rate:.0f} tokens/s"),
    "load": ("loading", lambda seconds: f"{seconds:.1f} s"),
}


def corrected_words(fit: Fit) -> str:
    """Say what earlier loads made of the first estimates, each with its interval; "" where there were none."""
    rows = [row for row in fit.estimates if row.count]
    if not rows:
        return ""
    parts = []
    for row in rows:
        name, words = _ESTIMATES[row.quantity]
        parts.append(f"{name} {words(row.value)} ({words(row.low)} to {words(row.high)}), first {words(row.first)}")
    loads = max(row.count for row in rows)
    return f"Corrected from {loads} load{'s' * (loads != 1)} on this machine: {'; '.join(parts)}."


def _in_the_way(rows: Sequence[Fit]) -> dict[str, list[str]]:
    """Return what keeps formats from running as they are, each reason once, with the formats it holds for."""
    reasons: dict[str, list[str]] = {}
    for fit in rows:
        if not fit.fits or fit.obstacles:
            reason = " ".join((() if fit.fits else (fit.reason,)) + fit.obstacles)
            reasons.setdefault(reason, []).append(fit.format.label)
    return reasons


def library(entries: Sequence[Checkpoint]) -> None:
    """Print the library."""
    if not entries:
        output.print("The library is empty. Put a .gguf file or a model's folder into it, or convert one.")
        return
    table = _table("Name", "Format", "Size", "From", right=(2,))
    for entry in entries:
        label = label_of(entry.format_id)
        table.add_row(_plain(entry.name), label, size(entry.size_bytes), _plain(", ".join(entry.owners) or "library"))
    output.print(table)
    for entry in entries:
        if entry.damaged:
            output.print(f"[bold]{_plain(entry.name)}:[/] {_plain(entry.problem)}", soft_wrap=True)


def converted(made: Checkpoint, called: str) -> None:
    """Print what a conversion made, and by which name commands find it (:func:`engine.cli.library.called`)."""
    output.print(f"{_plain(made.name)}  {size(made.size_bytes)}", soft_wrap=True)
    if found := made.record.get("agreement"):
        errors.print(f"Beside the original: {agreement_words(found)}", soft_wrap=True)
    if gain := gain_words(made.record):
        errors.print(f"The importance matrix: {gain}", soft_wrap=True)
    name = f'"{called}"' if sys.platform == "win32" else shlex.quote(called)
    errors.print(f"Chat with it: halfbyte chat {_plain(name)}", soft_wrap=True)


def found(rows: Sequence[tuple[FoundModel, Fit | None]]) -> None:
    """Print the rows of a search; how a model would run is an estimate from its size alone."""
    if not rows:
        output.print("Nothing was found. Try fewer words.")
        return
    table = _table("Model", "Downloads", "Parameters", "Best here (estimate)", right=(1, 2))
    for row, fit in rows:
        best = (
            f"{fit.format.label}, about {fit.decode_tokens_s or 0:.0f} tokens/s" if fit and fit.fits else "does not fit"
        )
        gate = " (gated)" if row.gated else ""
        parameters = f"{row.parameters / 1e9:.1f} billion" if row.parameters else "?"
        table.add_row(
            _plain(row.name) + gate, f"{row.downloads:,}", parameters, "does not fit" if fit and not fit.fits else best
        )
    output.print(table)


def offers(looked_up: LookedUp, rows: Sequence[Offer]) -> None:
    """Print what a repository has, the best for this machine first."""
    model = looked_up.model
    about = ", ".join(filter(None, [model.licence or "no licence named", "gated" if model.gated else ""]))
    output.print(f"[bold]{_plain(model.name)}[/] at {model.commit[:8]} ({_plain(about)})", soft_wrap=True)
    table = _table("Variant", "Size", "Quality", "Memory", "Tokens/s", "Why", right=(1, 3, 4))
    for row in rows:
        variant, fit = row.variant, row.fit
        reason = variant.problem or (" ".join((fit.reason, *fit.obstacles)) if fit else "Its headers were not read.")
        table.add_row(
            _plain(variant.title),
            size(variant.size_bytes),
            fit.format.quality.words if fit else "",
            size(fit.footprint.total_bytes) if fit else "",
            f"{fit.decode_tokens_s:.0f}" if fit and fit.decode_tokens_s else "–",
            _plain(reason),
            style=None if fit and fit.fits else "dim",
        )
    output.print(table)
