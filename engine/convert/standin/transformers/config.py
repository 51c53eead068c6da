"""``AutoConfig``: a folder's ``config.json`` over the defaults of its family, and what the family derives from them.

The defaults are in ``defaults.json``, which ``packaging/config_table.py`` writes from transformers 4.57.6.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .configurations import Values, completed

TABLE = Path(__file__).with_name("defaults.json")


class Config:
    """A configuration, as values by name."""

    def __init__(self, values: Values) -> None:
        self.values = values

    def to_dict(self) -> Values:
        """Return the values; the caller may change them."""
        return copy.deepcopy(self.values)


class AutoConfig:
    """The class that the converter asks for a configuration."""

    @staticmethod
    def from_pretrained(folder: Path | str, **options: Any) -> Config:
        """Read a folder's configuration. Raises :class:`Lacking` for a family that is not in the table."""
        del options  # trust_remote_code and the like: nothing here ever runs code of the folder
        given = json.loads((Path(folder) / "config.json").read_text("utf-8"))
        return Config({**complete(given), "_name_or_path": str(folder)})


@functools.cache
def table() -> Mapping[str, Any]:
    """Return the defaults of each family, and of all under an empty name."""
    return json.loads(TABLE.read_text("utf-8"))


def complete(given: Values) -> Values:
    """Return a configuration with everything that its family adds to it; errors are those of :func:`completed`."""
    return completed(given, table())
