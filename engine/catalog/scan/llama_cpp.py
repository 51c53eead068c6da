"""llama.cpp's own cache: flat GGUF files (``publisher_repository_file.gguf``), or the layout of huggingface_hub.

Source: llama.cpp 0c1e57098, common/common.cpp (``fs_get_cache_directory``) and common/hf-cache.cpp (LLAMA_CACHE holds
repositories as huggingface_hub has them).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

from engine.catalog.scan import hugging_face
from engine.catalog.scan.found import Found
from engine.catalog.scan.surroundings import Surroundings
from engine.catalog.tree import files_together


def places(here: Surroundings) -> tuple[PurePath, ...]:
    return tuple(filter(None, [here.variable("LLAMA_CACHE"), here.cache / "llama.cpp"]))


def models(folder: Path) -> Iterator[Found]:
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".gguf" and path.is_file())
    except OSError:
        return
    for find in files_together(files):
        yield Found(find, "")
    yield from hugging_face.models(folder)
