"""``halfbyte environments``: the packages that are not part of the app, set up when they are wanted."""

from __future__ import annotations

import click

from engine.cli import show
from engine.cli.library import json_option
from engine.cli.run import finish
from engine.environments.check import Checking
from engine.environments.described import ENVIRONMENTS, named
from engine.environments.places import Found, find
from engine.environments.plan import Planning, SetUpPlan
from engine.environments.setup import SetUp, remove
from engine.machine.probe import probe
from engine.quantities import size
from engine.recommend.pools import nvidia_gpus

WITHOUT_CARD = (
    "No NVIDIA card was found here: what it makes and runs is computed on the processor, slowly. GGUF files need none "
    "of it and serve better on this computer."
)
NAME = click.argument("name", type=click.Choice(tuple(ENVIRONMENTS)))


@click.group("environments", invoke_without_command=True)
@click.pass_context
def environments_group(context: click.Context) -> None:
    """Set up what runs and makes AWQ, GPTQ, NF4 and INT8: packages of several GB that are not part of the app."""
    if not context.invoked_subcommand:
        context.invoke(list_command)


@environments_group.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List the environments, what they are for, and what is there of them."""
    found = [find(environment) for environment in ENVIRONMENTS.values()]
    if as_json:
        show.as_json([_row(one) for one in found])
        return
    for one in found:
        _print(f"{one.environment.name}  {_state(one)}")
        _print(f"    {one.environment.purpose}")


@environments_group.command("set-up")
@NAME
@click.option("--plan", "only_plan", is_flag=True, help="Show what it would fetch and take, and end.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
def set_up_command(name: str, only_plan: bool, yes: bool, as_json: bool) -> None:
    """Set up an environment, or renew it; one that was stopped goes on after the last whole package."""
    plan: SetUpPlan = finish(Planning(named(name)))
    if only_plan and as_json:
        show.as_json(
            {
                "download_bytes": plan.download_bytes,
                "disk_bytes": plan.disk_bytes,
                "free_bytes": plan.free_bytes,
                "packages": plan.packages,
            }
        )
        return
    for package in sorted(plan.packages, key=lambda one: one.download_bytes or 0, reverse=True) if only_plan else ():
        here = "  (fetched)" if package.fetched else ""
        _print(f"{size(package.download_bytes):>9}  {package.name} {package.version}{here}")
    show.errors.print(
        f"To fetch: {size(plan.download_bytes)}. On the disk: about {size(plan.disk_bytes)}; "
        f"{size(plan.free_bytes)} are free.",
        highlight=False,
    )
    if not nvidia_gpus(probe()):
        show.errors.print(WITHOUT_CARD, highlight=False)
    if only_plan:
        return
    if plan.problem:
        raise plan.problem
    if not yes and not as_json:
        click.confirm("Set it up?", abort=True, err=True)
    found: Found = finish(SetUp(plan), as_json)
    if not as_json:
        _print(f"{name}  {_state(found)}")


@environments_group.command("check")
@NAME
def check_command(name: str) -> None:
    """Start an environment's Python and import its packages."""
    environment = named(name)
    versions = finish(Checking(environment))
    _print(f"It works: {len(versions)} packages, PyTorch {versions.get('torch', '?')}.")
    if find(environment).state == "outdated":
        show.errors.print(f"Newer versions are pinned now. Renew it: halfbyte environments set-up {name}")


@environments_group.command("remove")
@NAME
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def remove_command(name: str, yes: bool) -> None:
    """Remove an environment, and packages that were fetched and wait; models stay."""
    found = find(named(name))
    if not yes and found.state != "absent":
        click.confirm(f"Remove {found.folder} ({size(found.disk_bytes)})?", abort=True, err=True)
    remove(named(name))
    _print(f"{name}  {_state(find(named(name)))}")


def _row(found: Found) -> dict[str, object]:
    environment = found.environment
    return {
        "name": environment.name,
        "title": environment.title,
        "purpose": environment.purpose,
        "state": found.state,
        "folder": str(found.folder),
        "disk_bytes": found.disk_bytes,
        "about_download_bytes": environment.about_download_bytes,
        "about_disk_bytes": environment.about_disk_bytes,
        "made_at": found.made_at,
    }


def _state(found: Found) -> str:
    environment = found.environment
    about = f"{size(environment.about_download_bytes)} to fetch, {size(environment.about_disk_bytes)} on the disk"
    return {
        "absent": f"not set up (about {about})",
        "ready": f"ready, {size(found.disk_bytes)}",
        "outdated": f"works, {size(found.disk_bytes)}; newer versions are pinned: set it up again to renew it",
        "damaged": "damaged: set it up again",
    }[found.state]


def _print(line: str) -> None:
    show.output.print(line, highlight=False, markup=False, soft_wrap=True)
