"""The commands that find and fetch models: ``search``, ``show``, ``get`` and ``verify``."""

from __future__ import annotations

import sys
from typing import Any

import click

from engine import settings
from engine.catalog.download.job import Download
from engine.catalog.download.plan import plan_download
from engine.catalog.download.repair import repairing
from engine.catalog.download.verify import Verified, verifying
from engine.catalog.find import LookedUp, ReadingFacts, looking_up, searching
from engine.catalog.hub.client import Hub
from engine.catalog.hub.outlook import outlook
from engine.catalog.hub.values import Query
from engine.catalog.hub.variants import Variant
from engine.catalog.observations import Observations
from engine.catalog.offers import Offer, offers_of, ranked
from engine.catalog.tokens import Source, Tokens
from engine.cli import show
from engine.cli.library import called, json_option, named, open_library
from engine.cli.run import finish
from engine.errors import NotFound, Refused
from engine.machine.probe import probe
from engine.quantities import size

SORTS = ("trending", "downloads", "likes", "recent")


@click.command("search")
@click.argument("text", default="")
@click.option("--author", default="", help="Only models of this publisher.")
@click.option("--task", default="", help="Only models for this task, as the Hub names it.")
@click.option("--gguf", is_flag=True, help="Only repositories with GGUF files.")
@click.option("--sort", type=click.Choice(SORTS), default="trending", show_default=True)
@json_option
def search_command(text: str, author: str, task: str, gguf: bool, sort: Any, as_json: bool) -> None:
    """Search the Hub; every row says how the model would run here."""
    query = Query(text, author, task, ("gguf",) if gguf else (), sort)
    found, machine = finish(searching(Hub(), query)).rows, probe()
    corrections = Observations().corrections()
    rows = [(row, outlook(row, machine, corrections=corrections).fit) for row in found]
    if as_json:
        show.as_json([{"model": row, "fit": fit} for row, fit in rows])
    else:
        show.found(rows)


@click.command("show")
@click.argument("model")
@json_option
def show_command(model: str, as_json: bool) -> None:
    """Show what the Hub has of MODEL (a name or a URL), ranked for this machine; no weights are fetched."""
    looked_up, offers = _offers(Hub(), model)
    if as_json:
        rows = [{"variant": offer.variant, "fit": offer.fit} for offer in offers]
        show.as_json({"model": looked_up.model, "offers": rows})
    else:
        show.offers(looked_up, offers)


@click.command("get")
@click.argument("model")
@click.argument("variant", default="")
@json_option
def get_command(model: str, variant: str, as_json: bool) -> None:
    """Fetch a VARIANT of MODEL (a format such as Q4_K_M, or a file's name); without one, what fits this machine best.

    A fetch that was stopped, by Ctrl+C or a power cut, continues where it was.
    """
    hub, library = Hub(), open_library()
    looked_up, offers = _offers(hub, model)
    chosen = _chosen(offers, variant or looked_up.path)
    plan = plan_download(
        looked_up.model, chosen.files, entry=chosen.entry, endpoint=hub.endpoint, format_id=chosen.format_id
    )
    show.errors.print(f"{chosen.title}: {size(plan.size_bytes)} at {looked_up.model.commit[:8]}")
    made = finish(Download(plan, hub, library), as_json)
    if as_json:
        show.as_json(made)
    else:
        show.converted(made, called(library, made))


@click.command("verify")
@click.argument("model")
@click.option("--repair", is_flag=True, help="Fetch what is damaged or missing again.")
@json_option
def verify_command(model: str, repair: bool, as_json: bool) -> None:
    """Hash MODEL's files again and compare them with the record that was written when it was made or fetched."""
    library, hub = open_library(), Hub()
    verified: Verified = finish(verifying(library.find(named(model))), as_json)
    if as_json:
        show.as_json(verified)
    else:
        for path in verified.right:
            show.output.print(f"{path.name}: as recorded", soft_wrap=True)
    if verified.damaged and not repair:
        raise verified.damaged[0].error
    if verified.damaged:
        plan = finish(repairing(hub, verified.checkpoint), as_json)
        show.errors.print(" ".join(f"{damage.words}." for damage in verified.damaged), soft_wrap=True)
        made = finish(Download(plan, hub, library), as_json)
        show.as_json(made) if as_json else show.converted(made, called(library, made))


@click.command("token")
@click.option("--forget", is_flag=True, help="Forget the token that was kept.")
def token_command(forget: bool) -> None:
    """Keep an access token of the Hub in the system's keyring, for gated and private models."""
    tokens = Tokens()
    if not forget:
        ask = sys.stdin.isatty()
        token = click.prompt("Access token (huggingface.co/settings/tokens)", hide_input=True) if ask else input()
        if tokens.keep(token) is Source.SESSION:
            raise Refused(
                "This system has no keyring, so the token cannot be kept.", "Set the environment variable HF_TOKEN."
            )
    else:
        tokens.forget()
    tokens.current()
    show.output.print(tokens.source.words)


def _offers(hub: Hub, model: str) -> tuple[LookedUp, list[Offer]]:
    """Look a model up and rank what it has, ready-made: what fits first, by quality."""
    looked_up: LookedUp = finish(looking_up(hub, model))
    variants = finish(ReadingFacts(hub, looked_up))
    machine, context_tokens = probe(), settings.load()["context_tokens"]
    known = machine, context_tokens, Observations().corrections()
    every = [offers_of(looked_up.model, variant, *known)[0] for variant in variants.all]
    return looked_up, list(ranked(every))


def _chosen(offers: list[Offer], wanted: str) -> Variant:
    """Return the variant of that format or file, or the best. Raises :class:`NotFound` with what there is."""
    usable = [offer.variant for offer in offers if not offer.variant.problem]
    if not wanted:
        fitting = [offer.variant for offer in offers if offer.works]
        if not fitting:
            raise Refused("Nothing of this model fits this machine.", "`halfbyte show` says why; name one to get it.")
        return fitting[0]
    for variant in usable:
        names = {variant.title, variant.entry, variant.format_id, variant.format_id.partition("-")[2]}
        if wanted.lower() in {name.lower() for name in names} or any(file.path == wanted for file in variant.files):
            return variant
    raise NotFound(f"“{wanted}”", hint=f"There are: {', '.join(variant.title for variant in usable)}.")
