"""GPT4All: GGUF files in one folder, which its settings may name.

Source: nomic-ai/gpt4all gpt4all-chat/src/mysettings.cpp at 1ea2b45a7822 (``modelPath``, else Qt's AppLocalDataLocation
of the organization nomic.ai) and src/main.cpp (settings in the INI format).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePath

from engine.catalog.scan.found import Found
from engine.catalog.scan.surroundings import Surroundings
from engine.catalog.tree import finds

MODEL_PATH = re.compile(r"^modelPath=(?P<path>.+)$", re.MULTILINE)
ESCAPED = re.compile(r"\\x([0-9a-fA-F]{1,4})")  # how Qt's INI format writes letters beyond ASCII


def places(here: Surroundings) -> tuple[PurePath, ...]:
    # Qt keeps INI files below ~/.config on macOS as well.
    config = here.data if here.system == "win32" else here.variable("XDG_CONFIG_HOME") or here.home / ".config"
    text = here.text(config / "nomic.ai" / "GPT4All.ini")
    match = MODEL_PATH.search(text)
    chosen = here.path(_plain(match["path"])) if match else None
    return tuple(filter(None, [chosen, here.local_data / "nomic.ai" / "GPT4All"]))


def models(folder: Path) -> Iterator[Found]:
    for find in finds(folder):
        yield Found(find, "")


def _plain(value: str) -> str:
    """Return a value of Qt's INI format: perhaps quoted, backslashes and other letters escaped."""
    value = value.strip().strip('"')
    return ESCAPED.sub(lambda code: chr(int(code[1], 16)), value).replace("\\\\", "\\")
