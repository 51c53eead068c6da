"""Asks torch and transformers, or the stand-in, the same questions, so that their answers can be compared.

``python -m tests.helpers.torch_answers SECTION…`` prints the answers as JSON, of whatever this environment converts
with: the real packages where they are installed (torch 2.13.0 and transformers 4.57.6 wrote
``tests/cases/convert/torch_answers.json``), else the stand-in. Long answers are given as digests.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from engine.convert.methods import arrange, gguf
from engine.convert.standin.transformers.config import table
from tests.helpers.quantized_folders import FORMS, write_quantized
from tests.helpers.tiny_models import CASES, families, write_tiny_model

Answers = Iterator[tuple[str, str]]
TEXTS = ("Hello world 123", "  spaces \n\n x", "I've been told. He's <|im_start|> ok", "<s> a </s> b<bos>", "ünï ▁ 😀")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def values() -> Answers:
    """Arithmetic, element by element, on every kind of number but NaN, whose bits nobody promises."""
    import torch  # type: ignore[import-not-found]

    random = np.random.RandomState(0)
    left = random.standard_normal((64, 48)).astype(np.float32)
    left.flat[:8] = [1, np.inf, -np.inf, 0, -0.0, 1e-40, 65504, 70000]
    right = random.standard_normal((64, 48)).astype(np.float32)
    operations = {
        "same": lambda a, b: a,
        "add 1": lambda a, b: a + 1,
        "add 0.1": lambda a, b: a + 0.1,
        "subtract 0.1": lambda a, b: a - 0.1,
        "from 0.3": lambda a, b: 0.3 - a,
        "times 0.3": lambda a, b: a * 0.3,
        "over 0.7": lambda a, b: a / 0.7,
        "3 over": lambda a, b: 3.0 / a,
        "add": lambda a, b: a + b,
        "times": lambda a, b: a * b,
        "over": lambda a, b: a / b,
        "negative": lambda a, b: -a,
        "below": lambda a, b: (a < b).to(torch.uint8),
        "not 0": lambda a, b: (a != 0).to(torch.uint8),
        "squared": lambda a, b: a**2,
    }
    for kind in (torch.float32, torch.float16, torch.bfloat16):
        a, b = torch.from_numpy(left).to(kind), torch.from_numpy(right).to(kind)
        for name, operation in operations.items():
            yield f"{kind} {name}", digest(operation(a, b).to(torch.float32).numpy().tobytes())
    for dimensions in (64, 128):  # Llama 3
        yield f"frequencies {dimensions}", digest(_frequencies(torch, dimensions).numpy().tobytes())


def _frequencies(torch: Any, dimensions: int) -> Any:
    return 1.0 / (500000.0 ** (torch.arange(0, dimensions, 2, dtype=torch.float32) / dimensions))


def configurations() -> Answers:
    """What a configuration is completed to, for each family."""
    from transformers import AutoConfig  # type: ignore[import-not-found]

    tiny = {"hidden_size": 64, "num_hidden_layers": 8, "num_attention_heads": 4}
    llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    variants: dict[str, dict[str, Any]] = {
        "bare": {},
        "tiny": tiny,
        "no heads": {**tiny, "num_key_value_heads": None},
        "llama3": {**tiny, "rope_scaling": {**llama3, "original_max_position_embeddings": 8192}},
        "window": {**tiny, "use_sliding_window": True, "sliding_window": 32, "max_window_layers": 3},
        "more": {**tiny, "torch_dtype": "bfloat16", "bos_token_id": 7, "foo": 1, "rotary_pct": 0.3, "max_length": 50},
    }
    # lfm2's constructor takes ``full_attn_idxs`` without keeping it, and t5's sets ``num_decoder_layers`` before it
    # hears of ``num_hidden_layers``, an alias that no published folder uses; what they convert to is compared below.
    for family in sorted({case["config"]["model_type"] for case in families().values()} - {"lfm2", "t5"}):
        for name, given in variants.items():
            with _folder({"config.json": {**given, "model_type": family}}) as folder:
                try:
                    completed = AutoConfig.from_pretrained(folder).to_dict()
                except Exception:
                    yield f"{family} {name}", "raises"
                    continue
            yield f"{family} {name}", digest(json.dumps(_told(completed, given), sort_keys=True).encode())


def _told(completed: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return what of a configuration the table speaks of: nothing else is mentioned by the converter."""
    row = table()[completed["model_type"]]
    known = {*table()[""]["defaults"], *row["defaults"], *given} - {"_name_or_path", "torch_dtype"}
    told = {name: value for name, value in completed.items() if name in known and name not in row.get("parts", {})}
    if isinstance(completed.get("text_config"), dict):
        told["text_config"] = _told(completed["text_config"], {})
    return told


