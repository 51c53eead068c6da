"""LM Studio: ``models/publisher/repository/file.gguf``, the layout that Halfbyte's own library has.

Sources: its command line, lmstudio-ai/lmstudio.js packages/lms-common-server/src/findLMStudioHome.ts (the home: a
pointer file, an older folder, then ``.lmstudio``) and lmstudio-ai/lms src/subcommands/importCmd.ts (``downloadsFolder``
of settings.json, else ``models``), both of 2025.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

from engine.catalog.scan.found import Found
from engine.catalog.scan.surroundings import Surroundings
from engine.catalog.tree import finds


def places(here: Surroundings) -> tuple[PurePath, ...]:
    pointed = here.path(here.text(here.home / ".lmstudio-home-pointer").strip())
    homes = [home for home in (pointed, here.home / ".lmstudio", here.home / ".cache" / "lm-studio") if home]
    settings = [home / "settings.json" for home in homes] + [here.config / "LM Studio" / "settings.json"]
    chosen = [here.path(here.table(file).get("downloadsFolder")) for file in settings]
    return tuple(dict.fromkeys([*filter(None, chosen), *(home / "models" for home in homes)]))


def models(folder: Path) -> Iterator[Found]:
    for find in finds(folder):
        parts = find.path.relative_to(folder).parts if find.path.is_relative_to(folder) else ()
        repository = "/".join(parts[:2]) if len(parts) >= 2 and find.path != folder else ""
        yield Found(find, "", {"source": {"repository": repository}} if repository else {})
