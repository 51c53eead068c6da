"""A model folder's ``config.json``, read with suspicion: what makes no sense is a damaged file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.catalog.headers.shards import read_json
from engine.errors import DamagedFile

LARGEST = 1 << 40
# Where the text model's settings lie in a model that also sees or hears.
TEXT_PARTS = ("text_config", "llm_config", "lm_config", "language_config", "lfm")

# Settings that folders of these families leave out. Source: the constructors of transformers 4.57.6.
LEFT_OUT_SETTINGS: dict[str, Mapping[str, int]] = {
    "gemma3_text": {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "sliding_window": 4096},
    "gemma3n_text": {"num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 256},
    "mistral": {"num_attention_heads": 32, "num_key_value_heads": 8},
    "llama4_text": {"num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128},
    "qwen2_vl_text": {"num_attention_heads": 64, "num_key_value_heads": 8},
    "qwen2_5_vl_text": {"num_attention_heads": 64, "num_key_value_heads": 8},
}


class Config:
    """The settings of the text model. Raises :class:`DamagedFile` for a value that makes no sense."""

    def __init__(self, table: Mapping[str, Any], file: str) -> None:
        self.file = file
        text = next((table[part] for part in TEXT_PARTS if isinstance(table.get(part), dict)), {})
        merged = {**table, **text}
        self._table = {**LEFT_OUT_SETTINGS.get(str(merged.get("model_type")), {}), **merged}

    def value(self, *keys: str) -> Any:
        """Return the first of these settings that is there and not null."""
        return next((self._table[key] for key in keys if self._table.get(key) is not None), None)

    def number(self, *keys: str, default: int | None = None) -> int:
        """Return a whole number; without a default it must be there."""
        found = self.value(*keys)
        if found is None and default is not None:
            return default
        if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= LARGEST:
            raise DamagedFile(self.file, f"a whole number for {keys[0]}", "nothing" if found is None else repr(found))
        return found

    def flag(self, key: str, default: bool = False) -> bool:
        found = self.value(key)
        return bool(found) if found is not None else default

    def has(self, *keys: str) -> bool:
        return self.value(*keys) is not None

    def names(self, key: str) -> tuple[str, ...]:
        """Return a list of words, empty where there is none."""
        found = self.value(key)
        return tuple(str(item) for item in found) if isinstance(found, list | str) else ()

    def table(self, *keys: str) -> Mapping[str, Any]:
        """Return a table of settings, empty where there is none."""
        found = self.value(*keys)
        return found if isinstance(found, dict) else {}


def read_config(folder: Path) -> Config:
    """Read ``config.json``. Raises :class:`NotFound` or :class:`DamagedFile`."""
    return Config(read_json(folder / "config.json"), str(folder / "config.json"))
