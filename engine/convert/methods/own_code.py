"""Programs that lie in a model's folder: none is ever run, whatever the libraries that read the folder would do.

transformers asks before it runs one, and is told no. GPTQModel 7.7.0 does not ask: it imports a model's class before it
looks whether transformers has its own (utils/hf.py, prepare_remote_model_init_compat).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from transformers import dynamic_module_utils  # pyright: ignore[reportMissingImports]
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES  # pyright: ignore

from engine.catalog.headers.shards import read_json
from engine.convert.methods.shards import write_json
from engine.errors import UnsupportedModel

LIBRARY = "transformers"
NEVER_RUN = "it brings program code of its own, which Halfbyte never runs"
MAPS = "auto_map"  # in which a model's files say which of their classes are to be used


def forbid() -> None:
    """Make every attempt to run such a program fail, for the rest of this process."""
    dynamic_module_utils.get_class_in_module = _refused


def refuse(folder: Path) -> None:
    """Raise :class:`UnsupportedModel` for a model that cannot be computed without its own program."""
    table = read_json(folder / "config.json")
    kind = str(table.get("model_type", ""))
    if MAPS in table and kind not in CONFIG_MAPPING_NAMES:
        raise UnsupportedModel(kind or folder.name, LIBRARY, f"{NEVER_RUN}.")


def leave_out(folder: Path) -> None:
    """Take programs out of a result, and what leads to them: it was made and compared without."""
    for file in folder.glob("*.py"):
        file.unlink()
    for file in folder.glob("*.json"):
        table = read_json(file) if file.name.endswith("config.json") else {}
        if table.pop(MAPS, None) is not None:
            write_json(file, table)


def _refused(class_name: str, *_: Any, **__: Any) -> NoReturn:
    raise UnsupportedModel(class_name, LIBRARY, f"{NEVER_RUN}.")
