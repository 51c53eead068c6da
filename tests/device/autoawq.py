"""Make AWQ with AutoAWQ on an NVIDIA GPU through the app, and see what comes of it: size, answers, memory, cancel.

Not a test of pytest's. ``python3 -m tests.device.autoawq SCRATCH TOKENIZER WHEELS 1B|3B|8B|tiny|FOLDER [PART…]`` makes
AutoAWQ's environment of the wheels in WHEELS and of what this interpreter has (nothing is fetched), writes a
Llama-shaped folder of random weights with the tokenizer of a folder (or takes FOLDER, which brings its own), and prints
one JSON object a line; the exit code is the number of failed checks. Parts: make, cancel, full, ours (all). Without a
GPU all but ``full`` runs on the processor. ``--samples N`` calibrates on so many, ``--tokens N`` are measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from engine.convert.folders.plan import FolderOptions, FolderPlan, folder_plan
from engine.convert.folders.recipes import AUTOAWQ
from engine.convert.folders.run import FolderConversion
from engine.environments.check import Checking
from engine.environments.described import ENVIRONMENTS
from engine.environments.places import usable
from engine.errors import Cancelled
from engine.events import Progress
from tests.device.cuda_session import Report, run
from tests.device.make_formats import chatted, full_while_quantizing, halfbyte, measured_all, original_of
from tests.device.wheel_environment import make_of_wheels

PARTS = ("make", "cancel", "full", "ours")
AS_FAR = 2.0  # times what AutoAWQ's own layers computed on other text: how far a result is from its original
NO_COMPILER = {"CC": "/nonexistent/cc"}  # Triton would look for one


def main() -> int:
    asked = _arguments()
    report, gpu = Report(), _gpu()
    environment = ENVIRONMENTS["autoawq"]
    if not usable(environment.name):
        report.line("other versions than pinned", **make_of_wheels(environment, asked.wheels))
    report.line("environment", **run(Checking(environment)))
    original = original_of(report, asked)
    if "make" in asked.parts:
        make(report, gpu, original, asked)
    if "cancel" in asked.parts:
        cancel(report, gpu, original, asked)
    if "full" in asked.parts and gpu:
        full_while_quantizing(report, gpu, original, asked, AUTOAWQ.id)
    if "ours" in asked.parts:
        ours(report, original, asked)
    return report.failed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("scratch", "tokenizer", "wheels"):
        parser.add_argument(name, type=Path)
    parser.add_argument("model")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=4096)
    return parser.parse_args()


def _gpu() -> Any:
    import torch  # pyright: ignore[reportMissingImports]

    if not torch.cuda.is_available():
        return None
    from tests.device.cuda_session import Gpu

    return Gpu()


def make(report: Report, gpu: Any, original: Path, asked: argparse.Namespace) -> None:
    """Convert through the command line without a compiler in reach, measure in our own back end, and chat."""
    target = asked.scratch.absolute() / f"{original.name}-autoawq"
    plan, before = _plan(original, target, asked), gpu.used_bytes if gpu else 0
    report.line("plan", needs=str(plan.needs), notes=plan.notes, obstacles=plan.obstacles)
    os.environ.update(NO_COMPILER)
    given = ("--format", "awq-autoawq", "--output", target, "--samples", asked.samples)
    started_s = time.monotonic()
    events, code, words = halfbyte("convert", original, *given)
    seconds = round(time.monotonic() - started_s, 1)
    for name in NO_COMPILER:
        del os.environ[name]
    report.check("AutoAWQ makes it", code == 0, seconds=seconds, steps=_steps(events), words=words)
    _gives_back(report, gpu, before)
    if code:
        return
    record = json.loads((target / ".halfbyte.json").read_text("utf-8"))
    told = ("size_bytes", "agreement", "calibration", "device", "versions", "seconds", "peak_memory_bytes")
    report.line("record", **{key: record.get(key) for key in told})
    assert plan.needs
    foretold = {"gpu": (plan.needs.gpu_bytes, record["peak_gpu_bytes"])}
    foretold["memory"] = (plan.needs.memory_bytes, record["peak_memory_bytes"])
    for what, (planned, taken) in foretold.items():
        report.check(f"no more {what} than planned", taken <= planned, planned_bytes=planned, taken_bytes=taken)
    measured = measured_all(report, [original, target], asked.tokens)
    divergence = measured[1]["quality"]["divergence"]["mean"]["value"]
    report.check("our back end finds it as far from the original as AutoAWQ", _as_far(divergence, record),
                 divergence=divergence, agreement=record["agreement"])  # fmt: skip
    report.line("measured", **measured[1])
    chatted(report, target)
    _gives_back(report, gpu, before)


def _as_far(divergence: float, record: dict[str, Any]) -> bool:
    expected = record["agreement"]["divergence"]
    return expected / AS_FAR < divergence < expected * AS_FAR


def _plan(original: Path, target: Path, asked: argparse.Namespace) -> FolderPlan:
    return folder_plan(original, AUTOAWQ.id, target, None, FolderOptions((), asked.samples))


def _steps(events: list[dict[str, Any]]) -> dict[str, int]:
    """Count the lines of progress of each step."""
    steps = [event["step"] for event in events if event.get("event") == "Progress"]
    return {step: steps.count(step) for step in dict.fromkeys(steps)}


def _gives_back(report: Report, gpu: Any, before: int) -> None:
    if gpu:
        report.check("the GPU's memory comes back", gpu.settles_at(before), before=before, used=gpu.used_bytes)


def cancel(report: Report, gpu: Any, original: Path, asked: argparse.Namespace) -> None:
    """Cancel as soon as a layer is finished: it ends at once, and nothing is left."""
    place, before = asked.scratch.absolute() / "cancelled", gpu.used_bytes if gpu else 0
    job, asked_s, cancelled = FolderConversion(_plan(original, place / "never", asked)), 0.0, False
    try:
        for event in job:
            if isinstance(event, Progress) and event.step == "Calibrating layers" and event.done:
                asked_s = time.monotonic()
                job.cancel()
    except Cancelled:
        cancelled = True
    took_s = round(time.monotonic() - asked_s, 2)
    report.check("it can be cancelled", cancelled and took_s < 5, took_s=took_s)
    report.check("nothing of it is left", not place.exists() or not any(place.iterdir()), place=str(place))
    workers = [child.pid for child in psutil.Process().children() if "engine.convert.worker" in child.cmdline()]
    report.check("no worker is left", not workers, workers=workers)
    _gives_back(report, gpu, before)


IN_AUTOAWQ = """
import json, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import torch
from awq import AutoAWQForCausalLM
from awq.modules.linear import gemm
from transformers import AutoModelForCausalLM, AutoTokenizer
from engine.convert.methods.autoawq import load
from engine.convert.methods.older_form import for_transformers_4
from engine.texts import named
cuda = torch.cuda.is_available()
on = torch.device("cuda" if cuda else "cpu")
def logits(model, tokens):
    with torch.inference_mode():
        return torch.log_softmax(model(torch.tensor([tokens], device=on)).logits[0].double(), -1).cpu()
