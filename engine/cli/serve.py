"""``halfbyte serve``: hand a model over to vLLM, which serves it to many people. Nothing is started here."""

from __future__ import annotations

from pathlib import Path

import click

from engine.catalog.facts import read_facts
from engine.cli import show
from engine.cli.library import named, open_library
from engine.errors import Refused, UnsupportedModel
from engine.handover.batch import write_batch
from engine.handover.cards import card_named, card_of
from engine.handover.deployment import Deployment, plan
from engine.handover.forms import FORMS
from engine.handover.llama_server import llama_command
from engine.handover.site import Site, site_here
from engine.handover.support import method_of
from engine.machine.probe import probe

WRITERS = {form.id: form.write for form in FORMS}
LLAMA_SERVER = "llama-server"
LLAMA_HINT = "For this file, --print llama-server writes the command for llama.cpp's own server."


@click.command("serve")
@click.argument("model")
@click.option("--gpus", type=click.IntRange(1, 16), default=1, show_default=True, help="Cards in each node.")
@click.option("--nodes", type=click.IntRange(1, 64), default=1, show_default=True, help="Computers.")
@click.option("--users", type=click.IntRange(1, 4096), default=8, show_default=True, help="Answers at the same time.")
@click.option("--context", type=click.IntRange(256), help="Context in tokens. [default: the longest that fits]")
@click.option("--gpu", help="A known card, such as “A100 SXM” or “L4”. [default: the card here]")
@click.option("--gpu-memory", type=click.FloatRange(1), help="Memory of one card of another kind in GB.")
@click.option("--gpu-bandwidth", type=click.FloatRange(1), help="Its memory's bandwidth in GB/s, to estimate speed.")
@click.option("--print", "form", type=click.Choice([*WRITERS, LLAMA_SERVER]), default="command", show_default=True)
@click.option("--batch", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Prompts, one a line.")
@click.option("--max-tokens", type=click.IntRange(1), default=512, show_default=True, help="Longest answer of --batch.")
def serve_command(
    model: str,
    gpus: int,
    nodes: int,
    users: int,
    context: int | None,
    gpu: str | None,
    gpu_memory: float | None,
    gpu_bandwidth: float | None,
    form: str,
    batch: Path | None,
    max_tokens: int,
) -> None:
    """Write what serves MODEL to many people with vLLM: a command, a compose file, Kubernetes or Ray.

    For a GGUF model --print llama-server writes the command for llama.cpp's own server. With --batch the prompts of a
    file become a job for vLLM's batch runner, beside that file.
    """
    checkpoint = open_library().find(named(model))
    facts = read_facts(checkpoint.path)
    if form == LLAMA_SERVER:
        text = llama_command(facts, checkpoint.path.absolute(), checkpoint.title, users, context)
        show.output.out(text, end="", highlight=False)
        return
    path = str(checkpoint.path.absolute())
    try:
        method_of(facts)  # what vLLM does not load needs no card to be refused
        site = _site(gpus, nodes, gpu, gpu_memory, gpu_bandwidth)
        way = plan(facts, site, model=path, served_as=checkpoint.title, users=users, context_tokens=context)
    except UnsupportedModel as error:  # it is about the format, and names the ways round
        is_gguf = facts.format_id.startswith("gguf-")
        raise Refused(f"vLLM {error.details['reason']}.", LLAMA_HINT if is_gguf else "") from error
    if batch is None:
        show.output.out(WRITERS[form](way), end="", highlight=False)
    else:
        _write_batch(way, batch, max_tokens)


def _site(gpus: int, nodes: int, gpu: str | None, memory_gb: float | None, bandwidth_gb_s: float | None) -> Site:
    if memory_gb:
        return card_of(memory_gb, bandwidth_gb_s).site(gpus, nodes)
    if gpu is None:
        return site_here(probe(), gpus, nodes)
    return card_named(gpu).site(gpus, nodes)


def _write_batch(way: Deployment, prompts: Path, max_tokens: int) -> None:
    written = write_batch(way, prompts, max_tokens)
    show.errors.print(f"{written.words} On the machine with the cards:", markup=False, soft_wrap=True)
    show.output.out(written.command, highlight=False)
