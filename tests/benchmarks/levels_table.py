"""Makes every level of a model's folder, without and with an importance matrix, measures them, and prints a table.

``python -m tests.benchmarks.levels_table FOLDER --work build/levels [--tokens N] [--threads N] [--level Q4_K_M]…``

The table is Markdown: bits per weight as people quote them (a reference note, for 13 billion parameters), as the levels
have them where all rows fit, and as they are in this model; divergence from the BF16 file without and with the matrix.
What lies in the work folder is neither made nor measured again. Hours for large models: levels below four bits search a
grid. Left out are levels for weights of few values, and of experts where the model has none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.convert.extras import Wanted
from engine.convert.plan import Options, plan, plan_together
from engine.convert.recipes import FOR_FEW_VALUES, HEEDLESS, NEED_IMATRIX, RECIPES
from engine.convert.run import Conversions
from engine.events import Finished, Job, Progress
from engine.formats import format_named
from engine.measure.options import MeasureOptions
from engine.measure.report import Report
from engine.measure.run import Measurement
from engine.measure.store import Store
from engine.paths import Folders

REFERENCE = "BF16"
NOTE_BITS = {"Q2_K": 2.6, "Q4_K_M": 4.5, "Q5_K_M": 5.7, "Q8_0": 8.0}
ONLY_MADE = Options(wanted=Wanted(comparison=False, gain=False))
WITH_MATRIX = Options(computes_importance=True, wanted=Wanted(comparison=False, gain=False))
HEADINGS = ("level", "note", "level's own", "here", "MB", "KL divergence", "with matrix", "same top token", "tokens/s")


@dataclass(frozen=True, slots=True)
class Row:
    """A level: what was measured of it ``plain``, where it can be made so, and with an importance matrix."""

    level: str
    bits: float
    plain: Report | None
    matrix: Report | None


def finish(job: Job) -> object:
    """Run a job to its end, its steps on standard error; return its value."""
    step, value = "", None
    for event in job:
        if isinstance(event, Finished):
            value = event.value
        elif isinstance(event, Progress) and event.step != step:
            step = event.step
            print(f"  {step}", file=sys.stderr, flush=True)
    return value


def make(source: Path, levels: Sequence[str], folder: Path, options: Options) -> dict[str, Checkpoint]:
    """Make levels in one pass, those that are missing; return all."""
    library = Library(folder.parent)
    targets = {level: folder / f"{source.name}-{level}.gguf" for level in levels}
    missing = {level: target for level, target in targets.items() if not target.exists()}
    if missing:
        print(f"{folder.name}: {', '.join(missing)}", file=sys.stderr, flush=True)
        plans = [plan(source, f"gguf-{level.lower()}", target, library, options) for level, target in missing.items()]
        finish(Conversions(plan_together(plans)))
    return {level: library.entry_at(target) for level, target in targets.items()}


def measured(model: Checkpoint, reference: Checkpoint, options: MeasureOptions, store: Store) -> Report:
    print(model.name, file=sys.stderr, flush=True)
    report = finish(Measurement(model, reference, options, (), store))
    assert isinstance(report, Report)
    return report


def rows(source: Path, levels: Sequence[str], work: Path, options: MeasureOptions) -> list[Row]:
    store = Store(Folders(work, work, work, work))
    heeding = [level for level in levels if level not in HEEDLESS]
    unaided = [level for level in levels if level not in NEED_IMATRIX]
    plain = make(source, list(dict.fromkeys([REFERENCE, *unaided])), work / "plain", ONLY_MADE)
    matrix = make(source, heeding, work / "matrix", WITH_MATRIX)
    found = []
    for level in levels:
        reference = plain[REFERENCE]
        own = measured(plain[level], reference, options, store) if level in plain else None
        how = replace(options, repeats=0) if own else options  # a matrix changes no speed
        learnt = measured(matrix[level], reference, how, store) if level in matrix else None
        bits = (plain.get(level) or matrix[level]).record["bits_per_weight"]
        found.append(Row(level, bits, own, learnt))
    return sorted(found, key=lambda row: -row.bits)


def line(row: Row) -> str:
    """Return a row as Markdown; size, tokens and speed are those of the file without matrix, where there is one."""
    shown = row.plain or row.matrix
    assert shown
    usual = format_named(f"gguf-{row.level.lower()}")
    cells = (
        row.level,
        f"{NOTE_BITS[row.level]:.1f}" if row.level in NOTE_BITS else "",
        f"{usual.bits:.2f}" if usual else "",
        f"{row.bits:.2f}",
        f"{shown.size_bytes / 1e6:.0f}",
        divergence(row.plain),
        divergence(row.matrix),
        f"{100 * shown.quality.divergence.same_top.value:.1f} %" if shown.quality.divergence else "",
        f"{shown.speed.decode_tokens_s.median:.0f}" if shown.speed else "",
    )
    return f"| {' | '.join(cells)} |"


def divergence(report: Report | None) -> str:
    if report is None:
        return "–"
    found = report.quality.divergence
    return f"{found.mean.value:.4f} ± {found.mean.error:.4f}" if found else "original"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, default=Path("build/levels"))
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="of speed; 0 leaves it out")
    parser.add_argument("--level", action="append", help="[default: all that are worth a look]")
    arguments = parser.parse_args()
    every = [
        recipe.level for recipe in RECIPES.values() if recipe.level not in {"F32", "F16", "MXFP4_MOE", *FOR_FEW_VALUES}
    ]
    options = MeasureOptions(
        tokens=arguments.tokens,
        repeats=arguments.repeats,
        prompt_tokens=256,
        answer_tokens=48,
        threads=arguments.threads,
        gpu_layers=0,
    )
    found = rows(arguments.folder.absolute(), arguments.level or every, arguments.work.absolute(), options)
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}")
    print("\n".join(map(line, found)))


if __name__ == "__main__":
    main()
