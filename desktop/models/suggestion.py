"""What is suggested for a model: the ranked formats, and what one press of the button does about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from engine.catalog.facts import read_facts
from engine.catalog.library import Library
from engine.convert.recipes import RECIPES
from engine.convert.source import GGUF_SOURCES
from engine.formats import ModelFacts
from engine.machine import memory
from engine.machine.facts import Machine
from engine.machine.sources import Live, Unavailable
from engine.quantities import size
from engine.recommend.fit import Fit
from engine.recommend.rules import recommend

PLACES = {"gpu": "GPU", "cpu": "Processor", "gpu+cpu": "GPU and processor"}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The answer to “what fits?” for the model at ``path``.

    ``made`` are the formats of this model that lie in the library already.
    """

    path: Path
    facts: ModelFacts
    fits: tuple[Fit, ...]
    made: Mapping[str, Path] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The file's or folder's name: what a model says of itself is often a training run's."""
        return self.path.name.removesuffix(".gguf")

    @property
    def best(self) -> Fit | None:
        return self.fits[0] if self.fits and self.fits[0].fits else None


@dataclass(frozen=True, slots=True)
class Step:
    """What can be done with a format now. ``path`` is the model to chat with or the one to convert."""

    do: Literal["chat", "convert", "nothing"]
    label: str
    path: Path


def suggest(path: Path, machine: Machine, context_tokens: int, library: Library) -> Suggestion:
    """Read a model's headers and rank its formats. It blocks: run it as a job."""
    facts = read_facts(path)
    source = library.entry_at(path)
    fits = recommend(facts, _with_memory_of_now(machine), context_tokens)
    targets = {fit.format.id: library.target(source, fit.format.id) for fit in fits if fit.format.id in RECIPES}
    made = {format_id: target for format_id, target in targets.items() if target.is_file()}
    return Suggestion(path, facts, fits, made)


def _with_memory_of_now(machine: Machine) -> Machine:
    """Return the machine with the memory that is free now; the rest of it does not change by the minute."""
    live = Live()
    try:
        return replace(machine, memory=memory.read(live))
    except Unavailable:
        return machine
    finally:
        live.close()


def step_for(suggestion: Suggestion, fit: Fit) -> Step:
    """Return the next step for one format."""
    label, path, stored = fit.format.label, suggestion.path, suggestion.facts.format_id
    if fit.format.id not in RECIPES:
        return Step("nothing", f"{label} cannot be used here yet", path)
    if not fit.fits:
        return Step("nothing", f"{label} does not fit", path)
    if fit.format.id == stored:
        return Step("chat", "Chat with this model", path)
    if fit.format.id in suggestion.made:
        return Step("chat", f"Chat in {label}", suggestion.made[fit.format.id])
    if stored in RECIPES and stored not in GGUF_SOURCES:
        return Step("nothing", f"{label} is made of the original, not of this file", path)
    return Step("convert", f"Convert to {label}", path)


def first_pick(suggestion: Suggestion) -> int:
    """Return the row to start with: the best one with which something can be done, else the first."""
    steps = (step_for(suggestion, fit).do for fit in suggestion.fits)
    return next((row for row, do in enumerate(steps) if do != "nothing"), 0)


def place_words(fit: Fit, layers: int) -> str:
    """Return where a format would run."""
    if fit.place == "gpu+cpu":
        return f"{PLACES[fit.place]} ({min(fit.gpu_layers, layers)} of {layers} layers on the GPU)"
    return PLACES[fit.place]


def speed_words(tokens_s: float | None) -> str:
    if tokens_s is None:
        return "–"
    return f"{tokens_s:.1f} tokens/s" if tokens_s < 10 else f"{tokens_s:.0f} tokens/s"


def context_words(tokens: int) -> str:
    return f"{tokens:,} tokens" if tokens else "–"


def model_words(facts: ModelFacts) -> str:
    """Return a model in one line: “135 million parameters · llama · 30 layers · trained on 8,192 tokens · 269 MB”."""
    parameters = facts.parameters
    amount = f"{parameters / 1e9:.1f} billion" if parameters >= 1e9 else f"{parameters / 1e6:.0f} million"
    parts = [f"{amount} parameters", facts.architecture, f"{facts.layers} layers"]
    if facts.experts:
        parts.append(f"{facts.experts} experts, {facts.experts_used} used")
    parts += [f"trained on {facts.trained_context:,} tokens", size(facts.weights_bytes)]
    return " · ".join([*parts, *filter(None, [facts.licence])])
