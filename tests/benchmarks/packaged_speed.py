"""What the packaged llama.cpp, which chooses its processor's variant at run time, costs beside this tree's build.

    .venv/bin/python -m tests.benchmarks.packaged_speed dist/halfbyte/halfbyte MODEL.gguf [--rounds 9] [--threads 1]

Both answer the same question greedily, each time as a new process with a folder of its own, so that nothing is kept
from the round before. They take turns, and the first of each round changes: what else the machine does meets both.
Medians of the rates in tokens/s, and the median of each round's ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROMPT = "Go on with this story. " + "The ship left the harbour at dawn, and the crew sang of the sea. " * 24
ANSWER_TOKENS = 64
RATES = ("prompt_tokens_s", "decode_tokens_s")

Rates = dict[str, float]


def main() -> None:
    """Print both medians and the ratio of each rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("executable", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    programs = {"packaged": [str(options.executable.absolute())], "native": [sys.executable, "-m", "desktop"]}
    rounds: list[dict[str, Rates]] = []
    for number in range(options.rounds):
        names = list(programs) if number % 2 else list(programs)[::-1]
        rounds.append({name: answer(programs[name], options.model.absolute(), options.threads) for name in names})
        print(rounds[-1], file=sys.stderr)
    for rate in RATES:
        packaged, native = ([each[name][rate] for each in rounds] for name in ("packaged", "native"))
        ratio = statistics.median(ours / theirs for ours, theirs in zip(packaged, native, strict=True))
        print(f"{rate}: {statistics.median(packaged):.1f} to {statistics.median(native):.1f}, ratio {ratio:.3f}")


def answer(program: list[str], model: Path, threads: int) -> Rates:
    """Return the rates of one answer."""
    with tempfile.TemporaryDirectory() as home:
        config = Path(home, "config")
        config.mkdir()
        (config / "settings.json").write_text(json.dumps({"threads": threads, "kept_prompts_gb": 0.0}))
        command = [*program, "chat", str(model), PROMPT, "--json", "--temperature", "0", "--context", "2048"]
        command += ["--max-tokens", str(ANSWER_TOKENS)]
        environment = {**os.environ, "HALFBYTE_HOME": home, "GOMP_SPINCOUNT": "1000"}
        output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    usage = _usage(output)
    return {rate: usage[rate] for rate in RATES}


def _usage(output: str) -> Rates:
    """Return the counts of the answer, which the last event has."""
    finished = json.loads(output.splitlines()[-1])
    return finished["value"]["messages"][-1]["usage"]


if __name__ == "__main__":
    main()
