"""What several commands share: the person's library, and how a model is named on the command line."""

from __future__ import annotations

import click

from engine import settings
from engine.catalog.library import Library
from engine.catalog.starter import NAME as STARTER_NAME
from engine.catalog.starter import place_starter

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def open_library() -> Library:
    """Return the person's library, with the starter model in it where the installation has one."""
    library = Library(settings.load().models_folder)
    place_starter(library)
    return library


def named(name: str) -> str:
    """Return the name to look for: “starter” is short for the starter model's."""
    return STARTER_NAME if name == "starter" else name
