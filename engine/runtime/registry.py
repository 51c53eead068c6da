"""The back ends: one row each, imported only in the worker that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.catalog.checkpoint import DAMAGED, UNSUPPORTED, Checkpoint
from engine.catalog.facts import read_facts
from engine.environments.places import interpreter_for
from engine.errors import NotFound, UnsupportedModel, set_up_words
from engine.machine import cuda_cards, nvidia
from engine.machine.facts import Machine
from engine.recommend.requirements import without_card

SCRIPT_ENDING = ".script.json"


@dataclass(frozen=True, slots=True)
class BackendRow:
    """A back end: what it reads, what it needs, and where its class is (``module:Class``).

    ``families`` are what format ids start with (``gguf`` of ``gguf-q4_k_m``). ``why_not`` says in one sentence what
    keeps it from running on a machine, or returns ``None``. ``environment`` names the one that has its packages
    (:data:`engine.environments.described.ENVIRONMENTS`).
    """

    name: str
    families: frozenset[str]
    packages: tuple[str, ...]
    target: str
    why_not: Callable[[Machine], str | None]
    environment: str = ""

    def interpreter(self) -> Path | None:
        """Return the interpreter of the environment that has what this one lacks; ``None`` is this one."""
        return interpreter_for(self.environment, self.packages) if self.environment else None

    def card(self) -> dict[str, str]:
        """Return the variables that leave a worker the card with the most free memory, where it computes on one."""
        return cuda_cards.only(nvidia.freest()) if self.environment else {}


def _needs_llama(machine: Machine) -> str | None:
    if machine.llama is None:
        return next((gap.reason for gap in machine.missing if "llama" in gap.what.lower()), "llama.cpp did not start.")
    return None


def _needs_cuda(machine: Machine) -> str | None:
    if without := without_card(0.0, machine):
        return without
    absent = [name for name in ("torch", "transformers") if machine.packages.get(name) is None]
    if absent:
        return f"Without {' and '.join(absent)} it cannot run. {set_up_words('cuda')}"
    return None


def _nothing(machine: Machine) -> str | None:
    return None


def table(rows: Iterable[BackendRow]) -> dict[str, BackendRow]:
    """Return the rows by name. Raises ``ValueError`` for a name that is taken, naming both owners."""
    named: dict[str, BackendRow] = {}
    for row in rows:
        if row.name in named:
            raise ValueError(f"the back end {row.name} is both {named[row.name].target} and {row.target}")
        named[row.name] = row
    return named


BACKENDS = table(
    (
        BackendRow(
            "llama.cpp",
            frozenset({"gguf"}),
            ("llama-cpp-python",),
            "engine.runtime.backends.llama_cpp:LlamaCpp",
            _needs_llama,
        ),
        BackendRow(
            "transformers",
            frozenset({"plain", "bnb", "gptq", "awq", "compressed"}),
            ("torch", "transformers", "accelerate"),
            "engine.runtime.backends.transformers:Transformers",
            _needs_cuda,
            "cuda",
        ),
        BackendRow("remote", frozenset({"server"}), (), "engine.runtime.backends.remote:Remote", _nothing),
        BackendRow("scripted", frozenset({"script"}), (), "engine.runtime.backends.scripted:Scripted", _nothing),
    )
)


def named(name: str) -> BackendRow:
    """Return a row. Raises :class:`NotFound` with the names there are."""
    if name not in BACKENDS:
        raise NotFound(f"The back end “{name}”", hint=f"There are: {', '.join(BACKENDS)}.")
    return BACKENDS[name]


def for_checkpoint(checkpoint: Checkpoint) -> BackendRow:
    """Return the first row that reads a checkpoint's format. Raises :class:`UnsupportedModel`."""
    is_script = checkpoint.path.name.endswith(SCRIPT_ENDING)
    family = "script" if is_script else checkpoint.format_id.partition("-")[0]
    for row in BACKENDS.values():
        if family in row.families:
            return row
    if checkpoint.format_id in (DAMAGED, UNSUPPORTED):
        read_facts(checkpoint.path)  # raises why
    reason = f"no back end of this version reads {checkpoint.format_id}."
    raise UnsupportedModel(checkpoint.format_id, "Halfbyte", reason)
