"""Checkpoints as other programs write them, loaded here, beside what those programs make of them themselves.

``python -m tests.campaigns.foreign_checkpoints cut STARTER WORK`` cuts the starter model's folder into the shapes of
several families (needs torch). ``… write WORK PROGRAM [VARIANT…]`` runs in an environment that has the program, and
keeps what the program answers. ``… check WORK`` loads all that was written, in an environment of the group ``cuda``.

Tried on a processor with torch 2.13 and llm-compressor 0.14.0.1 (compressed-tensors 0.19) and 0.6.0 (0.10.2), GPTQModel
7.7.0, AutoAWQ 0.2.9 (transformers 4.51.3), AutoGPTQ 0.7.1 (transformers 4.44.2), bitsandbytes 0.50.2 (transformers
5.24).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]

PLACES = 96
SAME_NATS = 2e-3  # 16 bits of a computation in another order explain no more
TEXT = Path(__file__).parents[2] / "resources" / "texts" / "measure" / "prose.txt"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("do", choices=("cut", "write", "check"))
    parser.add_argument("given", nargs="+")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    return {"cut": cut, "write": write, "check": check}[asked.do](*asked.given)


def cut(starter: str, work: str) -> int:
    from tests.campaigns.foreign_folders import FAMILIES, write_family

    for family in FAMILIES:
        folder = write_family(Path(starter), Path(work) / "originals" / family, family)
        keep_answers(Path(work) / "originals" / f"{family}.npz", _plain(folder), folder)
    return 0


def _plain(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM  # pyright: ignore

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def write(work: str, program: str, *variants: str) -> int:
    from tests.campaigns import foreign_makers

    failed, originals = 0, Path(work).absolute() / "originals"
    for variant, (family, make) in foreign_makers.PROGRAMS[program].items():
        target = Path(work).absolute() / "made" / f"{program}-{variant}"
        if (variants and variant not in variants) or target.with_suffix(".npz").exists():
            continue
        target.mkdir(parents=True, exist_ok=True)
        try:
            with contextlib.chdir(target.parent):  # some write logs into the folder that they are in
                model = make(originals / family, target)
                model = model or foreign_makers.opened(program, target)
            keep_answers(target.with_suffix(".npz"), model, target, family)
            print(f"{program} {variant}: written", flush=True)
        except Exception as error:  # a foreign program may do anything
            failed += 1
            traceback.print_exc(limit=-3)
            print(f"{program} {variant}: {type(error).__name__}: {str(error)[:200]}", flush=True)
    return failed


def keep_answers(file: Path, model: Any, folder: Path, family: str = "") -> None:
    tokens = tokens_of(folder)
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([tokens])).logits[0].float()
    np.savez_compressed(file, tokens=tokens, logits=logits.numpy().astype(np.float16), family=family)


def tokens_of(folder: Path) -> list[int]:
    from tokenizers import Tokenizer

    text = TEXT.read_text("utf-8")[: 16 * PLACES]
    return Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids[:PLACES]


def check(work: str, *names: str) -> int:
    failed = 0
    for folder in sorted((Path(work) / "made").iterdir()):
        if not (folder / "config.json").is_file() or (names and not folder.name.startswith(names)):
            continue
        row = checked(folder, folder.with_suffix(".npz"), Path(work) / "originals")
        failed += row["outcome"] == "DIFFERS" or row["outcome"].startswith("BUG")
        print(json.dumps(row, ensure_ascii=False), flush=True)
    return failed


def checked(folder: Path, file: Path, originals: Path) -> dict[str, Any]:
    """Load a checkpoint as the app does and compare it with its program's answers."""
    from engine.catalog.library import Library
    from engine.errors import EngineError
    from engine.runtime.backends.hf import loading
    from engine.runtime.options import LoadOptions

    kept = np.load(file) if file.exists() else None  # a program may write what it cannot open again
    row: dict[str, Any] = {"name": folder.name}
    try:
        row["format"] = Library(folder.parent).entry_at(folder).format_id
        if kept:
            row["parameters"] = _parameters(folder, originals)
        job, notices = loading.load(folder, LoadOptions(context_tokens=256, threads=1), threading.Event()), []
        try:
            while True:
                event = next(job)
                if hasattr(event, "text"):
                    notices.append(event.text)
        except StopIteration as end:
            model, _ = end.value
        if kept is None:
            return row | {"outcome": "loaded, without an answer to compare with"}
        found = model.scores(kept["tokens"].tolist(), 0, len(kept["tokens"])).numpy()
    except EngineError as error:
        return row | {"outcome": "refused", "kind": error.kind, "words": f"{error.message} {error.hint}"}
    except Exception as error:
        return row | {"outcome": f"BUG {type(error).__name__}", "words": str(error)[:300]}
    expected = kept["logits"].astype(np.float32)
    original = np.load(originals / f"{kept['family']}.npz")["logits"].astype(np.float32)
    nats, theirs, ours = divergence(expected, found), divergence(original, expected), divergence(original, found)
    outcome = "same" if nats < SAME_NATS else "nearer to the original" if ours < theirs else "DIFFERS"
    return row | {
        "outcome": outcome,
        "from_program": round(nats, 6),
        "program_from_original": round(theirs, 4),
        "from_original": round(ours, 4),
        "same_top": round(float((expected.argmax(1) == found.argmax(1)).mean()), 3),
        "notices": notices,
    }


def _parameters(folder: Path, originals: Path) -> str:
    """Say whether the catalog sees as many parameters as the original has."""
    from engine.catalog.facts import read_facts

    family = str(np.load(folder.with_suffix(".npz"))["family"])
    found, expected = (read_facts(place).parameters for place in (folder, originals / family))
    return "right" if found == expected else f"{found:,} of {expected:,}"


def divergence(expected: Any, found: Any) -> float:
    """Return the mean Kullback-Leibler divergence in nats."""
    one, other = (rows - rows.max(1, keepdims=True) for rows in (expected, found))
    one, other = (rows - np.log(np.exp(rows).sum(1, keepdims=True)) for rows in (one, other))
    return float((np.exp(one) * (one - other)).sum(1).mean())


if __name__ == "__main__":
    sys.exit(main())
