"""What is to be converted, looked at from its headers: everything that would stop the conversion, found at once."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from engine.catalog.facts import read_facts
from engine.catalog.headers.safetensors_header import StoredTensor, read_safetensors_header
from engine.catalog.headers.shards import INDEX, is_shard_name, pickles_in, read_json
from engine.catalog.headers.source import FileSource
from engine.catalog.hub.values import FolderHeaders, RemoteFile
from engine.convert import toolchain
from engine.convert.packed import EXTRA, STANDIN, is_mxfp4, packed_notes, packed_problems
from engine.errors import DamagedFile, EngineError, NotFound, Refused, UnsupportedModel
from engine.formats import ModelFacts

CONVERTER = "llama.cpp's converter"
# GGUF files at these levels still hold enough to be quantized.
GGUF_SOURCES = ("gguf-f32", "gguf-f16", "gguf-bf16", "gguf-q8_0")
# Their converters read nothing but tokenizer.model (conversion/gemma.py, nemotron.py, phi.py).
SENTENCEPIECE_ONLY = frozenset({"GemmaForCausalLM", "Gemma2ForCausalLM", "NemotronForCausalLM"})
LAYER_COUNTS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers")
SMALL_VOCABULARY = 1 << 20
VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json")
# Layers of the part of a model that reads pictures or sound, as published models name them.
SENSES = re.compile(r"(?:vision|visual|audio|encoder)\S*\.\d+\.")
NUMBERS = frozenset({"F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL", "F8_E4M3"})


@dataclass(frozen=True, slots=True)
class Afar:
    """Of a folder that is not here yet: the bytes of all its files, of its weights, and of its vocabulary."""

    fetched_bytes: int
    weights_bytes: int
    vocabulary_bytes: int


@dataclass(frozen=True, slots=True)
class Source:
    """A folder or a GGUF file. ``stored_type`` is what most of its bytes are stored in (``BF16``).

    ``files`` hold the weights; ``problems`` say all that is wrong, each with its next step. ``projector_bytes`` is the
    size at 16 bits of the part that reads pictures or sound; 0 where there is none, or none that can be converted.
    ``notes`` are sentences about the weights that stop nothing; ``is_mxfp4``: its experts are stored in MXFP4.
    ``afar`` is set where the folder is to be fetched first; then ``path`` is only its name.
    """

    path: Path
    files: tuple[Path, ...]
    facts: ModelFacts | None
    stored_type: str
    family: str
    problems: tuple[EngineError, ...]
    projector_bytes: int = 0
    notes: tuple[str, ...] = ()
    is_mxfp4: bool = False
    afar: Afar | None = None

    @property
    def is_gguf(self) -> bool:
        return self.path.suffix == ".gguf" and not self.afar

    @property
    def size_bytes(self) -> int:
        if self.afar:
            return self.afar.weights_bytes
        return sum(file.stat().st_size for file in self.files if file.is_file())


def inspect(path: Path, *, to_gguf: bool = True) -> Source:
    """Look at a model's folder, or at a GGUF file. What is wrong is in ``problems``; nothing is raised.

    Without ``to_gguf`` it does not matter what llama.cpp's converter can do with it.
    """
    path = path.expanduser().absolute()
    if path.is_dir():
        return _folder(path, to_gguf)
    if path.suffix == ".gguf" and path.is_file():
        return _gguf_file(path)
    hint = "Choose a folder with config.json and safetensors files, or a GGUF file."
    return Source(path, (), None, "", "", (NotFound(str(path), hint=hint),))


def inspect_headers(
    name: str, headers: FolderHeaders, files: Sequence[RemoteFile], facts: ModelFacts | None, reason: str = ""
) -> Source:
    """Look at a folder that is not here yet: the same questions, answered by its headers and the names of its files.

    ``reason`` says why there are no facts. A tokenizer is only known to be there; it is read when it has come.
    """
    config, tensors, where = dict(headers.config), list(headers.tensors), Path(name)
    architecture = _architecture(config)
    names = {file.path for file in files}
    problems = [
        *_architecture_problems(config),
        *_missing_tokenizer(names, name, architecture, "The repository has none; look at the model it was made from."),
        *_packing_problems(config, tensors),
        *(_size_problems(where, config, facts) if facts else ()),
    ]
    if reason and not problems:
        problems.append(Refused(reason, "Choose another model."))
    weights_bytes = sum(file.size_bytes for file in files if file.path.endswith(".safetensors"))
    vocabularies = [file.size_bytes for file in files if file.path in VOCABULARIES]
    afar = Afar(sum(file.size_bytes for file in files), weights_bytes, max(vocabularies, default=4 << 20))
    found = Source(where, (), facts, _stored_type(tensors), _family(config), tuple(problems))
    return replace(
        found,
        projector_bytes=_projector_bytes(config, tensors),
        notes=() if problems else tuple(packed_notes(config)),
        is_mxfp4=is_mxfp4(config),
        afar=afar,
    )


def _gguf_file(path: Path) -> Source:
    try:
        facts = read_facts(path)
    except EngineError as error:
        return Source(path, (path,), None, "", "", (error,))
    label = facts.format_id.removeprefix("gguf-").upper()
    problems: tuple[EngineError, ...] = ()
    if facts.format_id not in GGUF_SOURCES:
        problems = (
            Refused(
                f"{path.name} is already quantized ({label}); quantizing it again would spoil it.",
                "Convert from the original model's folder, or from a file at 16 bits or Q8_0.",
            ),
        )
    return Source(path, (path,), facts, label, facts.architecture, problems)


def _folder(folder: Path, to_gguf: bool) -> Source:
    problems: list[EngineError] = []
    config = _config(folder, problems)
    files = _files(folder, problems)
    tensors = _tensors(files, problems)
    problems += _architecture_problems(config) if config and to_gguf else ()
    problems += _tokenizer_problems(folder, _architecture(config))
    if to_gguf and config:
        problems += _packing_problems(config, tensors)
    facts = None
    try:
        facts = read_facts(folder)
    except EngineError as error:
        if not problems:
            problems.append(error)
    if facts and config:
        problems += _size_problems(folder, config, facts)
    senses_bytes = _projector_bytes(config, tensors) if to_gguf else 0
    notes = () if problems or not to_gguf else tuple(packed_notes(config))
    found = Source(folder, files, facts, _stored_type(tensors), _family(config), tuple(problems), senses_bytes)
    return replace(found, notes=notes, is_mxfp4=is_mxfp4(config))


def _config(folder: Path, problems: list[EngineError]) -> dict[str, Any]:
    try:
        return read_json(folder / "config.json")
    except EngineError as error:
        problems.append(error)
        return {}


def _architecture(config: dict[str, Any], part: str = "text_config") -> str:
    """Return the name that the converter chooses its class by (conversion/base.py, get_model_architecture)."""
    for values in (config.get(part), config):
        names = values.get("architectures") if isinstance(values, dict) else None
        if isinstance(names, list) and names:
            return str(names[0])
    return ""


def _projector_bytes(config: dict[str, Any], tensors: list[StoredTensor]) -> int:
    with contextlib.suppress(EngineError):  # without a converter, which is told elsewhere
        if _architecture(config, "vision_config") in toolchain.known_projectors():
            return 2 * sum(prod(tensor.shape) for tensor in tensors if SENSES.search(tensor.name))
    return 0


def _family(config: dict[str, Any]) -> str:
    return str(config.get("model_type", ""))


def _architecture_problems(config: dict[str, Any]) -> Iterator[EngineError]:
    name = _architecture(config)
    try:
        known = toolchain.known_architectures()
    except EngineError as error:
        yield error
        return
    if not name:
        yield UnsupportedModel("not named", CONVERTER, "config.json does not say what the model is.")
    elif name not in known:
        yield UnsupportedModel(name, CONVERTER)


def _size_problems(folder: Path, config: dict[str, Any], facts: ModelFacts) -> Iterator[EngineError]:
    """Say what numbers the weights contradict: the converter would fill the memory with so many names."""
    text = config.get("text_config")
    values = {**config, **(text if isinstance(text, dict) else {})}
    limits = {name: len(facts.tensors) for name in LAYER_COUNTS}
    limits["vocab_size"] = max(2 * facts.vocabulary, SMALL_VOCABULARY)
    for name, limit in limits.items():
        found = values.get(name)
        if isinstance(found, int | float) and not found <= limit:
            yield DamagedFile(
                str(folder / "config.json"), f"{name} of at most {limit:,}, as the weights have", f"{found!r:.40}"
            )


def _files(folder: Path, problems: list[EngineError]) -> tuple[Path, ...]:
    """Return the files that the converter would read (conversion/base.py, index_tensors)."""
    if (folder / INDEX).is_file():
        return tuple(folder / name for name in _shards(folder, problems))
    found = sorted(path for path in folder.glob("model*.safetensors") if path.is_file())
    if not found and (folder / "pytorch_model.bin").is_file() and toolchain.real_torch():
        return (folder / "pytorch_model.bin",)
    if pickles := pickles_in(folder):
        reason = f"Its weights are pickles ({pickles[0].name}), which can hold programs: only safetensors are used."
        problems.append(Refused(reason, "Get this model as safetensors; most publishers have it."))
    elif not found:
        # The converter would write a file without a single tensor, and call it done.
        hint = "Download the folder again, with its model.safetensors or model-00001-of-….safetensors files."
        problems.append(NotFound("A file with the model's weights", str(folder), hint))
    return tuple(found)


def _shards(folder: Path, problems: list[EngineError]) -> list[str]:
    index = folder / INDEX
    try:
        places = read_json(index).get("weight_map")
    except EngineError as error:
        problems.append(error)
        return []
    if not isinstance(places, dict) or not places:
        problems.append(DamagedFile(str(index), "a table of shards", "none"))
        return []
    names = sorted(set(map(str, places.values())))
    outside = [name for name in names if not is_shard_name(name)]
    if outside:
        seen = ", ".join(name[:80] for name in outside[:3])
        problems.append(DamagedFile(str(index), "safetensors files of the same folder", seen))
    inside = [name for name in names if name not in outside]
    missing = [name for name in inside if not (folder / name).is_file()]
    if missing:
        what = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        hint = "A part of the model is missing; download it again."
        problems.append(NotFound(what, str(folder), hint))
    return [name for name in inside if name not in missing]


def _tensors(files: tuple[Path, ...], problems: list[EngineError]) -> list[StoredTensor]:
    tensors: list[StoredTensor] = []
    for file in files:
        if file.suffix != ".safetensors":
            continue
        try:
            with FileSource(file) as source:
                tensors += read_safetensors_header(source)
        except EngineError as error:
            problems.append(error)
    return tensors


def _tokenizer_problems(folder: Path, architecture: str) -> Iterator[EngineError]:
    names = {name for name in VOCABULARIES if (folder / name).is_file()}
    missing = list(_missing_tokenizer(names, str(folder), architecture))
    yield from missing
    if not missing and "tokenizer.json" in names:
        try:
            read_json(folder / "tokenizer.json")
        except EngineError as error:
            yield error


def _missing_tokenizer(
    names: Collection[str],
    where: str,
    architecture: str,
    hint: str = "Download the tokenizer's files into the model's folder as well.",
) -> Iterator[EngineError]:
    if architecture in SENTENCEPIECE_ONLY and "tokenizer.model" not in names:
        yield NotFound("tokenizer.model", where, hint)
    elif "tokenizer.json" not in names and "tokenizer.model" not in names:
        yield NotFound("A tokenizer (tokenizer.json or tokenizer.model)", where, hint)


def _packing_problems(config: dict[str, Any], tensors: list[StoredTensor]) -> list[EngineError]:
    """Return what keeps weights from being read: how they are quantized, and what only the real torch can do."""
    has_torch = toolchain.real_torch() is not None
    packed = list(packed_problems(config, _architecture(config), has_torch=has_torch))
    return [*packed, *([] if has_torch else _standin_problems(config, [] if packed else tensors))]


def _standin_problems(config: dict[str, Any], tensors: list[StoredTensor]) -> Iterator[EngineError]:
    """Say what only the real torch can do."""
    family, name = _family(config), _architecture(config) or "not named"
    if not toolchain.standin_knows(family):
        yield UnsupportedModel(name, STANDIN, f"it was not tried with the model type “{family}”. {EXTRA}")
    strange = sorted({tensor.type for tensor in tensors} - NUMBERS)
    if strange:
        yield UnsupportedModel(name, STANDIN, f"it cannot read weights stored as {', '.join(strange)}. {EXTRA}")


def _stored_type(tensors: list[StoredTensor]) -> str:
    counted: Counter[str] = Counter()
    for tensor in tensors:
        counted[tensor.type] += tensor.bytes
    return counted.most_common(1)[0][0] if counted else ""
