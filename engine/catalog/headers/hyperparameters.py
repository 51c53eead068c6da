"""The numbers that a model's metadata hold, checked: counts of layers and heads, widths, lengths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import DamagedFile

LAYERS_LIMIT = 512  # LLAMA_MAX_LAYERS
WIDTH_LIMIT = 1 << 24


class Hyperparameters:
    """The metadata of one architecture. A missing number has its default; a senseless one is a :class:`DamagedFile`."""

    def __init__(self, metadata: Mapping[str, Any], file: str) -> None:
        self._metadata = metadata
        self._file = file
        self.architecture = str(metadata.get("general.architecture", "unknown"))
        self.all_layers = self._required("block_count", LAYERS_LIMIT)
        self.layers = self.all_layers - min(self.number("nextn_predict_layers"), self.all_layers - 1)
        self.width = self._required("embedding_length", WIDTH_LIMIT)

    def value(self, key: str) -> Any:
        return self._metadata.get(f"{self.architecture}.{key}")

    def number(self, key: str, default: int = 0, highest: int = WIDTH_LIMIT) -> int:
        """Return a whole number; of a value for each layer, the largest."""
        value = self.value(key)
        if isinstance(value, tuple):
            return max((self._checked(key, item, highest) for item in value), default=default)
        return default if value is None else self._checked(key, value, highest)

    def for_each_layer(self, key: str, default: int = 0) -> tuple[int, ...]:
        """Return a value for each layer of the trunk, whether the file has one for all or one for each."""
        value = self.value(key)
        if not isinstance(value, tuple):
            return (self.number(key, default),) * self.layers
        if len(value) < self.layers:
            raise DamagedFile(self._file, f"{self.layers} values of {key}", str(len(value)))
        return tuple(self._checked(key, item, WIDTH_LIMIT) for item in value[: self.layers])

    def has(self, key: str) -> bool:
        return self.value(key) is not None

    def _required(self, key: str, highest: int) -> int:
        if (found := self.number(key, 0, highest)) == 0:
            raise DamagedFile(self._file, f"a value of {self.architecture}.{key}", "none")
        return found

    def _checked(self, key: str, value: object, highest: int) -> int:
        if not isinstance(value, int) or not 0 <= value <= highest:
            raise DamagedFile(self._file, f"{key} between 0 and {highest:,}", str(value))
        return int(value)
