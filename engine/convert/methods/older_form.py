"""A model's folder as transformers 4 reads it, for libraries that stayed with it.

What transformers 5 writes in another way: ``rope_parameters`` holds what ``rope_theta`` and ``rope_scaling`` were
(without them the old one takes its defaults and says nothing), ``dtype`` was ``torch_dtype``, and a tokenizer's class
is called ``TokenizersBackend``. Source: transformers 5.17, modeling_rope_utils.py and tokenization_utils_tokenizers.py.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.catalog.headers.shards import read_json
from engine.errors import UnsupportedModel

CONFIG, TOKENIZER = "config.json", "tokenizer_config.json"


@contextmanager
def for_transformers_4(folder: Path) -> Iterator[Path]:
    """Give the folder itself, or one of links to its files with the two tables in their older form.

    Raises :class:`UnsupportedModel` for what the older form has no words for.
    """
    tables = {name: read_json(folder / name) for name in (CONFIG, TOKENIZER) if (folder / name).is_file()}
    older = {CONFIG: older_config(tables[CONFIG], folder.name)}
    if TOKENIZER in tables:
        older[TOKENIZER] = older_tokenizer(tables[TOKENIZER])
    if older == tables:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="halfbyte-") as place:
        for file in folder.iterdir():
            if file.is_file() and file.name not in older:
                _link(file, Path(place) / file.name)
        for name, table in older.items():
            (Path(place) / name).write_text(json.dumps(table), "utf-8")
        yield Path(place)


def older_config(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a model's configuration with transformers 4's words."""
    older = dict(table)
    if "dtype" in older:
        older.setdefault("torch_dtype", older["dtype"])
        del older["dtype"]
    rope = older.pop("rope_parameters", None)
    if rope:
        if any(isinstance(value, Mapping) for value in rope.values()):
            raise UnsupportedModel(name, "transformers 4", "its layers turn their positions in several ways")
        scaling = {key: value for key, value in rope.items() if key != "rope_theta"}
        older["rope_theta"] = rope.get("rope_theta", older.get("rope_theta", 10_000.0))
        older["rope_scaling"] = None if scaling.get("rope_type", "default") == "default" else scaling
    return older


def older_tokenizer(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tokenizer's configuration with transformers 4's words."""
    older = dict(table)
    if older.get("tokenizer_class") == "TokenizersBackend":
        older["tokenizer_class"] = "PreTrainedTokenizerFast"
    if isinstance(older.get("extra_special_tokens"), list):
        older["additional_special_tokens"] = older.pop("extra_special_tokens")
    return older


def _link(file: Path, link: Path) -> None:
    try:
        link.symlink_to(file.absolute())
    except OSError:  # Windows gives the right to few
        try:
            link.hardlink_to(file)
        except OSError:
            shutil.copyfile(file, link)
