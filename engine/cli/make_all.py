"""``halfbyte make-all``: the levels of a model that are worth having, made, measured, and the best named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from engine import settings
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.catalog.removal import Removing, plan_removal
from engine.cli import show
from engine.cli.library import json_option, named, open_library
from engine.cli.measure import measure_options, measured, print_tables
from engine.cli.run import finish
from engine.convert.plan import Plan
from engine.convert.run import Conversions
from engine.convert.worth import result_bytes, worth_making
from engine.errors import Refused
from engine.machine.probe import probe
from engine.measure.choose import Choice, Rule, choose, room_of
from engine.measure.original import original_of, siblings_of
from engine.quantities import duration, size


@click.command("make-all")
@click.argument("model")
@click.option("--plan", "only_plan", is_flag=True, help="Only say what would be made.")
@click.option("--quick", is_flag=True, help="Measure fewer tokens and repeats: enough to rank levels.")
@click.option("--keep-best", is_flag=True, help="Afterwards put what was made and is not the best into the trash.")
@json_option
def make_all_command(model: str, only_plan: bool, quick: bool, keep_best: bool, as_json: bool) -> None:
    """Make the levels of MODEL that are worth having and fit this computer, measure them, and name the best for you.

    MODEL is a Hugging Face model's folder or a GGUF file of high precision. What is here already is only measured.
    """
    library, machine = open_library(), probe()
    source = library.find(named(model))
    context_tokens = settings.load()["context_tokens"]
    plans = worth_making(source.path, library, machine.memory.total_bytes, context_tokens)
    show.errors.print(_planned_words(plans), soft_wrap=True, markup=False)
    if only_plan:
        return
    if against := dict.fromkeys(obstacle for plan in plans for obstacle in plan.obstacles):
        raise Refused(" ".join(against), "Nothing was written.")
    made: tuple[Checkpoint, ...] = finish(Conversions(plans))
    options, entries = measure_options(quick=quick), library.entries()
    contenders = [entry for entry in siblings_of(made[0], entries) if entry.format_id.startswith("gguf-")]
    reports = [measured(entry, original_of(entry, entries), options) for entry in contenders]
    room = room_of(machine)
    choices = choose(reports, Rule(), room.free_bytes, room.gpu_free_bytes)
    if as_json:
        show.as_json(choices)
    else:
        print_tables(reports)
        show.output.print(_best_words(choices), soft_wrap=True, markup=False, highlight=False)
    if keep_best and choices[0].passes:
        _remove([each for each in made if str(each.path) != choices[0].report.path], library)


def _planned_words(plans: Sequence[Plan]) -> str:
    labels = ", ".join(plan.format.label for plan in plans if plan.format)
    seconds = sum(plan.needs.seconds for plan in plans if plan.needs)
    on_disk = size(result_bytes(tuple(plans)))
    return f"{labels} are made: {on_disk} on disk, about {duration(seconds)}; then each is measured."


def _best_words(choices: Sequence[Choice]) -> str:
    best = choices[0]
    if not best.passes:
        return f"None of them keeps to the rule. {Path(best.report.path).name}: {best.reason}"
    return f"Best for you: {Path(best.report.path).name}. {best.reason}"


def _remove(models: Sequence[Checkpoint], library: Library) -> None:
    for model in models:
        plan = plan_removal(model, library.folder, library.entries())
        if plan.why_no_trash:
            raise Refused(plan.why_no_trash, "Delete them one by one: halfbyte library delete MODEL --for-good.")
        removed = finish(Removing(plan))
        show.errors.print(f"In the trash: {model.title} ({size(removed.freed_bytes)})", markup=False)
