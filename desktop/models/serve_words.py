"""Handing a model over to a server: what the person chose, what came of it, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from desktop.language import tr
from desktop.quantities import number, size
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import read_facts
from engine.errors import EngineError
from engine.formats import ModelFacts
from engine.handover.batch import Batch, write_batch
from engine.handover.cards import CARDS, Card
from engine.handover.deployment import Deployment, plan
from engine.handover.estimate import memory_formula
from engine.handover.forms import FORMS
from engine.handover.llama_server import llama_command
from engine.handover.site import Site, site_here
from engine.handover.support import VLLM_VERSION
from engine.machine.facts import Machine

USUAL_CARD = "H100 SXM 80 GB"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person chose. ``card`` is ``None`` for the cards of this computer, ``context_tokens`` for automatic."""

    model: Checkpoint
    card: Card | None
    gpus: int = 1
    nodes: int = 1
    users: int = 8
    context_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """One form of the hand-over. ``problem`` says why there is none."""

    title: str
    file_name: str
    text: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What was written for a choice. Where vLLM cannot serve the model there is no ``way``, and a ``problem``."""

    wanted: Wanted
    texts: tuple[Text, ...]
    way: Deployment | None = None
    problem: EngineError | None = None


def cards_for(machine: Machine | None) -> tuple[tuple[str, Card | None], ...]:
    """Return the cards to choose from by name; this computer's come first where it has any."""
    here = [gpu for gpu in machine.gpus if gpu.vendor == "nvidia" and not gpu.hidden] if machine else []
    own = [(tr("Here: {count} × {card}").format(count=number(len(here)), card=here[0].name), None)] if here else []
    return (*own, *((card.name, card) for card in CARDS))


def hand_over(wanted: Wanted, machine: Machine | None) -> HandedOver:
    """Write all forms. It reads the model's headers: run it as a job. Raises :class:`EngineError`."""
    facts = read_facts(wanted.model.path)
    try:
        way = _way(wanted, facts, machine)
    except EngineError as error:
        gguf = facts.format_id.startswith("gguf-")
        return HandedOver(wanted, (_llama(wanted, facts),) if gguf else (), problem=error)
    texts = []
    for form in FORMS:
        problem = form.why_not(wanted.nodes)
        texts.append(Text(form.title, form.file_name, "" if problem else form.write(way), problem))
    return HandedOver(wanted, tuple(texts), way)


def batch_for(wanted: Wanted, machine: Machine | None, prompts: Path, max_tokens: int) -> Batch:
    """Write the job of a batch beside its prompts. Raises :class:`EngineError`."""
    return write_batch(_way(wanted, read_facts(wanted.model.path), machine), prompts, max_tokens)


def fact_words(way: Deployment) -> tuple[tuple[str, str], ...]:
    """Return what the choice comes to, pairs of a name and a value."""
    fitting = tr("{users} answers; {fitting} conversations of {tokens} tokens fit at once")
    if way.fitting_users < way.users:
        fitting = tr(
            "{users} answers; {fitting} conversations of {tokens} tokens fit at once; the others wait their turn"
        )
    memory = tr("{budget} of {memory}: {formula}").format(
        budget=size(way.site.budget_bytes), memory=size(way.site.gpu_bytes), formula=memory_formula(way.room)
    )
    rows = [
        (
            tr("At the same time"),
            fitting.format(
                users=number(way.users), fitting=number(way.fitting_users), tokens=number(way.context_tokens)
            ),
        ),
        (tr("Memory of each card"), memory),
    ]
    if way.speed:
        rate = tr("{total} tokens/s in all, {each} for each").format(
            total=number(way.speed.total_tokens_s), each=number(way.speed.each_tokens_s)
        )
        rows.append((tr("Speed, estimated"), f"{rate}. {way.speed.formula[:1].upper()}{way.speed.formula[1:]}"))
    if way.tensor * way.pipeline > 1:
        rows.append(
            (
                tr("Split"),
                tr("tensors over {tensor}, layers over {pipeline}").format(tensor=way.tensor, pipeline=way.pipeline),
            )
        )
    written_for = f"{VLLM_VERSION} + {way.method.plugin.replace('==', ' ')}" if way.method.plugin else VLLM_VERSION
    estimates = tr("vLLM {version}. Estimates only: “vllm bench serve” measures.")
    rows.append((tr("Written for"), estimates.format(version=written_for)))
    return tuple(rows)


def _way(wanted: Wanted, facts: ModelFacts, machine: Machine | None) -> Deployment:
    return plan(
        facts,
        _site(wanted, machine),
        model=str(wanted.model.path.absolute()),
        served_as=wanted.model.title,
        users=wanted.users,
        context_tokens=wanted.context_tokens,
    )


def _site(wanted: Wanted, machine: Machine | None) -> Site:
    if wanted.card is None and machine is not None:
        return site_here(machine, wanted.gpus, wanted.nodes)
    card = wanted.card or next(card for card in CARDS if card.name == USUAL_CARD)
    return card.site(wanted.gpus, wanted.nodes)


def _llama(wanted: Wanted, facts: ModelFacts) -> Text:
    model = wanted.model
    text = llama_command(facts, model.path.absolute(), model.title, wanted.users, wanted.context_tokens)
    return Text("llama-server", "serve.sh", text)
