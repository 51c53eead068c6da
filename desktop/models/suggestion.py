"""What is suggested for a model: the ranked formats, and what one press of the button does about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from desktop.language import QT_TR_NOOP, tr
from desktop.quantities import number, size
from engine.catalog.facts import read_facts
from engine.catalog.library import Library
from engine.catalog.observations import Observations
from engine.convert.recipes import RECIPES
from engine.convert.source import GGUF_SOURCES
from engine.formats import ModelFacts
from engine.machine import memory
from engine.machine.facts import Machine
from engine.machine.sources import Live
from engine.machine.unavailable import Unavailable
from engine.recommend.fit import Fit
from engine.recommend.rules import recommend

PLACES = {"gpu": QT_TR_NOOP("GPU"), "cpu": QT_TR_NOOP("Processor"), "gpu+cpu": QT_TR_NOOP("GPU and processor")}


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
    corrections = Observations().corrections()
    fits = recommend(facts, _with_memory_of_now(machine), context_tokens, corrections=corrections)
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
        return Step("nothing", tr("{label} cannot be used here yet").format(label=label), path)
    if not fit.fits:
        return Step("nothing", tr("{label} does not fit").format(label=label), path)
    if fit.format.id == stored:
        return Step("chat", tr("Chat with this model"), path)
    if fit.format.id in suggestion.made:
        return Step("chat", tr("Chat in {label}").format(label=label), suggestion.made[fit.format.id])
    if stored in RECIPES and stored not in GGUF_SOURCES:
        return Step("nothing", tr("{label} is made of the original, not of this file").format(label=label), path)
    return Step("convert", tr("Convert to {label}").format(label=label), path)


def first_pick(suggestion: Suggestion) -> int:
    """Return the row to start with: the best one with which something can be done, else the first."""
    steps = (step_for(suggestion, fit).do for fit in suggestion.fits)
    return next((row for row, do in enumerate(steps) if do != "nothing"), 0)


def place_words(fit: Fit, layers: int) -> str:
    """Return where a format would run."""
    if fit.place == "gpu+cpu":
        return tr("{place} ({some} of {layers} layers on the GPU)").format(
            place=tr(PLACES[fit.place]), some=min(fit.gpu_layers, layers), layers=layers
        )
    return tr(PLACES[fit.place])


def speed_words(tokens_s: float | None) -> str:
    if tokens_s is None:
        return "–"
    return tr("{rate} tokens/s").format(rate=number(tokens_s, 1 if tokens_s < 10 else 0))


def context_words(tokens: int) -> str:
    return tr("%Ln token(s)", "", tokens) if tokens else "–"


def parameters_words(count: float) -> str:
    """Return a number of parameters: 1.5 billion, 135 million."""
    if count >= 1e9:
        return tr("{count} billion").format(count=number(count / 1e9, 1))
    return tr("{count} million").format(count=number(count / 1e6))


def model_words(facts: ModelFacts) -> str:
    """Return a model in one line: “135 million parameters · llama · 30 layers · trained on 8,192 tokens · 269 MB”."""
    amount = tr("{amount} parameters").format(amount=parameters_words(facts.parameters))
    parts = [amount, facts.architecture, tr("%Ln layer(s)", "", facts.layers)]
    if facts.experts:
        parts.append(tr("{experts} experts, {used} used").format(experts=facts.experts, used=facts.experts_used))
    parts += [
        tr("trained on %Ln token(s)", "", facts.trained_context),
        size(facts.weights_bytes),
    ]
    return " · ".join([*parts, *filter(None, [facts.licence])])
