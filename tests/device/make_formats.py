"""Make every folder format of one model on an NVIDIA GPU through the real command line, chat with it, and measure all.

Not a test of pytest's. ``python3 -m tests.device.make_formats SCRATCH TOKENIZER 1B|3B|8B|FOLDER [FORMAT…]`` writes a
Llama-shaped folder of random weights (or takes FOLDER, which brings its own tokenizer), and prints one JSON object a
line, at last one table; the exit code is the number of failed checks. Formats: nf4, int8, gptq, awq (all), full for a
GPU that fills up while GPTQ is made. ``--samples N`` calibrates on so many samples, ``--tokens N`` are measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.device.cuda_session import Gpu, Report
from tests.device.torch_folders import ABOUT_1B, ABOUT_8B, Shape, write_folder

ABOUT_3B = Shape(3072, 28, 8192, 24, 8, 128256, tied=True)  # Llama-3.2-3B
SHAPES = {"1B": ABOUT_1B, "3B": ABOUT_3B, "8B": ABOUT_8B, "tiny": Shape(256, 2, 512, 4, 2, 49152, tied=True)}
FORMATS = ("nf4", "int8", "gptq", "awq")
PROMPTS = (128, 512, 2048)
QUESTION = "Tell me a story about the sea, its ships and its people. " * 8
SLACK = 1.3  # a first token may take so many times the pure computation of its prompt
HEADINGS = (
    "format",
    "file MB",
    "GPU MB",
    "foretold MB",
    "perplexity",
    "KL",
    "answer t/s",
    "chat t/s",
    "first / prefill",
)


def main() -> int:
    asked = _arguments()
    report = Report()
    original = original_of(report, asked)
    if "full" in asked.formats:
        full_while_quantizing(report, Gpu(), original, asked)
    formats = [name for name in asked.formats if name in FORMATS]
    folders = {"original": original} | {name: made(report, original, name, asked) for name in formats}
    folders = {name: folder for name, folder in folders.items() if folder.is_dir()}
    chats = {name: chatted(report, folder) for name, folder in folders.items()}
    measured = measured_all(report, list(folders.values()), asked.tokens)
    firsts = {name: first_tokens(report, name, folder) for name, folder in folders.items()}
    print_table(folders, measured, chats, firsts)
    return report.failed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("model")
    parser.add_argument("formats", nargs="*", default=list(FORMATS))
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=4096)
    return parser.parse_args()


def original_of(report: Report, asked: argparse.Namespace) -> Path:
    if asked.model not in SHAPES:
        return Path(asked.model).absolute()
    folder = (asked.scratch / f"Random-{asked.model}").absolute()
    if not folder.exists():
        started_s = time.monotonic()
        write_folder(folder, SHAPES[asked.model], "plain", asked.tokenizer, _device())
        _write_index(folder)
        report.line("written", folder=str(folder), seconds=round(time.monotonic() - started_s, 1))
    return folder


def _device() -> str:
    import torch  # pyright: ignore[reportMissingImports]

    return "cuda" if torch.cuda.is_available() else "cpu"


def _write_index(folder: Path) -> None:
    """Name the shards as published models do."""
    from safetensors import safe_open

    names: dict[str, str] = {}
    for shard in sorted(folder.glob("*.safetensors")):
        with safe_open(shard, framework="pt") as opened:
            names |= dict.fromkeys(opened.keys(), shard.name)
    index = {"metadata": {}, "weight_map": names}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def halfbyte(*arguments: Any) -> tuple[list[dict[str, Any]], int, str]:
    """Run a command that prints JSON; return what it printed, its exit code, and the end of its other output."""
    command = [sys.executable, "-m", "desktop", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return _records(done.stdout), done.returncode, done.stderr[-1500:]


def _records(text: str) -> list[dict[str, Any]]:
    """Read JSON values that follow each other, over one line or several."""
    decoder, records, place = json.JSONDecoder(), [], 0
    while text[place:].strip():
        place += len(text[place:]) - len(text[place:].lstrip())
        value, place = decoder.raw_decode(text, place)
        records += value if isinstance(value, list) else [value]
    return records


def made(report: Report, original: Path, name: str, asked: argparse.Namespace) -> Path:
    target = (asked.scratch / f"{original.name}-{name}").absolute()
    if target.exists():
        return target
    started_s = time.monotonic()
    _, code, words = halfbyte("convert", original, "--format", name, "--output", target, "--samples", asked.samples)
    report.check(f"{name} is made", code == 0, seconds=round(time.monotonic() - started_s, 1), words=words)
    if code == 0:
        record = json.loads((target / ".halfbyte.json").read_text("utf-8"))
        told = ("size_bytes", "agreement", "calibration", "device", "seconds", "peak_memory_bytes", "peak_gpu_bytes")
        report.line("record", format=name, **{key: record.get(key) for key in told})
    return target


def chatted(report: Report, folder: Path) -> dict[str, Any]:
    """Ask once through the command line; return the answer's usage."""
    records, code, words = halfbyte("chat", folder, QUESTION, "--max-tokens", 128, "--temperature", 0, "--seed", 1)
    answer = "".join(record.get("text", "") for record in records if record.get("event") == "Token")
    usage = next((record for record in reversed(records) if "decode_tokens_s" in json.dumps(record)), {})
    usage = usage.get("value") or usage
    report.check(
        "it answers", code == 0 and bool(answer or usage), folder=folder.name, answer=answer[:200], words=words
    )
    return _usage_in(usage)


