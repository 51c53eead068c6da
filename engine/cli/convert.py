"""``halfbyte convert``: one format or several of a model, in one run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.download.plan import plan_download
from engine.catalog.find import ReadingFacts, looking_up
from engine.catalog.hub.client import Hub
from engine.catalog.library import Library
from engine.chat.export.words import NAME, words_file
from engine.cli import show
from engine.cli.convert_plan import refuse_what_is_in_the_way, tell_plans
from engine.cli.library import called, json_option, named, open_library
from engine.cli.run import finish
from engine.convert.extras import Wanted
from engine.convert.folders.plan import FolderOptions, FolderPlan, folder_plan, target_of
from engine.convert.folders.recipes import (
    AUTOAWQ,
    FOLDER_RECIPES,
    LEAST_SAMPLE_TOKENS,
    LEAST_SAMPLES,
    MOST_SAMPLE_TOKENS,
    MOST_SAMPLES,
    SAMPLE_TOKENS,
    SAMPLES,
)
from engine.convert.folders.run import FolderConversion
from engine.convert.from_hub import FromHub, plans_from_hub
from engine.convert.plan import PLAIN, Options, Plan, plan, plan_together
from engine.convert.recipes import RECIPES, override
from engine.convert.run import Conversions
from engine.convert.vocabulary import VocabularyCheck, VocabularyOnHub, can_be_checked, with_vocabulary
from engine.errors import AccessNeeded, NotFound, Refused
from engine.formats import format_named
from engine.quantities import size

DEFAULT_FORMAT = "gguf-q4_k_m"
COMPUTED = "auto"
ITSELF = "itself"
SHORT = {"nf4": "bnb-nf4", "int8": "bnb-int8", "awq": "awq-int4-g128", "gptq": "gptq-int4-g128"}
SHORT["awq-autoawq"] = AUTOAWQ.id


@click.command("convert")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-f",
    "--format",
    "formats",
    multiple=True,
    default=(DEFAULT_FORMAT,),
    show_default=True,
    help="Format to make: an id (gguf-q4_k_m), a level (q4_k_m), or nf4, int8, gptq, awq, "
    "awq-autoawq (with AutoAWQ, in an environment of its own). "
    "Give it several times to make several in one run.",
)
@click.option("--output", type=click.Path(path_type=Path), help="File or folder to write. [default: into the library]")
@click.option("--imatrix", help="“auto” computes an importance matrix; or a file that llama-imatrix or Halfbyte wrote.")
@click.option(
    "--calibrate-on",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Text for the importance matrix, GPTQ and AWQ: a file, “conversations” for what you said here and were "
    "answered, which stays on this machine, or “itself” for text that the model writes first. "
    "[default: the texts that come with Halfbyte]",
)
@click.option(
    "--seed", type=click.IntRange(0), help="For --calibrate-on itself: the same seed writes the same text. [default: 0]"
)
@click.option(
    "--samples",
    type=click.IntRange(LEAST_SAMPLES, MOST_SAMPLES),
    default=SAMPLES,
    show_default=True,
    help="Samples to calibrate GPTQ and AWQ on.",
)
@click.option(
    "--sample-tokens",
    type=click.IntRange(LEAST_SAMPLE_TOKENS, MOST_SAMPLE_TOKENS),
    default=SAMPLE_TOKENS,
    show_default=True,
    help="Tokens of each sample.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="WHAT[=TYPE]",
    help="Keep embeddings, output, attention or tensors of a name at a better type: embeddings, ffn_down=Q6_K.",
)
@click.option(
    "--compare/--no-compare",
    default=None,
    help="Compare the result's answers with the original's, which takes a file of all its precision for a while. "
    "[default: where there is room for it]",
)
@click.option(
    "--gain/--no-gain",
    default=None,
    help="With an importance matrix, make and compare each format without it, too, to tell what it gains. "
    "[default: where there is room for it]",
)
@click.option(
    "--plan", "only_plan", is_flag=True, help="Only say what would be made, what it takes and what is in the way."
)
@json_option
def convert_command(
    folder: Path,
    formats: tuple[str, ...],
    output: Path | None,
    imatrix: str | None,
    calibrate_on: tuple[Path, ...],
    seed: int | None,
    samples: int,
    sample_tokens: int,
    keep: tuple[str, ...],
    compare: bool | None,
    gain: bool | None,
    only_plan: bool,
    as_json: bool,
) -> None:
    """Make GGUF files of a Hugging Face model FOLDER (or of a GGUF file, at other levels).

    NF4, INT8 (bitsandbytes), GPTQ and AWQ (GPTQModel) are folders, for NVIDIA cards; vLLM serves GPTQ and AWQ.

    FOLDER may be the name of a repository (owner/model): what is not here yet is fetched from the Hub first.
    """
    if output and len(formats) > 1:
        raise click.UsageError("--output names one file; several formats go into the library.")
    library, format_ids = open_library(), [_format_id(name) for name in formats]
    folder_ids = [one for one in format_ids if one in FOLDER_RECIPES]
    gguf_ids = [one for one in format_ids if one not in FOLDER_RECIPES]
    if calibrate_on and imatrix not in (None, COMPUTED):
        raise click.UsageError("--calibrate-on is for an importance matrix that is computed: --imatrix auto.")
    own_words, calibrate_on = _own_words(calibrate_on, seed)
    source = _here(library, folder)
    with ExitStack() as stack:
        texts = tuple(_text(name, stack) for name in calibrate_on)
        options = _options(imatrix, texts, keep, Wanted(compare, gain), own_words)
        if source is None:
            if output or folder_ids:
                raise click.UsageError(f"Fetch the model first: halfbyte get {folder.as_posix()}")
            made = _from_hub(folder.as_posix(), gguf_ids, options, library, only_plan, as_json)
        else:
            of_folders = FolderOptions(texts, samples, own_words, sample_tokens)
            folder_plans = [
                folder_plan(source.path, one, output or target_of(library, source, one), library, of_folders)
                for one in dict.fromkeys(folder_ids)
            ]
            plans = _plans(source, gguf_ids, output, library, options) if gguf_ids else ()
            made = _from_here((*plans, *folder_plans), only_plan, as_json)
    if as_json:
        show.as_json(made[0] if len(made) == 1 else made)
    else:
        for checkpoint in made:
            show.converted(checkpoint, called(library, checkpoint))


def _own_words(names: tuple[Path, ...], seed: int | None) -> tuple[int | None, tuple[Path, ...]]:
    """Return the seed of text that the model writes itself, ``None`` for none, and the other texts to calibrate on."""
    others = tuple(name for name in names if name.as_posix() != ITSELF or name.exists())
    if len(others) == len(names):
        if seed is not None:
            raise click.UsageError("--seed is for --calibrate-on itself.")
        return None, names
    if others:
        raise click.UsageError("--calibrate-on itself stands alone: the model writes all of the text.")
    return seed or 0, ()


def _text(name: Path, stack: ExitStack) -> Path:
    """Return a text to calibrate on; the conversations lie in a file as long as the stack."""
    own = name.as_posix() == NAME and not name.exists()
    return stack.enter_context(words_file()) if own else name.expanduser().absolute()


def _here(library: Library, folder: Path) -> Checkpoint | None:
    """Return the model to convert; ``None`` for one that is not here and that the Hub may have."""
    try:
        return library.find(named(str(folder)))
    except NotFound:
        if folder.is_absolute() or len(folder.parts) != 2 or folder.suffix == ".gguf":
            raise
        return None


def _from_here(todo: tuple[Plan | FolderPlan, ...], only_plan: bool, as_json: bool) -> tuple[Checkpoint, ...]:
    plans: Sequence[Plan] = [each for each in todo if isinstance(each, Plan)]
    if only_plan:
        if can_be_checked(plans):
            plans = with_vocabulary(plans, finish(VocabularyCheck(plans[0].source.path)))
        tell_plans((*plans, *(each for each in todo if isinstance(each, FolderPlan))), as_json)
    refuse_what_is_in_the_way(todo)
    made = finish(Conversions(plans), as_json) if plans else ()
    return (*made, *(finish(FolderConversion(each), as_json) for each in todo if isinstance(each, FolderPlan)))


def _from_hub(
    name: str, format_ids: Sequence[str], options: Options, library: Library, only_plan: bool, as_json: bool
) -> tuple[Checkpoint, ...]:
    """Fetch a repository's folder and convert it; what stands in the way is told before its weights are fetched."""
    ids = dict.fromkeys(format_ids)
    fitting = {one: _fitting(options, one, is_folder=True, several=len(ids) > 1) for one in ids}
    hub = Hub()
    looked_up = finish(looking_up(hub, name))
    reading = ReadingFacts(hub, looked_up)
    access, variants = None, looked_up.variants
    try:
        variants = finish(reading)
    except AccessNeeded as error:
        access = error
    folder = next((variant for variant in variants.all if not variant.entry), None)
    if folder is None:
        raise access or NotFound(f"A folder to convert in {name}", hint=f"See what it has: halfbyte show {name}")
    plans = plans_from_hub(looked_up.model, folder, reading.headers, format_ids, library, access, fitting)
    if can_be_checked(plans):
        plans = with_vocabulary(plans, finish(VocabularyOnHub(hub, looked_up.model, folder.files)))
    if only_plan:
        tell_plans(plans, as_json)
    refuse_what_is_in_the_way(plans)
    fetched = plan_download(looked_up.model, folder.files, endpoint=hub.endpoint, format_id=folder.format_id)
    show.errors.print(f"{folder.title}: {size(fetched.size_bytes)} at {looked_up.model.commit[:8]}")
    return finish(FromHub(fetched, format_ids, hub, library, fitting), as_json)


