"""The commands about what is kept: list it, verify it, delete it, move it, and use what lies elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.copying import CopyingIn
from engine.catalog.elsewhere import scanning, with_notes
from engine.catalog.fingerprint import Fingerprinting
from engine.catalog.moving.job import discard_move, moving
from engine.catalog.moving.plan import plan_move
from engine.catalog.notes import Notes
from engine.catalog.places import Places
from engine.catalog.removal import Removed, Removing, plan_removal
from engine.catalog.scan.merge import merged
from engine.catalog.starter import place_starter
from engine.cli import hub_commands, show
from engine.cli.library import called, json_option, keep_folder, named, open_library
from engine.cli.run import finish
from engine.errors import Refused
from engine.machine.probe import probe
from engine.quantities import size
from engine.recommend.here import why_not_here


@click.group("library", invoke_without_command=True)
@json_option
@click.pass_context
def library_group(context: click.Context, as_json: bool) -> None:
    """List the models that are here, those of other apps among them; or do something with one."""
    if context.invoked_subcommand:
        return
    library = open_library()
    own = library.entries()
    found = with_notes(finish(scanning(library.folder, library.summaries), as_json=False), Notes())
    if as_json:
        show.as_json({"folder": library.folder, "models": own, "elsewhere": found})
    else:
        models = merged([*own, *found])
        show.library(models)
        for reason, labels in _not_here(models).items():
            show.errors.print(f"{', '.join(labels)}: {reason}", soft_wrap=True, markup=False)
        show.errors.print(f"Folder: {library.folder}", soft_wrap=True)


def _not_here(models: Sequence[Checkpoint]) -> dict[str, list[str]]:
    """Return why this computer does not run some of the formats: labels by the reason. Only then is it looked at."""
    labels = {model.format_id: model.format.label for model in models if model.format}
    foreign = {format_id: label for format_id, label in labels.items() if not format_id.startswith("gguf-")}
    if not foreign:
        return {}
    machine, reasons = probe(measure_bandwidth=False), {}
    for format_id, label in sorted(foreign.items()):
        if reason := why_not_here(format_id, machine):
            reasons.setdefault(reason, []).append(label)
    return reasons


@library_group.command("delete")
@click.argument("model")
@click.option("--for-good", is_flag=True, help="Do not use the trash.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_command(model: str, for_good: bool, yes: bool) -> None:
    """Put MODEL into the system's trash."""
    library = open_library()
    plan = plan_removal(library.find(named(model)), library.folder, library.entries())
    if plan.why_no_trash and not for_good:
        raise Refused(plan.why_no_trash, "Delete it with --for-good.")
    for note in (*plan.notes, *(staying.reason for staying in plan.staying)):
        show.errors.print(note, soft_wrap=True, markup=False)
    where = "for good" if for_good else "to the trash"
    question = f"Delete {plan.checkpoint.name} {where} ({size(plan.freed_bytes)})?"
    if not yes and not click.confirm(question, err=True):
        raise click.Abort
    removed: Removed = finish(Removing(plan, for_good=for_good))
    show.output.print(f"{removed.checkpoint.name}: {size(removed.freed_bytes)}", soft_wrap=True, markup=False)


@library_group.command("move")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--plan", "only_plan", is_flag=True, help="Only say what would be done.")
@json_option
def move_command(folder: Path, only_plan: bool, as_json: bool) -> None:
    """Move all models to FOLDER, each file verified there before the old one goes. Ctrl+C leaves the old library whole;
    the same command goes on where it was.
    """
    library = open_library()
    plan = plan_move(library.folder, folder)
    how = "renamed on the same disk" if plan.same_disk else f"{size(plan.left_bytes)} to copy and verify"
    show.errors.print(f"{len(plan.files)} files, {size(plan.size_bytes)}; {how}.")
    if only_plan:
        return
    moved = finish(moving(library.folder, folder, keep_folder), as_json)
    if as_json:
        show.as_json(moved)
    else:
        show.output.print(f"The library is in {moved.target}.", soft_wrap=True, markup=False)


@library_group.command("stop-move")
def stop_move_command() -> None:
    """Give up a move that was stopped: what was copied is removed, the old library stays."""
    discard_move()


@library_group.command("add")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--copy", "copy", is_flag=True, help="Copy the model into the library instead.")
def add_command(path: Path, copy: bool) -> None:
    """Use the models in PATH, a folder or a file, where they lie."""
    if copy:
        library = open_library()
        made: Checkpoint = finish(CopyingIn(library.entry_at(path), library))
        show.converted(made, called(library, made))
        return
    Places().add(path)
    show.output.print(f"Noted: {path.absolute()}", soft_wrap=True, markup=False)


@library_group.command("forget")
@click.argument("path", type=click.Path(path_type=Path))
def forget_command(path: Path) -> None:
    """Look no more in PATH; nothing there is touched."""
    Places().remove(path.absolute())


@library_group.command("fingerprint")
@click.argument("model")
def fingerprint_command(model: str) -> None:
    """Note the SHA-256 of MODEL's files, so that it can be verified from now on."""
    for name, noted in finish(Fingerprinting(open_library().find(named(model)))).items():
        show.output.print(f"{noted['sha256']}  {name}", soft_wrap=True, markup=False)


@library_group.command("starter")
def starter_command() -> None:
    """Put the starter model into the library again after it was deleted."""
    library = open_library()
    made = place_starter(library, again=True)
    if made is None:
        raise Refused("This installation has no starter model.", "`halfbyte search` finds others.")
    show.converted(made, called(library, made))


library_group.add_command(hub_commands.verify_command)