def tokenizers() -> Answers:
    """What each tokenizer class makes of the same files; “raises” where it refuses them."""
    from transformers import AutoTokenizer  # type: ignore[import-not-found]

    classes = ("Llama", "Gemma", "GPT2", "CodeGen", "Qwen2", "GPTNeoX", "Bert", "PreTrained")
    marked = {"content": "<unk>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    settings: dict[str, dict[str, Any]] = {
        "bare": {},
        "BOS": {"add_bos_token": True},
        "no BOS": {"add_bos_token": False},
        "EOS": {"add_eos_token": True},
        "space": {"add_prefix_space": True},
        "extra": {"additional_special_tokens": ["<|extra|>"], "clean_up_tokenization_spaces": True},
        "decoder": {
            "added_tokens_decoder": {"0": {**marked, "special": True}, "60000": {**marked, "content": "<new>"}}
        },
    }
    for file, name, (variant, given) in itertools.product(
        ("smollm2-cut.json", "byte-fallback.json"), classes, settings.items()
    ):
        table = {"tokenizer_class": f"{name}Tokenizer{'Fast' * (name == 'PreTrained')}", "bos_token": "<s>", **given}
        with _folder({"tokenizer_config.json": table, "config.json": {"model_type": "llama"}}) as folder:
            shutil.copy(CASES / file, folder / "tokenizer.json")
            try:
                answer = _described(AutoTokenizer.from_pretrained(folder))
            except Exception:
                answer = "raises"
        yield f"{file} {name} {variant}", answer


def _described(tokenizer: Any) -> str:
    plain = [tokenizer.encode(text, add_special_tokens=False) for text in TEXTS]
    answers = [
        [tokenizer.encode(text) for text in TEXTS],
        plain,
        [tokenizer.decode(numbers) for numbers in plain],
        sorted(tokenizer.get_vocab().items()),
        sorted((number, repr(token)) for number, token in tokenizer.added_tokens_decoder.items()),
        tokenizer.vocab_size,
        tokenizer.all_special_tokens,
        tokenizer.all_special_ids,
    ]
    return digest(json.dumps(answers).encode())


def files() -> Answers:
    """What a tiny model of each family is converted to, byte for byte."""
    with tempfile.TemporaryDirectory() as place:
        for (kind, output_type), name in itertools.product(
            (("BF16", "f16"), ("BF16", "q8_0"), ("F16", "bf16"), ("F32", "f32")), families()
        ):
            if families()[name].get("once") and output_type != "f16":
                continue
            folder, made = Path(place) / kind / name, Path(place) / "made.gguf"
            if not folder.exists():
                write_tiny_model(name, folder, kind)
            gguf.convert(folder, made, output_type, lambda done, total: None)
            yield f"{name} {kind} {output_type}", digest(made.read_bytes())


def packed() -> Answers:
    """What tiny models of already quantized weights are converted to, byte for byte."""
    with tempfile.TemporaryDirectory() as place:
        for form in sorted(FORMS.keys() - {"awq", "nf4"}):
            folder, made = Path(place) / form, Path(place) / "made.gguf"
            gguf.convert(write_quantized(form, folder), made, "f16", lambda done, total: None)
            yield form, digest(made.read_bytes())


@contextlib.contextmanager
def _folder(tables: dict[str, Any]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        for name, table in tables.items():
            (Path(place) / name).write_text(json.dumps(table), "utf-8")
        yield Path(place)


def main() -> None:
    sections = {section.__name__: section for section in (values, configurations, tokenizers, files, packed)}
    print(arrange.arrange(), file=sys.stderr)
    logging.disable(logging.WARNING)
    wanted = sys.argv[1:] or list(sections)
    answers = {name: dict(sections[name]()) for name in wanted}
    sys.stdout.write(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    main()
