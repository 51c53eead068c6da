"""``halfbyte data``: what the app keeps on this computer, and the way to be rid of it."""

from __future__ import annotations

import click

from engine import settings
from engine.cli import show
from engine.cli.library import json_option
from engine.errors import Refused
from engine.paths import erase, file_sizes, folders, own
from engine.quantities import size


@click.group("data", invoke_without_command=True)
@click.pass_context
def data_group(context: click.Context) -> None:
    """Show the folders that Halfbyte keeps, or delete all of them. Removing the app itself leaves them."""
    if not context.invoked_subcommand:
        context.invoke(list_command)


@data_group.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List the folders and what they take."""
    taken = _taken()
    if as_json:
        show.as_json([{"folder": folder, "taken_bytes": taken_bytes} for folder, taken_bytes in taken.items()])
        return
    for folder, taken_bytes in taken.items():
        show.output.print(f"{size(taken_bytes):>9}  {folder}", highlight=False, soft_wrap=True)


@data_group.command("delete")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete_command(yes: bool) -> None:
    """Delete models, conversations, settings, caches and logs. A models folder that you put elsewhere stays."""
    taken = _taken()
    models = settings.load().models_folder
    for folder, taken_bytes in taken.items():
        show.errors.print(f"{size(taken_bytes):>9}  {folder}", highlight=False, soft_wrap=True)
    if not models.is_relative_to(folders().data):
        show.errors.print(f"Stays: {models}", highlight=False, soft_wrap=True)
    if not taken:
        show.errors.print("Nothing is there.")
        return
    if not yes:
        click.confirm(f"Delete {size(sum(taken.values()))} for good? Close the window first", abort=True, err=True)
    left = erase(folders())
    if left:
        names = ", ".join(map(str, left))
        raise Refused(f"Not everything could be deleted in {names}.", "Close Halfbyte, then try again.")


def _taken() -> dict[str, int]:
    """Return the bytes of each folder that is there; one inside another counts in both only once."""
    found = own(folders())
    return {str(folder): sum(file_sizes(folder, set(found) - {folder})) for folder in found}
