"""Writes tiny models of random weights with transformers itself. Runs in an environment with torch and transformers.

``python tests/campaigns/write_architectures.py FOLDER TOKENIZERS [ARCHITECTURE…]``, or a JSON file of cases.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any

import torch  # type: ignore[import-not-found]
import transformers  # type: ignore[import-not-found]

sys.path.insert(0, str(Path(__file__).parent))
from tiny_architectures import ARCHITECTURES, BYTES, SMALL, SMALL_VISION

VOCABULARY = {"bytes": 49152, "marked": 49152, "sentencepiece": 400, "wordpiece": 30522, "unigram": 400}
PREPROCESSOR = {
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.4],
    "patch_size": 14,
    "min_pixels": 3136,
    "max_pixels": 65536,
    "size": {"height": 56, "width": 56, "shortest_edge": 56, "longest_edge": 56},
    "feature_size": 32,
}
TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


def small(kind: type, sizes: dict[str, Any], special: dict[str, Any], vocabulary: int) -> dict[str, Any]:
    """Return the settings of a tiny model: those of ``sizes`` that this configuration knows, then the special ones."""
    names = set(inspect.signature(kind.__init__).parameters)
    with contextlib.suppress(Exception):  # some have no defaults
        names |= set(kind().to_dict())
    values = {name: value for name, value in sizes.items() if name in names}
    if "vocab_size" in names and sizes is SMALL:
        values["vocab_size"] = vocabulary
    return {**values, **(TOKENS if sizes is SMALL else {}), **special}


def configuration(name: str, case: dict[str, Any]) -> Any:
    model = getattr(transformers, case.get("class", name))
    kind, vocabulary = model.config_class, case.get("vocabulary") or VOCABULARY[case.get("tokenizer", BYTES)]
    parts = getattr(kind, "sub_configs", {})
    text = case.get("text", {})
    if "text_config" not in parts:
        return kind(**small(kind, SMALL, text, vocabulary), **case.get("top", {}))
    default = kind()
    given: dict[str, Any] = {**case.get("top", {})}
    for part in parts:
        sizes, special = (SMALL, text) if part == "text_config" else (SMALL_VISION, case.get("vision", {}))
        held = type(getattr(default, part))
        own = case.get("parts", {}).get(part, {})
        named = {"model_type": held.model_type} if held.model_type else {}
        given[part] = {**named, **small(held, sizes, special, vocabulary), **own, **given.get(part, {})}
    return kind(**given)


def write(name: str, case: dict[str, Any], folder: Path, tokenizers: Path) -> None:
    torch.manual_seed(0)
    config = configuration(name, case)
    model = getattr(transformers, case.get("class", name))(config).to(torch.bfloat16)
    with torch.no_grad():
        for tensor in model.state_dict().values():  # nothing stays at a value that would hide a mistake
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape) * 0.1 + 0.5)
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    for file in (tokenizers / case.get("tokenizer", BYTES)).iterdir():
        shutil.copy(file, folder / file.name)


def main() -> None:
    folder, tokenizers, *names = sys.argv[1:]
    cases = ARCHITECTURES
    if names and names[0].endswith(".json"):
        cases, names = json.loads(Path(names[0]).read_text("utf-8")), []
    for name in names or cases:
        target = Path(folder) / name
        if target.exists():
            continue
        try:
            write(name, cases[name], target, Path(tokenizers))
            size = sum(file.stat().st_size for file in target.iterdir())
            print(json.dumps({"name": name, "bytes": size}), flush=True)
        except Exception as error:
            shutil.rmtree(target, ignore_errors=True)
            traceback.print_exc()
            print(json.dumps({"name": name, "error": f"{type(error).__name__}: {error}"[:300]}), flush=True)


if __name__ == "__main__":
    main()
