"""``halfbyte convert``: one format or several of a model, in one run."""

from __future__ import annotations

from pathlib import Path

import click

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.cli import show
from engine.cli.library import json_option, open_library
from engine.cli.run import finish
from engine.convert.plan import PLAIN, Options, Plan, plan, plan_together
from engine.convert.recipes import RECIPES, override
from engine.convert.run import Conversions
from engine.errors import Refused

DEFAULT_FORMAT = "gguf-q4_k_m"
COMPUTED = "auto"


@click.command("convert")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-f",
    "--format",
    "formats",
    multiple=True,
    default=(DEFAULT_FORMAT,),
    show_default=True,
    help="Format to make: an id (gguf-q4_k_m) or a level (q4_k_m). Give it several times to make several in one run.",
)
@click.option("--output", type=click.Path(path_type=Path), help="File to write. [default: into the library]")
@click.option("--imatrix", help="“auto” computes an importance matrix; or a file that llama-imatrix or Halfbyte wrote.")
@click.option(
    "--calibrate-on",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Text to compute the importance matrix on. [default: the texts that come with Halfbyte]",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="WHAT[=TYPE]",
    help="Keep embeddings, output, attention or tensors of a name at a better type: embeddings, ffn_down=Q6_K.",
)
@json_option
def convert_command(
    folder: Path,
    formats: tuple[str, ...],
    output: Path | None,
    imatrix: str | None,
    calibrate_on: tuple[Path, ...],
    keep: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make GGUF files of a Hugging Face model FOLDER (or of a GGUF file, at other levels)."""
    if output and len(formats) > 1:
        raise click.UsageError("--output names one file; several formats go into the library.")
    library = open_library()
    source = library.find(str(folder))
    plans = _plans(
        source, [_format_id(name) for name in formats], output, library, _options(imatrix, calibrate_on, keep)
    )
    obstacles = dict.fromkeys(obstacle for todo in plans for obstacle in todo.obstacles)
    if obstacles:
        raise Refused(" ".join(obstacles), "Nothing was written.")
    made = finish(Conversions(plans), as_json)
    if as_json:
        show.as_json(made[0] if len(made) == 1 else made)
    else:
        for checkpoint in made:
            show.converted(checkpoint)


def _options(imatrix: str | None, calibrate_on: tuple[Path, ...], keep: tuple[str, ...]) -> Options:
    if calibrate_on and imatrix not in (None, COMPUTED):
        raise click.UsageError("--calibrate-on is for an importance matrix that is computed: --imatrix auto.")
    given = Path(imatrix).expanduser().absolute() if imatrix and imatrix != COMPUTED else None
    computes = imatrix == COMPUTED or bool(calibrate_on)
    texts = tuple(text.expanduser().absolute() for text in calibrate_on)
    return Options(given, computes, texts, tuple(map(override, keep)))


def _format_id(name: str) -> str:
    """Return the id of a format that is given by its id or by its level alone."""
    lowered = name.lower()
    return f"gguf-{lowered}" if f"gguf-{lowered}" in RECIPES else lowered


def _plans(
    source: Checkpoint, format_ids: list[str], output: Path | None, library: Library, options: Options
) -> tuple[Plan, ...]:
    """Return a plan for each format; one that is there already, made in the same way, is not made again."""
    ids = list(dict.fromkeys(format_ids))
    several = len(ids) > 1
    plans = [
        plan(source.path, one, output or library.target(source, one), library, _fitting(options, one, source, several))
        for one in ids
    ]
    todo = [one for one in plans if len(plans) == 1 or not one.target.exists()]
    for one in plans:
        if one not in todo:
            show.errors.print(f"{one.target.name} is there already and stays as it is.", soft_wrap=True)
    if not todo:
        raise Refused("All of them are there already.", "Delete those that you want to make again.")
    return plan_together(todo)


def _fitting(options: Options, format_id: str, source: Checkpoint, several: bool) -> Options:
    """Return the options of one format among ``several``: what the converter writes alone takes none."""
    recipe = RECIPES.get(format_id)
    direct = recipe is not None and not recipe.intermediate and source.path.is_dir()
    return PLAIN if several and direct else options
