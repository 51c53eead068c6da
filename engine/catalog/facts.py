"""Reads a model's facts from its headers: a GGUF file, or a Hugging Face folder. No weight is loaded for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from engine.catalog.headers.file_types import format_id
from engine.catalog.headers.gguf_header import GgufHeader, read_gguf_header
from engine.catalog.headers.huggingface import folder_facts
from engine.catalog.headers.model import model_facts
from engine.catalog.headers.source import FileSource, Source
from engine.errors import DamagedFile, NotFound, UnsupportedModel
from engine.formats import ModelFacts, TensorFacts

PART = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")
PARTS_LIMIT = 1000
NO_LANGUAGE_MODEL = frozenset({"clip", "imatrix"})


def read_facts(path: Path) -> ModelFacts:
    """Return what a GGUF file or a Hugging Face folder says of itself.

    Of a GGUF model in several files, name the first one. Raises :class:`NotFound`, :class:`DamagedFile` for what is cut
    off, contradicts itself or is neither, and :class:`UnsupportedModel` for weights that Halfbyte cannot read.
    """
    if path.is_file():
        return _gguf_file_facts(path)
    if path.is_dir():
        return folder_facts(path)
    raise NotFound(str(path), hint="Choose a GGUF file, or a folder with config.json and safetensors files.")


def gguf_facts(source: Source, name: str) -> ModelFacts:
    """Return the facts of a GGUF file that is read from anywhere, such as by HTTP ranges."""
    header = read_gguf_header(source)
    return _facts(header, header.tensors, name, source.name)


def _gguf_file_facts(path: Path) -> ModelFacts:
    header = _header(path)
    tensors = list(header.tensors)
    for part in _further_parts(path, header):
        tensors += _header(part).tensors
    return _facts(header, tensors, path.name.removesuffix(".gguf"), str(path))


def _header(path: Path) -> GgufHeader:
    with FileSource(path) as source:
        return read_gguf_header(source)


def _further_parts(path: Path, header: GgufHeader) -> list[Path]:
    """Return the other files of a model that was split (``split.count``, ``…-00001-of-00003.gguf``)."""
    count = header.metadata.get("split.count", 1)
    if not isinstance(count, int) or not 0 <= count <= PARTS_LIMIT:
        raise DamagedFile(str(path), f"at most {PARTS_LIMIT} parts", str(count))
    if count <= 1:
        return []
    named = PART.match(path.name)
    if named is None or int(named["count"]) != count or named["number"] != "00001":
        raise NotFound(
            f"The first of the {count} parts of {path.name}",
            hint=f"Choose the file whose name ends in -00001-of-{count:05}.gguf.",
        )
    return [path.with_name(f"{named['stem']}-{number:05}-of-{count:05}.gguf") for number in range(2, count + 1)]


def _facts(header: GgufHeader, tensors: Sequence[TensorFacts], name: str, file: str) -> ModelFacts:
    architecture, kind = header.metadata.get("general.architecture"), header.metadata.get("general.type", "model")
    if not isinstance(architecture, str):
        raise DamagedFile(file, "the name of an architecture", "none")
    if architecture in NO_LANGUAGE_MODEL or kind != "model":
        raise UnsupportedModel(architecture, "Halfbyte", f"{name} is a part of another model ({kind}), and no model.")
    stored_as = format_id(header.metadata.get("general.file_type"), tensors)
    return model_facts(header.metadata, tensors, name=name, format_id=stored_as, file=file)