with for_transformers_4(Path(sys.argv[1])) as original:
    tokens = AutoTokenizer.from_pretrained(original)(named("prose").read()[:8000])["input_ids"][:1500]
    plain = AutoModelForCausalLM.from_pretrained(original, torch_dtype=torch.float16).to(on).eval()
    parts = {"short": tokens[:256], "long": tokens}  # AutoAWQ has a kernel for either
    expected = {name: logits(plain, part) for name, part in parts.items()}
for folder in sys.argv[2:]:
    for triton in ([True, False] if cuda else [False]):
        told = {"folder": Path(folder).name, "triton": triton}
        try:
            with for_transformers_4(Path(folder)) as readable:
                if cuda:
                    gemm.TRITON_AVAILABLE = triton
                    model = AutoAWQForCausalLM.from_quantized(str(readable), fuse_layers=False, trust_remote_code=False)
                else:
                    model = load(readable, on)
                for name, part in parts.items():
                    found = logits(model, part)
                    told[name] = float((expected[name].exp() * (expected[name] - found)).sum(-1).mean())
        except Exception as error:
            told["error"] = f"{type(error).__name__}: {error}"[:600]
        print(json.dumps(told), flush=True)
"""


def ours(report: Report, original: Path, asked: argparse.Namespace) -> None:
    """Load in AutoAWQ itself what GPTQModel made and what AutoAWQ made, with and without its Triton kernels."""
    target = asked.scratch.absolute() / f"{original.name}-awq"
    if not target.exists():
        _, code, words = halfbyte(
            "convert", original, "--format", "awq", "--output", target, "--samples", asked.samples
        )
        report.check("GPTQModel makes it", code == 0, words=words)
    folders = [folder for folder in (target, target.with_name(f"{original.name}-autoawq")) if folder.exists()]
    command = [str(usable("autoawq")), "-c", IN_AUTOAWQ, str(original), *map(str, folders)]
    path = os.pathsep.join(filter(None, (str(Path.cwd()), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path})
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    report.check("AutoAWQ opens them", bool(found), words=done.stderr[-1500:] if not found else "")
    for told in found:
        folder = next(folder for folder in folders if folder.name == told["folder"])
        record = json.loads((folder / ".halfbyte.json").read_text("utf-8"))
        alike = all(_as_far(told.get(length, 0.0), record) for length in ("short", "long"))
        report.check("AutoAWQ finds it as far from the original", alike, agreement=record["agreement"], **told)


if __name__ == "__main__":
    sys.exit(main())
