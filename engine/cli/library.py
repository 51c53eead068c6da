"""What several commands share: the person's library, and how a model is named on the command line."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from engine import settings
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.elsewhere import models_elsewhere
from engine.catalog.library import Library
from engine.catalog.moving.job import recover
from engine.catalog.starter import NAME as STARTER_NAME
from engine.catalog.starter import place_starter
from engine.catalog.summaries import Summaries
from engine.cli import show
from engine.errors import DiskFull, NotFound, Refused

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def open_library() -> Library:
    """Return the person's library, with the starter model in it where the installation has one.

    A name that is not in it is looked for in other apps as well.
    """
    recover(settings.load().models_folder, keep_folder)
    folder, summaries = settings.load().models_folder, Summaries()
    library = Library(folder, summaries, lambda: models_elsewhere(folder, summaries))
    try:
        place_starter(library)
    except DiskFull as error:  # what is asked for may need no room, or say itself how much it needs
        show.errors.print(f"The starter model is not placed. {error.message}", soft_wrap=True, markup=False)
    return library


def keep_folder(folder: Path) -> None:
    """Keep another models folder in the settings."""
    settings.save(settings.load().changed(models_folder=str(folder)))


def called(library: Library, made: Checkpoint) -> str:
    """Return what commands find a model by: its title, or its path where that is not in the library or not alone."""
    with contextlib.suppress(NotFound, Refused):
        if library.find(made.title).path == made.path:
            return made.title
    return str(made.path)


def named(name: str) -> str:
    """Return the name to look for: “starter” is short for the starter model's."""
    return STARTER_NAME if name == "starter" else name
