"""``halfbyte serve``: hand a model over to vLLM, which serves it to many people. Nothing is started here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from engine.catalog.facts import read_facts
from engine.cli import show
from engine.cli.library import named, open_library
from engine.handover.batch import batch_command, requests
from engine.handover.commands import command
from engine.handover.deployment import Deployment, plan
from engine.handover.files import compose, kubernetes, ray
from engine.handover.site import Site, site_here
from engine.machine.probe import probe

WRITERS: dict[str, Callable[[Deployment], str]] = {
    "command": command,
    "compose": compose,
    "kubernetes": kubernetes,
    "ray": ray,
}


@click.command("serve")
@click.argument("model")
@click.option("--gpus", type=click.IntRange(1, 16), default=1, show_default=True, help="Cards in each node.")
@click.option("--nodes", type=click.IntRange(1, 64), default=1, show_default=True, help="Computers.")
@click.option("--users", type=click.IntRange(1, 4096), default=8, show_default=True, help="Answers at the same time.")
@click.option("--context", type=click.IntRange(256), help="Context in tokens. [default: the longest that fits]")
@click.option("--gpu-memory", type=click.FloatRange(1), help="Memory of one card in GB. [default: the card here]")
@click.option("--gpu-bandwidth", type=click.FloatRange(1), help="Its memory's bandwidth in GB/s, to estimate speed.")
@click.option("--print", "form", type=click.Choice(list(WRITERS)), default="command", show_default=True)
@click.option("--batch", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Prompts, one a line.")
@click.option("--max-tokens", type=click.IntRange(1), default=512, show_default=True, help="Longest answer of --batch.")
def serve_command(
    model: str,
    gpus: int,
    nodes: int,
    users: int,
    context: int | None,
    gpu_memory: float | None,
    gpu_bandwidth: float | None,
    form: str,
    batch: Path | None,
    max_tokens: int,
) -> None:
    """Write what serves MODEL to many people with vLLM: a command, a compose file, Kubernetes or Ray.

    With --batch the prompts of a file become a job for vLLM's batch runner, beside that file.
    """
    checkpoint = open_library().find(named(model))
    facts = read_facts(checkpoint.path)
    if gpu_memory:
        bandwidth = gpu_bandwidth * 1e9 if gpu_bandwidth else None
        site = Site(gpus, nodes, f"card of {gpu_memory:g} GB", int(gpu_memory * 1e9), bandwidth_bytes_s=bandwidth)
    else:
        site = site_here(probe(), gpus, nodes)
    path = str(checkpoint.path.absolute())
    way = plan(facts, site, model=path, served_as=checkpoint.title, users=users, context_tokens=context)
    if batch is None:
        show.output.out(WRITERS[form](way), end="", highlight=False)
    else:
        _write_batch(way, batch, max_tokens)


def _write_batch(way: Deployment, prompts: Path, max_tokens: int) -> None:
    asked = prompts.with_suffix(".batch.jsonl")
    with prompts.open(encoding="utf-8") as lines, asked.open("w", encoding="utf-8") as out:
        out.writelines(requests(lines, way, max_tokens, seed=0))
    show.errors.print(f"The job is in {asked}. On the machine with the cards:", markup=False, soft_wrap=True)
    answers = prompts.with_suffix(".answers.jsonl")
    show.output.out(batch_command(way, str(asked), str(answers)), highlight=False)
