"""Every architecture that can be made tiny: converted here, and by llama.cpp's unmodified script with torch.

``python -m tests.campaigns.architectures --torch PYTHON --llama FOLDER --work FOLDER [ARCHITECTURE…]``

PYTHON is the interpreter of an environment with torch and transformers 4.57.6, FOLDER of ``--llama`` is llama.cpp's
source at the revision that Halfbyte converts with (``vendor/llama.cpp`` in the source of llama-cpp-python). The models
are written by transformers itself, with random weights. Files are equal if they are so byte for byte; where they are
not, what differs is named. A model that upstream's script cannot convert either is told as such.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.campaigns.tiny_architectures import ARCHITECTURES, WITH_PROJECTORS
from tests.campaigns.tiny_tokenizers import write_tokenizers

OUTPUT_TYPE = "f16"
AT_ONCE = 2


@dataclass(frozen=True)
class Case:
    """One file to be made of one model: the model itself, or its projector (``mmproj``)."""

    name: str
    projector: bool

    @property
    def title(self) -> str:
        return f"{self.name} mmproj" if self.projector else self.name


@dataclass(frozen=True)
class Outcome:
    title: str
    outcome: str  # equal, differs, ours failed, upstream failed, both failed
    detail: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("torch", "llama", "work"):
        parser.add_argument(f"--{option}", type=Path, required=True)
    parser.add_argument("architectures", nargs="*")
    given = parser.parse_args()
    work: Path = given.work.absolute()
    names = given.architectures or list(ARCHITECTURES)
    write_tokenizers(given.llama / "models", work / "tokenizers")
    writer = Path(__file__).with_name("write_architectures.py")
    command = [given.torch, writer, work / "models", work / "tokenizers", *names]
    subprocess.run(list(map(str, command)), stderr=subprocess.DEVNULL, check=True)
    cases = [Case(name, False) for name in names]
    cases += [Case(name, True) for name in names if name in WITH_PROJECTORS]
    for folder in ("ours", "upstream"):
        (work / folder).mkdir(exist_ok=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(lambda case: judge(case, given.torch, given.llama, work), cases))
    (work / "outcomes.json").write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    print(dict(Counter(outcome.outcome for outcome in outcomes)))
    sys.exit(any(outcome.outcome in ("differs", "ours failed") for outcome in outcomes))


def judge(case: Case, python: Path, llama: Path, work: Path) -> Outcome:
    folder = work / "models" / case.name
    if not folder.is_dir():
        return told(Outcome(case.title, "not made", "transformers cannot write it this small"))
    upstream = work / "upstream" / f"{case.title}.gguf"
    ours = work / "ours" / f"{case.title}.gguf"
    theirs_failed = convert_upstream(folder, upstream, case.projector, python, llama)
    ours_failed = convert_here(folder, ours, case.projector)
    if theirs_failed:
        return told(Outcome(case.title, "both failed" if ours_failed else "upstream failed", theirs_failed))
    if ours_failed:
        return told(Outcome(case.title, "ours failed", ours_failed))
    if ours.read_bytes() == upstream.read_bytes():
        return told(Outcome(case.title, "equal"))
    return told(Outcome(case.title, "differs", "; ".join(differences(ours, upstream))[:400]))


def told(outcome: Outcome) -> Outcome:
    print(f"{outcome.title:50} {outcome.outcome:16} {outcome.detail}", flush=True)
    return outcome


def convert_upstream(folder: Path, target: Path, projector: bool, python: Path, llama: Path) -> str:
    """Run the unmodified script; return its last words where it fails. What was made before is kept."""
    if target.is_file():
        return ""
    failure = target.with_suffix(".failed")
    if failure.is_file():
        return failure.read_text("utf-8")
    command = [python, llama / "convert_hf_to_gguf.py", folder, "--outfile", target, "--outtype", OUTPUT_TYPE]
    run = subprocess.run(
        [*map(str, command), *(["--mmproj"] if projector else [])],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )
    made = target.with_name(f"mmproj-{target.name}")
    if made.is_file():
        made.replace(target)
    if run.returncode == 0 and target.is_file():
        return ""
    target.unlink(missing_ok=True)
    words = (run.stderr.strip().splitlines() or ["no reason"])[-1]
    failure.write_text(words, "utf-8")
    return words


def convert_here(folder: Path, target: Path, projector: bool) -> str:
    """Convert with the app's own code, in a process of its own; return why not."""
    command = [sys.executable, "-m", "tests.campaigns.convert_here", folder, target, "--output-type", OUTPUT_TYPE]
    command += ["--projector"] if projector else []
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, errors="replace", check=False)
    return (run.stderr.strip().splitlines() or ["no reason"])[-1] if run.returncode else ""


def differences(ours: Path, upstream: Path) -> Iterator[str]:
    """Say which metadata and which tensors differ."""
    from gguf import GGUFReader

    readers = [GGUFReader(file) for file in (ours, upstream)]
    fields = [
        {name: [bytes(part) for part in field.parts] for name, field in reader.fields.items()} for reader in readers
    ]
    tensors = [
        {item.name: (item.tensor_type, item.shape.tolist(), bytes(item.data)) for item in reader.tensors}
        for reader in readers
    ]
    for what, (here, there) in (("metadata", fields), ("tensor", tensors)):
        for name in sorted(here.keys() | there.keys()):
            if name not in here or name not in there:
                yield f"{what} {name} only {'here' if name in here else 'upstream'}"
            elif here[name] != there[name] and not name.startswith("GGUF."):
                yield f"{what} {name}"


if __name__ == "__main__":
    main()
