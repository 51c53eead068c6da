"""Puts what a load and its answers took beside what had been foretold, and keeps both for the next estimate.

See :mod:`engine.recommend.corrections`. Nothing here may fail a load: what cannot be foretold is not kept.
"""

from __future__ import annotations

import importlib.metadata
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.catalog.facts import read_facts
from engine.catalog.observations import Observations
from engine.errors import EngineError
from engine.machine.facts import Machine
from engine.machine.probe import probe, processor_alone
from engine.recommend.context import Context
from engine.recommend.corrections import NO_CORRECTIONS, Observation
from engine.recommend.footprint import footprint
from engine.recommend.learned import Learned
from engine.recommend.placing import Placement, placement
from engine.recommend.pools import pool
from engine.recommend.sizes import sizes_of
from engine.runtime.options import LoadOptions

ON_CPU = "CPU"
OBSERVED = frozenset({"llama.cpp", "transformers"})  # the back ends that compute here
LEAST_ANSWER_TOKENS = 16  # of an answer whose rate is kept
LEAST_PROMPT_TOKENS = 64  # that were read
MOST_FILLED_TOKENS = 2048  # a longer conversation answers more slowly than the rate that is quoted

Looks = Callable[[bool], Machine | None]


@dataclass(frozen=True, slots=True)
class Expected:
    """A load with what was foretold for it: ``way`` is its first estimate, ``learned`` says what it is a case of.

    With a draft model (``drafts``) the process's peak is that of two models.
    """

    name: str
    learned: Learned
    way: Placement
    guesses: bool
    drafts: bool = False

    def observed(self, loaded: Mapping[str, Any]) -> Iterator[Observation]:
        """Yield what the load itself told. Of main memory only what the runtime says it allocated is known yet."""
        yield self._seen("load", self.learned.load_s, loaded["load_s"])
        terms = loaded["weights_bytes"], loaded["kv_cache_bytes"], loaded["compute_bytes"]
        if all(terms):
            beside = self.way.footprint.runtime_bytes
            yield self._seen("memory", self._allocated_bytes(loaded["gpu_layers"]) + beside, sum(terms) + beside)

    def answered(self, usage: Mapping[str, Any]) -> Iterator[Observation]:
        """Yield what an answer told; a peak of memory is the model's where it is all in main memory."""
        if self.way.place == "cpu" and not self.drafts:
            yield self._seen("memory", self.way.footprint.first_bytes, usage["peak_memory_bytes"])
        if usage["prompt_tokens"] - usage["reused_tokens"] >= LEAST_PROMPT_TOKENS:
            yield self._seen("prompt", self.way.prompt_tokens_s, usage["prompt_tokens_s"])
        tokens = usage["answer_tokens"]
        short = usage["prompt_tokens"] + tokens <= MOST_FILLED_TOKENS
        if tokens >= LEAST_ANSWER_TOKENS and short and not self.guesses:
            yield self._seen("decode", self.way.decode_tokens_s, usage["decode_tokens_s"])

    def measured(self, peak_bytes: int, prompt_tokens_s: float, decode_tokens_s: float) -> Iterator[Observation]:
        """Yield what a measurement told (:mod:`engine.measure`)."""
        if self.way.place == "cpu":
            yield self._seen("memory", self.way.footprint.first_bytes, peak_bytes)
        yield self._seen("prompt", self.way.prompt_tokens_s, prompt_tokens_s)
        yield self._seen("decode", self.way.decode_tokens_s, decode_tokens_s)

    def _allocated_bytes(self, gpu_layers: int) -> int:
        """Return what was foretold of what a runtime says it allocated, wherever that is."""
        sizes, context = self.learned.sizes, self.learned.context
        kind, flash = context.cache_type, context.flash_attention
        arguments = sizes.facts, sizes.format_id, context.tokens, kind
        need = footprint(*arguments, gpu_layers=gpu_layers, flash_attention=flash)
        return need.first_bytes - need.runtime_bytes

    def _seen(self, quantity: Any, predicted: float | None, measured: float) -> Observation:
        return Observation(quantity, predicted or 0.0, measured, self.learned.case(self.way.place))


def look(on_cpu: bool) -> Machine | None:
    """Return what an estimate needs of this computer; drivers are asked only where a model is on a GPU."""
    return processor_alone(_version("llama-cpp-python")) if on_cpu else probe()


def expect(
    path: Path, format_id: str, options: LoadOptions, loaded: Mapping[str, Any], looks: Looks = look
) -> Expected | None:
    """Return what is foretold for a model as it was loaded; ``None`` where nothing can be, as on a server.

    ``loaded`` is :class:`engine.runtime.results.Loaded` as a dictionary.
    """
    if loaded.get("backend") not in OBSERVED:
        return None
    try:
        facts = read_facts(path)
        sizes = sizes_of(facts, format_id)
        machine = looks(loaded["device"] == ON_CPU)
    except (EngineError, KeyError):
        return None
    if machine is None:
        return None
    context = Context(
        loaded["context_tokens"],
        options.cache_type,
        options.batch_tokens,
        flash_attention=options.flash_attention,
    )
    machine = _with_threads(on_card(machine, loaded["device"]), loaded["threads"])
    way = placement(sizes, machine, pool(machine, sizes.family), context, loaded["gpu_layers"])
    return Expected(
        uuid.uuid4().hex,
        Learned(sizes, machine, context, NO_CORRECTIONS),
        way,
        options.guess_tokens > 0,
        bool(loaded.get("draft")),
    )


def keep(expected: Expected | None, observations: Iterator[Observation]) -> None:
    """Keep observations under the load's name: a later answer of the same load replaces what the earlier told."""
    if expected is not None:
        Observations().note(expected.name, observations)


def _with_threads(machine: Machine, threads: int) -> Machine:
    """Return the machine with the cores that compute: a person may have chosen fewer."""
    cores = min(threads, machine.cpu.usable_physical_cores) or machine.cpu.usable_physical_cores
    return replace(machine, cpu=replace(machine.cpu, usable_physical_cores=cores))


def on_card(machine: Machine, label: str) -> Machine:
    """Return the machine with the card alone that a model is on (``Loaded.device``), if it is on one of several."""
    others = [gpu for gpu in machine.gpus if gpu.label != label]
    if len(others) == len(machine.gpus):
        return machine
    return replace(machine, gpus=tuple(gpu for gpu in machine.gpus if gpu.label == label))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
