"""What ``halfbyte convert --plan`` says: what would be made, what it takes, and everything that is in the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NoReturn

import click

from engine.cli import show
from engine.convert.folders.plan import FolderPlan
from engine.convert.plan import Plan, together_bytes
from engine.errors import DiskFull, Refused
from engine.quantities import duration, size

IN_THE_WAY = 1


def tell_plans(plans: Sequence[Plan | FolderPlan], as_json: bool) -> NoReturn:
    """Print the plans and end the program: with 0 where all of it can begin, else with 1."""
    if as_json:
        records = [_record(plan) for plan in plans]
        show.as_json(records[0] if len(records) == 1 else records)
    else:
        for line in _lines(plans):
            show.output.print(line, soft_wrap=True, markup=False, highlight=False)
    raise click.exceptions.Exit(IN_THE_WAY if any(plan.problems for plan in plans) else 0)


def refuse_what_is_in_the_way(plans: Sequence[Plan | FolderPlan]) -> None:
    """Raise :class:`Refused` with every obstacle, one a line where there are several."""
    found = _obstacles(plans)
    if len(found) == 1:
        raise Refused(found[0], "Nothing was written.")
    if found:
        raise Refused("\n".join(["Several things are in the way:", *_points(found)]), "Nothing was written.")


def _lines(plans: Sequence[Plan | FolderPlan]) -> Iterator[str]:
    for plan in plans:
        yield f"{plan.makes} → {plan.target}"
        if plan.needs:
            yield f"  {_needs_words(plan)}"
        if isinstance(plan, FolderPlan) and plan.recipe.calibrates:
            yield f"  calibrated on {plan.recipe.samples:,} samples of {plan.recipe.sample_tokens:,} tokens"
    if fetched_bytes := _fetched_bytes(plans):
        yield f"Fetched first, onto the same disk: {size(fetched_bytes)}, counted in."
    alone = [plan for plan in plans if isinstance(plan, Plan)]
    if len(alone) > 1:
        yield f"Together: {size(together_bytes(alone))} of disk at most."
    if found := _obstacles(plans):
        yield from ("", "In the way:", *_points(found))
    else:
        yield from ("", "Nothing is in the way.")
    if notes := dict.fromkeys(note for plan in plans for note in plan.notes):
        yield from ("", "Good to know:", *_points(notes))


def _needs_words(plan: Plan | FolderPlan) -> str:
    assert plan.needs
    needed = plan.needs
    return (
        f"{size(needed.result_bytes)}; takes {size(needed.disk_bytes)} of disk at most (what is there for a while lies "
        f"beside the result), {size(needed.memory_bytes)} of memory, "
        + (f"{size(needed.gpu_bytes)} of GPU memory, " if needed.gpu_bytes else "")
        + f"about {duration(needed.seconds)}"
    )


def _fetched_bytes(plans: Sequence[Plan | FolderPlan]) -> int:
    return next((plan.source.afar.fetched_bytes for plan in plans if plan.source.afar), 0)


def _obstacles(plans: Sequence[Plan | FolderPlan]) -> list[str]:
    """Return what is in the way, each once; a disk that is too small for several formats is one obstacle."""
    found = list(dict.fromkeys(obstacle for plan in plans for obstacle in plan.obstacles))
    of_gguf = [plan for plan in plans if isinstance(plan, Plan)]
    full = [problem for plan in of_gguf for problem in plan.problems if isinstance(problem, DiskFull)]
    if len(full) < 2:
        return found
    told = {f"{problem.message} {problem.hint}" for problem in full}
    first = full[0].details
    together = DiskFull(together_bytes(of_gguf), first["free_bytes"], first["folder"])
    return [*(each for each in found if each not in told), f"{together.message} {together.hint}"]


def _points(sentences: Sequence[str] | dict[str, None]) -> list[str]:
    return [f"  • {sentence}" for sentence in sentences]


def _record(plan: Plan | FolderPlan) -> dict[str, object]:
    return {
        "format": plan.format.id if plan.format else "",
        **({"recipe": plan.recipe.id} if isinstance(plan, FolderPlan) else {}),
        "target": str(plan.target),
        "needs": plan.needs,
        "fetched_bytes": _fetched_bytes([plan]),
        "problems": [problem.as_record() for problem in plan.problems],
        "notes": plan.notes,
    }
