"""Reads the facts of everything that a repository offers, from headers alone: no weight is fetched.

GGUF headers come by a few small ranges each (:mod:`engine.catalog.remote.header`); safetensors headers, ``config.json``
and its like as they are. All files are read at the same time.
"""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from typing import Any

from engine.catalog.download.source import Lines, RemoteSource
from engine.catalog.facts import gguf_facts
from engine.catalog.headers.configuration import Config
from engine.catalog.headers.gguf_header import read_gguf_header
from engine.catalog.headers.huggingface import config_facts
from engine.catalog.headers.safetensors_header import HEADER_LIMIT_BYTES, StoredTensor, read_safetensors_header
from engine.catalog.hub.client import Hub
from engine.catalog.hub.patience import OnWait
from engine.catalog.hub.values import FolderHeaders, RemoteFile, RemoteModel
from engine.catalog.hub.variants import Variant, Variants
from engine.catalog.remote.header import HEAD_BYTES, SparseHeader, Table, read_sparse_header
from engine.catalog.remote.ranges import RemoteBytes
from engine.catalog.remote.strings import Lost
from engine.errors import Cancelled, DamagedFile, EngineError, UnsupportedModel
from engine.formats import Family, ModelFacts

FILES_AT_ONCE = 12
RANGES_AT_ONCE = 16
JSON_LIMIT_BYTES = 4 << 20
SHARDS_READ = 512  # a header has 10 to 100 kB; the largest models come in about 200 files
SHARD_HEAD_BYTES = 16 << 10


@dataclass(frozen=True, slots=True)
class Memory:
    """A header that is here already, as a source for the ordinary readers."""

    name: str
    content: bytes
    size: int | None = None

    def read(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]


