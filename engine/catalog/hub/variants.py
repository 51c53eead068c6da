"""Sorts a repository's files into what can be fetched and used as one: a GGUF level, or the safetensors folder.

It works by names and sizes alone and asks nothing; :mod:`engine.catalog.remote_facts` adds what headers say.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace

from engine.catalog.facts import PART
from engine.catalog.headers.file_types import FILE_TYPES
from engine.catalog.hub.values import RemoteFile, RemoteModel
from engine.catalog.names import split_paths
from engine.errors import Refused
from engine.formats import Family, ModelFacts

# How publishers write a level into a file's or folder's name; UD is Unsloth's mark for mixed levels.
LEVEL = re.compile(
    r"(?:^|[-._ ])((?:UD-)?(?:I?Q\d_(?:K_XXL|K_XL|K_[SML]|K|NL|XXS|XS|[SML]|\d)|TQ\d_\d"
    r"|MXFP4_MOE|MXFP4|NVFP4|BF16|FP?16|FP?32))(?=$|[-._ ])",
    re.IGNORECASE,
)
# Beside the weights of a folder: what a tokenizer, a converter or a person needs. Never code.
SIDE_FILES = re.compile(
    r"(?:config|generation_config|preprocessor_config|processor_config|quantize_config|quant_config|tokenizer"
    r"|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template|tekken|model\.safetensors\.index)\.json"
    r"|(?:merges|vocab)\.txt|(?:tokenizer|spiece|sentencepiece\.bpe)\.model|\w+\.tiktoken|chat_template\.jinja"
    r"|README\.md|(?:LICENSE|LICENCE|NOTICE|USE_POLICY)[\w.\-]*",
    re.IGNORECASE,
)
SHARD = re.compile(r"model-\d{5}-of-(\d{5})\.safetensors")


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing to choose. ``entry`` is the path of the file that stands for it, empty for a folder.

    ``format_id`` is what the names say until ``facts`` are read. ``problem`` says why it cannot be used, empty if it
    can.
    """

    title: str
    family: Family
    files: tuple[RemoteFile, ...]
    entry: str = ""
    format_id: str = ""
    facts: ModelFacts | None = None
    problem: str = ""

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Variants:
    """What a repository has. ``projectors`` are the vision parts of GGUF models, to be fetched beside one of them."""

    all: tuple[Variant, ...]
    projectors: tuple[RemoteFile, ...] = ()

    def find(self, path: str) -> Variant | None:
        """Return the variant that a file belongs to."""
        return next((variant for variant in self.all if any(file.path == path for file in variant.files)), None)


def variants(model: RemoteModel) -> Variants:
    """Return what can be had of a model, the largest GGUF level first and the folder last."""
    levels: defaultdict[str, list[RemoteFile]] = defaultdict(list)
    projectors = []
    for file in model.files:
        if not file.path.endswith(".gguf") or "imatrix" in file.name.lower():
            continue
        if "mmproj" in file.name.lower():
            projectors.append(file)
            continue
        part = PART.match(file.path)
        levels[part["stem"] if part else file.path.removesuffix(".gguf")].append(file)
    found = [_gguf(stem, files) for stem, files in levels.items()]
    found.sort(key=lambda variant: (-variant.size_bytes, variant.title))
    if folder := _folder(model):
        found.append(folder)
    return Variants(tuple(map(_judged, found)), tuple(projectors))


def _gguf(stem: str, files: list[RemoteFile]) -> Variant:
    files.sort(key=lambda file: file.path)
    level = level_of(stem)
    label = level.upper().removeprefix("UD-").replace("FP", "F")
    format_id = f"gguf-{label.lower()}" if label in FILE_TYPES.values() else ""
    return Variant(
        title=level or stem.rsplit("/", 1)[-1],
        family=Family.GGUF,
        files=tuple(files),
        entry=files[0].path,
        format_id=format_id,
        problem=_missing_parts(files),
    )


def level_of(stem: str) -> str:
    """Return the level that a name ends with or a folder is called, as it is written there; empty if there is none."""
    for part in reversed(stem.split("/")):
        if found := LEVEL.findall(part):
            return found[-1]
    return ""


def _missing_parts(files: list[RemoteFile]) -> str:
    parts = [PART.match(file.path) for file in files]
    if len(files) == 1 and parts[0] is None:
        return ""
    counts = {int(part["count"]) for part in parts if part}
    numbers = [int(part["number"]) for part in parts if part]
    if len(counts) == 1 and numbers == list(range(1, counts.pop() + 1)):
        return ""
    return "Some of its parts are missing in the repository."


def _folder(model: RemoteModel) -> Variant | None:
    """Return the plain or quantized folder at the repository's root, if it has one."""
    here = {file.path: file for file in model.files if "/" not in file.path}
    weights = _weights(here)
    if "config.json" not in here or not weights:
        return None
    beside = [file for path, file in here.items() if SIDE_FILES.fullmatch(path)]
    return Variant(model.name.split("/")[-1], Family.PLAIN, (*beside, *weights))


def _weights(here: dict[str, RemoteFile]) -> list[RemoteFile]:
    """Return the safetensors files of one set: a repository may have others besides, in another precision."""
    if "model.safetensors" in here:
        return [here["model.safetensors"]]
    shards: defaultdict[str, list[RemoteFile]] = defaultdict(list)
    for path, file in here.items():
        if part := SHARD.fullmatch(path):
            shards[part[1]].append(file)
    whole = [files for count, files in shards.items() if len(files) == int(count)]
    if whole:
        return max(whole, key=len)
    named = [file for path, file in here.items() if path.endswith(".safetensors")]
    return [file for file in named if not file.path.startswith(("consolidated", "adapter"))]


def _judged(variant: Variant) -> Variant:
    """Mark a variant that names or missing hashes keep from being fetched."""
    if variant.problem:
        return variant
    try:
        split_paths(file.path for file in variant.files)
    except Refused as error:
        return replace(variant, problem=error.message)
    if unchecked := [file.path for file in variant.files if not file.content]:
        return replace(variant, problem=f"The Hub gives no hash for {unchecked[0]}.")
    return variant