def _usage_in(record: Any) -> dict[str, Any]:
    """Find the usage, wherever in a record it lies."""
    if isinstance(record, dict):
        if "decode_tokens_s" in record:
            return record
        found = (_usage_in(value) for value in record.values())
        return next((usage for usage in found if usage), {})
    if isinstance(record, list):
        return next((usage for usage in map(_usage_in, reversed(record)) if usage), {})
    return {}


def measured_all(report: Report, folders: list[Path], tokens: int) -> list[dict[str, Any]]:
    records, code, words = halfbyte("measure", *folders, "--against", folders[0], "--tokens", tokens)
    reports = [record for record in records if "quality" in record]
    report.check("all are measured", code == 0 and len(reports) == len(folders), words=words)
    shown = subprocess.run(
        [sys.executable, "-m", "desktop", "measure", *map(str, folders), "--against", str(folders[0]),
         "--tokens", str(tokens), "--markdown"], capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(shown.stdout, flush=True)
    return reports


FIRST_TOKENS = """
import json, statistics, sys, threading
from pathlib import Path
from engine.events import Finished
from engine.measure.methods.torch_runner import TorchRunner
from engine.measure.options import MeasureOptions
runner = TorchRunner(threading.Event())
for event in runner.load(Path(sys.argv[1]), MeasureOptions()): pass
for tokens in map(int, sys.argv[2:]):
    for timed in (runner.prompt, runner.first_token): timed(tokens)
    pairs = [(runner.prompt(tokens), runner.first_token(tokens)) for _ in range(7)]
    prefill, first = (statistics.median(column) for column in zip(*pairs))
    print(json.dumps({"tokens": tokens, "prefill_s": prefill, "first_s": first, "ratio": first / prefill}))
"""


def first_tokens(report: Report, name: str, folder: Path) -> list[dict[str, Any]]:
    """Time the first token against the pure computation of its prompt, in turns."""
    command = [sys.executable, "-c", FIRST_TOKENS, str(folder), *map(str, PROMPTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = _records(done.stdout)
    report.check("first tokens are timed", len(rows) == len(PROMPTS), format=name, words=done.stderr[-800:])
    for row in rows:
        report.check("a first token takes its prefill", row["ratio"] < SLACK, format=name, **row)
    return rows


def print_table(
    folders: dict[str, Path],
    measured: list[dict[str, Any]],
    chats: dict[str, dict[str, Any]],
    firsts: dict[str, list[dict[str, Any]]],
) -> None:
    by_path = {Path(record["path"]): record for record in measured}
    print("| " + " | ".join(HEADINGS) + " |\n|" + " --- |" * len(HEADINGS))
    for name, folder in folders.items():
        if folder in by_path:
            row = _row(name, by_path[folder], chats[name], firsts[name])
            print("| " + " | ".join(row) + " |", flush=True)


def _row(name: str, record: dict[str, Any], chat: dict[str, Any], firsts: list[dict[str, Any]]) -> list[str]:
    quality, speed, memory = record["quality"], record["speed"], record["memory"]
    divergence = quality["divergence"]
    return [
        name,
        f"{record['size_bytes'] / 1e6:,.0f}",
        f"{(memory['gpu_bytes'] or 0) / 1e6:,.0f}",
        f"{memory['predicted_bytes'] / 1e6:,.0f}",
        f"{quality['perplexity']['value']:.2f} ± {quality['perplexity']['error']:.2f}",
        f"{divergence['mean']['value']:.4f}" if divergence else "–",
        f"{speed['decode_tokens_s']['median']:,.0f}",
        f"{chat.get('decode_tokens_s', 0):,.0f}",
        ", ".join(f"{row['tokens']}: {1e3 * row['first_s']:.1f} / {1e3 * row['prefill_s']:.1f} ms" for row in firsts),
    ]


def full_while_quantizing(
    report: Report, gpu: Gpu, original: Path, asked: argparse.Namespace, recipe_id: str = "gptq-int4-g128"
) -> None:
    """Take the card's memory as soon as the layers are calibrated: a typed error, nothing left, the memory back."""
    import torch  # pyright: ignore[reportMissingImports]

    from engine.convert.folders.plan import FolderOptions, folder_plan
    from engine.convert.folders.run import FolderConversion
    from engine.errors import EngineError, NotEnoughMemory
    from engine.events import Progress

    torch.cuda.init()
    torch.zeros(1, device="cuda")
    before, place = gpu.used_bytes, asked.scratch.absolute() / "full"
    plan = folder_plan(original, recipe_id, place / "never", None, FolderOptions((), asked.samples))
    hoard: list[Any] = []
    problem: EngineError | None = None
    try:
        for event in FolderConversion(plan):
            if isinstance(event, Progress) and event.step == "Calibrating layers":
                _hoard(hoard)
    except EngineError as error:
        problem = error
    hoarded = sum(part.numel() for part in hoard)
    hoard.clear()
    torch.cuda.empty_cache()
    told = problem.as_record() if problem else {}
    report.check("a full GPU while quantizing", isinstance(problem, NotEnoughMemory), hoarded_bytes=hoarded, **told)
    report.check("nothing of it is left", not place.exists() or not any(place.iterdir()), place=str(place))
    report.check("the GPU's memory comes back", gpu.settles_at(before), before=before, used=gpu.used_bytes)


def _hoard(hoard: list[Any]) -> None:
    """Take all that is free but 64 MiB."""
    import torch  # pyright: ignore[reportMissingImports]

    free_bytes, _ = torch.cuda.mem_get_info()
    if free_bytes > 128 << 20:
        try:
            hoard.append(torch.empty(free_bytes - (64 << 20), dtype=torch.uint8, device="cuda"))
        except torch.OutOfMemoryError:  # the other process was quicker
            torch.cuda.empty_cache()


if __name__ == "__main__":
    sys.exit(main())
