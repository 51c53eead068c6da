"""What Halfbyte measures beside llama.cpp's own llama-perplexity and llama-bench, built from the same sources.

``python -m tests.benchmarks.measure_quality REFERENCE.gguf LEVEL.gguf… --tools FOLDER [--threads N] [--rounds N]``

Quality: the same text and windows; a difference of more than 0.5 % in perplexity or mean divergence is a failure.
Speed: rounds alternate, so that what else the machine does meets both; the median of the rounds' ratios is told, and
more than 5 % is a failure. ``FOLDER`` has the tools (see llama_tools.py).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from engine import texts
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import read_facts
from engine.events import Finished
from engine.measure.options import MeasureOptions
from engine.measure.report import Report
from engine.measure.run import Measurement
from engine.measure.store import Store
from engine.paths import Folders
from engine.process.host import Worker

QUALITY_LIMIT, SPEED_LIMIT = 0.005, 0.05
FOUND = {
    "perplexity": r"(?:Mean PPL\(Q\) *:|Final estimate: PPL =) *([\d.]+)",
    "divergence": r"Mean +KLD: *([\d.-]+)",
    "divergence 99 %": r"99\.0% +KLD: *([\d.-]+)",
    "same top": r"Same top p: *([\d.]+)",
    "ln ratio": r"Mean ln\(PPL\(Q\)/PPL\(base\)\) *: *([\d.-]+)",
}


def perplexity_tool(tool: Path, model: Path, text: Path, base: Path, threads: int, compares: bool) -> dict[str, float]:
    """Return what llama-perplexity prints; without ``compares`` it writes the base's logits."""
    command = [tool, "-m", model, "-f", text, "-c", 512, "-b", 512, "-t", threads, "-ngl", 0]
    command += ["--kl-divergence-base", base, *(["--kl-divergence"] if compares else [])]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    output = done.stdout + done.stderr
    return {name: float(match[1]) for name, pattern in FOUND.items() if (match := re.search(pattern, output))}


def ours(model: Path, reference: Path, text: Path, options: MeasureOptions, store: Store) -> dict[str, float]:
    job = Measurement(_checkpoint(model), _checkpoint(reference), options, (texts.own_text(text),), store)
    report: Report = next(event.value for event in job if isinstance(event, Finished))
    found = report.quality.divergence
    values = {"perplexity": report.quality.perplexity.value}
    if found:
        values |= {
            "divergence": found.mean.value,
            "divergence 99 %": found.percentile_99,
            "same top": 100 * found.same_top.value,
            "ln ratio": found.ln_ppl.value,
        }
    return values


def bench_tool(tool: Path, model: Path, options: MeasureOptions) -> dict[str, float]:
    command = [tool, "-m", model, "-t", options.threads, "-p", options.prompt_tokens, "-n", options.answer_tokens]
    command += ["-r", options.repeats, "-fa", 1, "-ngl", 0, "-o", "json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)
    return {"prompt" if row["n_prompt"] else "decode": statistics.median(row["samples_ts"]) for row in rows}


def our_speed(model: Path, options: MeasureOptions) -> dict[str, float]:
    worker = Worker("engine.measure.worker")
    try:
        record: dict[str, Any] = dataclasses.asdict(options)
        request = worker.ask("speed", path=str(model), format_id=_checkpoint(model).format_id, options=record)
        speed = request.finish()["speed"]
        return {"prompt": speed["prompt_tokens_s"]["median"], "decode": speed["decode_tokens_s"]["median"]}
    finally:
        worker.close()


def _checkpoint(path: Path) -> Checkpoint:
    return Checkpoint(path, path.name, read_facts(path).format_id, path.stat().st_size)


def compare_quality(arguments: argparse.Namespace, options: MeasureOptions, folder: Path) -> float:
    """Print both side by side; return the largest relative difference of perplexity and mean divergence."""
    text, base, worst = folder / "text.txt", folder / "base.kld", 0.0
    text.write_text(texts.named("prose").read()[: arguments.characters], "utf-8")
    store = Store(Folders(folder, folder, folder, folder))
    for model in (arguments.reference, *arguments.levels):
        tool = arguments.tools / "llama-perplexity"
        theirs = perplexity_tool(tool, model, text, base, arguments.threads, model != arguments.reference)
        found = ours(model, arguments.reference, text, options, store)
        for name, value in theirs.items():
            difference = found[name] / value - 1
            print(f"{model.stem:12} {name:16} {value:12.6f} {found[name]:12.6f} {100 * difference:+8.3f} %", flush=True)
            if name in ("perplexity", "divergence"):
                worst = max(worst, abs(difference))
    kept = sum(path.stat().st_size for path in store.references_folder.glob("*.ref"))
    print(f"reference kept in {kept / 1e6:.1f} MB; llama-perplexity's base takes {base.stat().st_size / 1e6:.1f} MB")
    return worst


def compare_speed(arguments: argparse.Namespace, options: MeasureOptions) -> float:
    """Print rates and ratios; return how much the median of the ratios differs from 1."""
    worst = 0.0
    for model in arguments.levels:
        ratios: dict[str, list[float]] = {"prompt": [], "decode": []}
        for number in range(arguments.rounds):
            theirs, found = _one_round(arguments.tools / "llama-bench", model, options, tool_first=number % 2 == 0)
            for name, values in ratios.items():
                values.append(found[name] / theirs[name])
                print(f"{model.stem:12} {name:8} {theirs[name]:9.2f} {found[name]:9.2f}", file=sys.stderr, flush=True)
        for name, values in ratios.items():
            ratio = statistics.median(values)
            print(f"{model.stem:12} {name:8} Halfbyte / llama-bench {ratio:.3f}", flush=True)
            worst = max(worst, abs(ratio - 1))
    return worst


def _one_round(
    tool: Path, model: Path, options: MeasureOptions, *, tool_first: bool
) -> tuple[dict[str, float], dict[str, float]]:
    if tool_first:
        return bench_tool(tool, model, options), our_speed(model, options)
    found = our_speed(model, options)
    return bench_tool(tool, model, options), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reference", type=Path)
    parser.add_argument("levels", type=Path, nargs="+")
    parser.add_argument("--tools", type=Path, required=True, help="the folder of llama-perplexity and llama-bench")
    parser.add_argument("--characters", type=int, default=24_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="of speed; 0: only quality")
    arguments = parser.parse_args()
    os.environ["GOMP_SPINCOUNT"] = "1000"
    options = MeasureOptions(tokens=0, repeats=0, threads=arguments.threads, gpu_layers=0)
    with tempfile.TemporaryDirectory() as folder:
        quality = compare_quality(arguments, options, Path(folder))
    speed = compare_speed(arguments, dataclasses.replace(options, repeats=3)) if arguments.rounds else 0.0
    print(f"largest difference: quality {100 * quality:.3f} %, speed {100 * speed:.1f} %")
    sys.exit(quality > QUALITY_LIMIT or speed > SPEED_LIMIT)


if __name__ == "__main__":
    main()