def _options(
    imatrix: str | None, texts: tuple[Path, ...], keep: tuple[str, ...], wanted: Wanted, own_words: int | None
) -> Options:
    given = Path(imatrix).expanduser().absolute() if imatrix and imatrix != COMPUTED else None
    computes = imatrix == COMPUTED or bool(texts) or own_words is not None
    return Options(given, computes, texts, tuple(map(override, keep)), wanted, own_words)


def _format_id(name: str) -> str:
    """Return the id of a format that is given by its id or by its level alone. Raises :class:`Refused` for others."""
    lowered = SHORT.get(name.lower(), name.lower())
    found = f"gguf-{lowered}" if f"gguf-{lowered}" in RECIPES else lowered
    if found not in FOLDER_RECIPES and format_named(found) is None:
        levels = ", ".join(one.removeprefix("gguf-") for one in RECIPES)
        raise Refused(f"“{name}” is no format.", f"Choose one of: {', '.join(SHORT)}, {levels}.")
    return found


def _plans(
    source: Checkpoint, format_ids: list[str], output: Path | None, library: Library, options: Options
) -> tuple[Plan, ...]:
    """Return a plan for each format; one that is there already, made in the same way, is not made again."""
    ids = list(dict.fromkeys(format_ids))
    several = len(ids) > 1
    plans = [
        plan(
            source.path,
            one,
            output or library.target(source, one),
            library,
            _fitting(options, one, is_folder=source.path.is_dir(), several=several),
        )
        for one in ids
    ]
    todo = [one for one in plans if len(plans) == 1 or not one.target.exists()]
    for one in plans:
        if one not in todo:
            show.errors.print(f"{one.target.name} is there already and stays as it is.", soft_wrap=True)
    if not todo:
        raise Refused("All of them are there already.", "Delete those that you want to make again.")
    return plan_together(todo)


def _fitting(options: Options, format_id: str, *, is_folder: bool, several: bool) -> Options:
    """Return the options of one format among ``several``: what the converter writes alone takes none."""
    recipe = RECIPES.get(format_id)
    direct = recipe is not None and not recipe.intermediate and is_folder
    return PLAIN if several and direct else options
