"""The command ``measure``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from engine import settings, texts
from engine.catalog.checkpoint import Checkpoint
from engine.cli import show
from engine.cli.library import json_option, open_library
from engine.cli.run import finish
from engine.cli.servers import find_model
from engine.errors import Refused
from engine.measure import export
from engine.measure.options import MeasureOptions
from engine.measure.original import original_of
from engine.measure.report import Report
from engine.measure.run import Measurement
from engine.runtime.options import WHILE_LOADING
from engine.texts import Text

_WRITERS = {"csv": export.to_csv, "markdown": export.to_markdown, "json": export.to_json}
_LOSSES: tuple[str, ...] = ("Format", "Perplexity", "KL divergence", "99 %", "Same top token", "Δ ln perplexity")
_COSTS: tuple[str, ...] = ("Format", "File", "Memory", "Prompt tokens/s", "Answer tokens/s", "First token")


@click.command("measure")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--as",
    "formats",
    type=click.Choice(WHILE_LOADING),
    multiple=True,
    help="Also measure folders of plain weights in a format that is made while loading.",
)
@click.option("--against", help="The model to compare with. [default: the most precise file of the same model]")
@click.option("--text", "names", multiple=True, help="A text's name or a file. [default: all that come with Halfbyte]")
@click.option("--tokens", type=click.IntRange(0), help="Tokens to read; 0: the whole text.")
@click.option("--quick", is_flag=True, help="Fewer tokens and repeats: enough to rank levels.")
@click.option("--no-speed", is_flag=True, help="Leave out speed and memory.")
@click.option("--threads", type=click.IntRange(1), help="[default: the setting]")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@click.option("--markdown", "form", flag_value="markdown", help="Print a Markdown table.")
@json_option
def measure_command(
    models: tuple[str, ...],
    formats: tuple[str, ...],
    against: str | None,
    names: tuple[str, ...],
    form: str | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Measure what MODEL costs and loses: perplexity, divergence from the original, speed, memory.

    MODEL may be on llama.cpp's server ("server:NAME"): slow to score, so read few --tokens; no other server tells how
    likely a text is. What was measured before is shown at once; what was stopped goes on where it was.
    """
    library = open_library()
    found = [each for model in models for each in _in_formats(find_model(model), formats)]
    reference = find_model(against) if against else None
    options, chosen = measure_options(**asked), tuple(_text(name) for name in names)
    known = [*library.entries(), *found]
    reports = [measured(model, reference or original_of(model, known), options, chosen) for model in found]
    form = "json" if as_json else form
    if form:
        show.output.out(_WRITERS[form](reports), end="", highlight=False)
    else:
        print_tables(reports)


def _in_formats(model: Checkpoint, formats: Sequence[str]) -> Iterator[Checkpoint]:
    """Yield a model as it is, and in formats that its plain weights are quantized to while they are loaded."""
    yield model
    if formats and not model.format_id.startswith("plain-"):
        raise Refused(f"{model.title} has no plain weights to load as {formats[0]}.", "Name a folder of plain weights.")
    yield from (replace(model, format_id=format_id) for format_id in formats)


def measured(
    model: Checkpoint, reference: Checkpoint | None, options: MeasureOptions, chosen: tuple[Text, ...] = ()
) -> Report:
    """Measure one model and return its report; what was measured before is there at once."""
    show.errors.print(model.title, highlight=False)
    return finish(Measurement(model, reference, options, chosen))


def measure_options(
    tokens: int | None = None, quick: bool = False, no_speed: bool = False, threads: int | None = None
) -> MeasureOptions:
    """Return the options as a command was given them, the rest from the settings."""
    values = settings.load()
    options = MeasureOptions(
        context_tokens=values["context_tokens"],
        gpu_layers=values["gpu_layers"],
        threads=threads or values["threads"],
    )
    options = options.quick() if quick else options
    if no_speed:
        options = replace(options, repeats=0)
    if tokens is not None and 0 < tokens < options.window_tokens:
        raise Refused(f"{tokens} tokens do not fill a window.", f"Read at least {options.window_tokens}.")
    return options if tokens is None else replace(options, tokens=tokens)


def _text(name: str) -> Text:
    path = Path(name).expanduser()
    return texts.own_text(path) if path.is_file() else texts.named(name)


def print_tables(reports: list[Report]) -> None:
    """Print the reports for people: what they lose, and what they cost."""
    _print(reports, _LOSSES)
    if any(report.speed for report in reports):
        _print(reports, _COSTS)
    for note in dict.fromkeys(export.footnote(report) for report in reports):
        show.output.print(note, soft_wrap=True, markup=False, highlight=False)


def _print(reports: list[Report], headings: Sequence[str]) -> None:
    table = Table(box=show.box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "Format" else "right")
    for report in reports:
        known: dict[str, str] = dict(zip(export.HEADINGS, export.cells(report), strict=True))
        table.add_row(*(known[heading] for heading in headings))
    show.output.print(table)