class FactReader:
    """Reads the facts of one model's variants; :meth:`cancel` ends it from another thread.

    ``folder`` is what the headers of its folder say, once they are read; ``None`` where there is none.
    """

    def __init__(self, hub: Hub, model: RemoteModel, on_wait: OnWait | None = None) -> None:
        self._hub = hub
        self._model = model
        self._on_wait = on_wait
        self._stop = threading.Event()
        self._lines = Lines()
        self.folder: FolderHeaders | None = None

    def cancel(self) -> None:
        self._stop.set()
        self._lines.hang_up()

    def read(self, found: Variants) -> Iterator[Variants]:
        """Yield what is known each time when one more variant is; the last is all. Raises :class:`Offline` and so on.

        A variant that cannot be read keeps the reason as its ``problem``.
        """
        self._ranges = ThreadPoolExecutor(RANGES_AT_ONCE, "ranges")
        self._files = ThreadPoolExecutor(FILES_AT_ONCE, "headers")
        try:
            for number, facts in self._all(found.all):
                if self._stop.is_set():
                    raise Cancelled("Reading the model's headers")
                changed = list(found.all)
                changed[number] = _with(found.all[number], facts)
                found = replace(found, all=tuple(changed))
                yield found
        finally:
            self.cancel()
            self._files.shutdown(wait=False, cancel_futures=True)
            self._ranges.shutdown(wait=False, cancel_futures=True)

    def _all(self, every: Sequence[Variant]) -> Iterator[tuple[int, ModelFacts | EngineError]]:
        """Yield the facts of each variant by its number. One GGUF level shows the way to the others."""
        futures: dict[Future[ModelFacts], int] = {}
        levels = [number for number, each in enumerate(every) if each.family is Family.GGUF and not each.problem]
        for number, each in enumerate(every):
            if each.family is Family.PLAIN and not each.problem:
                futures[self._files.submit(self._folder_facts, each)] = number
        guide = None
        if levels:
            files = [self._remote(every[number].files[0]) for number in levels]
            heads = [self._files.submit(file.at, 0, 1, HEAD_BYTES) for file in files[1:]]
            guide, first = self._first_level(every[levels[0]], files[0])
            yield levels[0], first
            for head in heads:
                head.exception()
            for number, file in zip(levels[1:], files[1:], strict=True):
                futures[self._files.submit(self._level_facts, every[number], file, guide)] = number
        for future in as_completed(futures):
            yield futures[future], _outcome(future)

    # GGUF

    def _first_level(self, variant: Variant, file: RemoteBytes) -> tuple[SparseHeader | None, ModelFacts | EngineError]:
        try:
            header = read_sparse_header(file)
        except (Lost, EngineError):
            header = None
        return header, _outcome(self._files.submit(self._level_facts, variant, file, header))

    def _level_facts(self, variant: Variant, file: RemoteBytes, guide: SparseHeader | None) -> ModelFacts:
        title = file.name.rsplit("/", 1)[-1].removesuffix(".gguf")
        try:
            header = read_sparse_header(file, guide)
            further = [self._table(part) for part in variant.files[1:]]
            return gguf_facts(Memory(file.name, header.compact(further)), title)
        except Lost:
            return self._whole_facts(variant, file, title)

    def _table(self, part: RemoteFile) -> Table:
        return read_sparse_header(self._remote(part)).table

    def _whole_facts(self, variant: Variant, file: RemoteBytes, title: str) -> ModelFacts:
        """Read a header as a whole, vocabulary included: where it is too unusual to be skipped through."""
        if len(variant.files) == 1:
            return gguf_facts(file, title)
        first = gguf_facts(file, title)
        tensors = [read_gguf_header(self._remote(part)).tensors for part in variant.files[1:]]
        return replace(first, tensors=(*first.tensors, *(tensor for part in tensors for tensor in part)))

    # Hugging Face folders

    def _folder_facts(self, variant: Variant) -> ModelFacts:
        files = {file.path: file for file in variant.files}
        settings = self._json(files["config.json"])
        config = Config(settings, "config.json")
        weights = [file for path, file in files.items() if path.endswith(".safetensors")]
        if len(weights) > SHARDS_READ:
            raise UnsupportedModel(self._model.name, "Halfbyte", f"it has {len(weights)} files of weights")
        if config.has("quantization") and not config.table("quantization_config").get("quant_method"):
            raise UnsupportedModel(self._model.name, "Halfbyte", "it is made for Apple's MLX")
        stored: list[StoredTensor] = []
        for tensors in self._ranges.map(self._shard, weights):
            stored += tensors
        self.folder = FolderHeaders(settings, tuple(stored))
        return config_facts(config, stored, self._model.name.split("/")[-1], self._card(files))

    def _shard(self, file: RemoteFile) -> tuple[StoredTensor, ...]:
        remote = self._remote(file)
        start = remote.at(0, SHARD_HEAD_BYTES)
        length = struct.unpack_from("<Q", start)[0] if len(start) >= 8 else 0
        missing = max(0, min(8 + length, HEADER_LIMIT_BYTES) - len(start))
        content = start + remote.at(len(start), missing, missing)
        return read_safetensors_header(Memory(file.path, content, file.size_bytes))

    def _card(self, files: Mapping[str, RemoteFile]) -> dict[str, str]:
        card = {"general.license": self._model.licence}
        settings = files.get("tokenizer_config.json")
        has_template = "chat_template.jinja" in files or "chat_template.json" in files
        if has_template or (settings and self._json(settings).get("chat_template")):
            card["tokenizer.chat_template"] = ""
        return card

    def _json(self, file: RemoteFile) -> dict[str, Any]:
        if file.size_bytes > JSON_LIMIT_BYTES:
            raise DamagedFile(file.path, f"at most {JSON_LIMIT_BYTES:,} bytes", f"{file.size_bytes:,}")
        try:
            table = json.loads(self._remote(file).at(0, file.size_bytes))
        except (ValueError, RecursionError) as error:
            raise DamagedFile(file.path, "a JSON table", "no JSON") from error
        if not isinstance(table, dict):
            raise DamagedFile(file.path, "a JSON table", "another value")
        return table

    def _remote(self, file: RemoteFile) -> RemoteBytes:
        source = RemoteSource(self._hub, self._model.name, self._model.commit, file, self._lines)
        return RemoteBytes(source, self._ranges, self._hub.patience, self._stop, self._on_wait)


def _outcome(future: Future[ModelFacts]) -> ModelFacts | EngineError:
    """Return the facts, or what is wrong with this one variant; what is wrong with the connection is raised."""
    try:
        return future.result()
    except (DamagedFile, UnsupportedModel) as error:
        return error


def _with(variant: Variant, found: ModelFacts | EngineError) -> Variant:
    if isinstance(found, EngineError):
        return replace(variant, problem=found.message)
    family = next((family for family in Family if found.format_id.startswith(f"{family}-")), variant.family)
    return replace(variant, facts=found, format_id=found.format_id, family=family)
