"""The plan of a conversion: what it will make, what it takes, and everything that stands in its way, all at once.

Made from headers alone, in the caller's process, before a byte is written.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine import settings
from engine.catalog.library import Library
from engine.convert import estimates, extras, toolchain
from engine.convert.estimates import Needs
from engine.convert.extras import Wanted
from engine.convert.packed import refused_levels
from engine.convert.places import fetching_problems, room_problems, text_problems, write_problems
from engine.convert.recipes import FOR_FEW_VALUES, NEED_IMATRIX, Recipe, recipe_for
from engine.convert.source import Source, inspect
from engine.errors import DiskFull, EngineError, NotFound, Refused
from engine.formats import Format, format_named
from engine.machine import cpu, disks
from engine.machine.sources import Live
from engine.machine.unavailable import Unavailable

# Families whose published tokenizers were converted, and parted hundreds of texts as the original library does but for
# what ``PARTED_OTHERWISE`` says (tests/cases/convert/real_tokenizers.json).
VERIFIED_TOKENIZERS = frozenset(
    {"deepseek_v3", "gemma3", "gemma3_text", "gpt_oss", "llama", "mistral", "mixtral", "qwen3", "qwen3_moe"}
)
PARTED_OTHERWISE = {
    "gpt_oss": "words with combining marks, as in Hindi, Thai or Arabic with vowel signs",
    "qwen3": "letters whose accents are written as characters of their own",
    "qwen3_moe": "letters whose accents are written as characters of their own",
}
# Their ``ssm_a`` is an exponential, whose last bit torch's vector kernels round in another way (architectures.json).
ROUNDED_OTHERWISE = frozenset({"mamba", "falcon_mamba", "jamba"})


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may choose besides the format.

    ``imatrix`` is an importance matrix that is there; with ``computes_importance`` one is computed, on the texts
    ``calibration`` or, where there are none, on those that come with Halfbyte. ``overrides`` are those of a recipe.
    ``wanted`` is what is done besides. ``own_words`` is the seed of text that the model writes itself and learns from,
    in place of texts; ``None``: it writes none.
    """

    imatrix: Path | None = None
    computes_importance: bool = False
    calibration: tuple[Path, ...] = ()
    overrides: tuple[tuple[str, str], ...] = ()
    wanted: Wanted = Wanted()  # noqa: RUF009 (frozen)
    own_words: int | None = None


PLAIN = Options()


@dataclass(frozen=True, slots=True)
class Plan:
    """What :class:`engine.convert.run.Conversion` carries out.

    ``output_type`` is what llama.cpp's converter is to write (``bf16``), "" where the source is a GGUF file. ``needs``
    is ``None`` where the model could not be read. ``problems`` are errors, each with its next step; ``notes`` are
    sentences that do not stop anything. ``projector`` is the file for the part of the model that reads pictures or
    sound; ``None`` where it has none, or where that file is there. ``compares``: whether result and original read a
    text; ``twin`` is what is made for a while to be compared, too: the same without its importance matrix.
    """

    source: Source
    recipe: Recipe | None
    target: Path
    library: Library
    output_type: str
    threads: int
    needs: Needs | None
    problems: tuple[EngineError, ...]
    notes: tuple[str, ...]
    options: Options = PLAIN
    projector: Path | None = None
    compares: bool = False
    twin: Recipe | None = None

    @property
    def format(self) -> Format | None:
        return format_named(self.recipe.format_id) if self.recipe else None

    @property
    def makes(self) -> str:
        """Return what it is called that is made: the format, or the file where that is not known."""
        return self.format.label if self.format else self.target.name

    @property
    def imatrix(self) -> Path | None:
        return self.options.imatrix

    @property
    def calibration(self) -> tuple[Path, ...]:
        return self.options.calibration

    @property
    def computes_importance(self) -> bool:
        """Whether the model is run to learn which of its weights matter."""
        return self.options.computes_importance and self.quantizes

    @property
    def quantizes(self) -> bool:
        """Whether the quantizer has a part in it."""
        return self.recipe is not None and extras.quantizes(self.source, self.recipe)

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Why not, in words; empty if it can begin."""
        return tuple(f"{problem.message} {problem.hint}".strip() for problem in self.problems)


def plan(source: Path, format_id: str, target: Path, library: Library | None = None, options: Options = PLAIN) -> Plan:
    """Plan to make ``format_id`` of a model's folder (or of a GGUF file) into the file ``target``.

    Nothing is raised and nothing written: what is wrong is in :attr:`Plan.problems`.
    """
    return plan_for(inspect(source), format_id, target, library, options)


def plan_for(
    looked_at: Source, format_id: str, target: Path, library: Library | None = None, options: Options = PLAIN
) -> Plan:
    """Plan as :func:`plan` does, for a source that was looked at already: it may still be on the Hub."""
    problems = list(looked_at.problems)
    recipe = None
    try:
        recipe = _with_options(recipe_for(format_id), options)
    except Refused as error:
        problems.append(error)
    target = target.expanduser().absolute()
    problems += _target_problems(looked_at, target)
    threads = _threads()
    chosen = extras.Extras()
    problems += _option_problems(recipe, options, looked_at)
    if recipe and looked_at.facts:
        chosen = extras.choose(looked_at, looked_at.facts, recipe, options.wanted, threads, target)
        problems += [*_same_level(looked_at, recipe), *refused_levels(looked_at.is_mxfp4, recipe.level)]
        problems += room_problems(chosen.needs, target) if chosen.needs else ()
    elif looked_at.afar:
        problems += fetching_problems(looked_at.afar.fetched_bytes, target)
    return Plan(
        looked_at,
        recipe,
        target,
        library or Library(settings.load().models_folder),
        extras.output_type(looked_at, recipe) if recipe else "",
        threads,
        chosen.needs,
        tuple(problems),
        (*_notes(looked_at, recipe), *chosen.notes),
        options,
        _projector(looked_at, target),
        chosen.compares,
        chosen.twin,
    )


def plan_together(plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """Return plans that are carried out in one run, without what there is no room for besides all of them.

    What they need of a disk together is the first one's problem.
    """
    folder = disks.existing(plans[0].target.parent)
    free_bytes = shutil.disk_usage(folder).free
    if len(plans) < 2 or any(plan.problems for plan in plans) or free_bytes >= together_bytes(plans):
        return tuple(plans)
    plans = tuple(map(_only_made, plans))
    if free_bytes >= together_bytes(plans):
        return plans
    full = DiskFull(together_bytes(plans), free_bytes, str(folder))
    return (replace(plans[0], problems=(full,)), *plans[1:])


def together_bytes(plans: Sequence[Plan]) -> int:
    """Return what plans that are carried out in one run need of a disk: the file that can be run is made once."""
    needs = [plan.needs for plan in plans if plan.needs]
    afar = plans[0].source.afar
    twice_bytes = (len(needs) - 1) * afar.fetched_bytes if afar else 0  # what is fetched is fetched once
    own_bytes = sum(each.disk_bytes - each.shared_bytes for each in needs)
    return own_bytes + max((each.shared_bytes for each in needs), default=0) - max(0, twice_bytes)


def _only_made(planned: Plan) -> Plan:
    """Return a plan without what its maker did not ask for."""
    assert planned.recipe
    wanted = planned.options.wanted
    asked = Wanted(bool(wanted.comparison), bool(wanted.gain))
    options = replace(planned.options, wanted=asked)
    return plan_for(planned.source, planned.recipe.format_id, planned.target, planned.library, options)


def _projector(source: Source, target: Path) -> Path | None:
    """Return the name of a projector, by which llama.cpp's tools know one: the levels of a model share it."""
    file = target.with_name(f"mmproj-{source.path.name}-F16.gguf")
    return file if source.projector_bytes and not file.exists() else None


def _with_options(recipe: Recipe, options: Options) -> Recipe:
    computed = "computed" if options.own_words is None else "written"
    imatrix = "given" if options.imatrix else computed if options.computes_importance else ""
    return replace(recipe, imatrix=imatrix, overrides=options.overrides)


def _option_problems(recipe: Recipe | None, options: Options, source: Source) -> Iterator[EngineError]:
    if recipe is None:
        return
    direct = not recipe.intermediate and not source.is_gguf
    if direct and (options.overrides or options.imatrix):
        yield Refused(
            f"{recipe.level} is written by the converter alone, without overrides and importance.",
            "Choose a quantized level such as Q4_K_M.",
        )
    if recipe.level in NEED_IMATRIX and not recipe.imatrix:
        yield Refused(
            f"{recipe.level} needs an importance matrix: without one it would be garbage.",
            "Let Halfbyte compute one (--imatrix auto), or choose a level of three bits or more.",
        )
    if options.imatrix and not options.imatrix.is_file():
        yield NotFound(str(options.imatrix))
    yield from text_problems(options.calibration)


def _bits(recipe: Recipe) -> float:
    row = format_named(recipe.format_id)
    return row.bits if row else 0.0


def _target_problems(source: Source, target: Path) -> Iterator[EngineError]:
    if target.suffix != ".gguf":
        yield Refused(f"{target.name} is no name of a GGUF file.", "Give it a name that ends in .gguf.")
    if target.exists():
        same = source.path.exists() and target.samefile(source.path)
        what = "is the model that is to be converted" if same else "exists already"
        yield Refused(f"{target} {what}.", "Choose another name, or delete that file first.")
    yield from write_problems(target)


def _same_level(source: Source, recipe: Recipe) -> Iterator[EngineError]:
    if not source.is_gguf or source.facts is None:
        return
    if source.facts.format_id == recipe.format_id:
        yield Refused(f"{source.path.name} is {recipe.level} already.", "Choose another format.")
    elif source.facts.format_id == "gguf-q8_0" and _bits(recipe) > 8.5:
        yield Refused(
            f"{source.path.name} is Q8_0; at {recipe.level} it would only be larger.", "Choose a smaller format."
        )


def _notes(source: Source, recipe: Recipe | None) -> Iterator[str]:
    facts = source.facts
    if facts is None or recipe is None:
        return
    yield from () if list(refused_levels(source.is_mxfp4, recipe.level)) else source.notes
    if estimates.widened(facts, recipe.level):
        yield (
            f"Rows of this model are no multiple of 256, so parts of it take a wider type than {recipe.level}: "
            f"about {estimates.bits_per_weight(facts, recipe.level):.1f} bits per weight."
        )
    if recipe.level in FOR_FEW_VALUES:
        yield f"{recipe.level} is for models that were trained with such weights; any other model loses its mind in it."
    if recipe.level == "MXFP4_MOE" and not facts.experts:
        yield "This model has no experts: as MXFP4_MOE all of it becomes Q8_0."
    if not source.is_gguf and source.family not in VERIFIED_TOKENIZERS:
        yield (
            f"Models of the family “{source.family}” were tried with made-up weights and tokenizers only. "
            "Keep the original until you have chatted with the result."
        )
    if not source.is_gguf and (what := PARTED_OTHERWISE.get(source.family)):
        yield f"llama.cpp reads {what}, in other tokens than the original does."
    if not source.is_gguf and source.family in ROUNDED_OTHERWISE and not toolchain.real_torch():
        yield (
            "Without torch, some numbers of the tensors “ssm_a” differ in their last bit from those that "
            "llama.cpp's own script writes with torch."
        )
    if source.projector_bytes:
        yield (
            "This model also reads pictures or sound. That part of it is written beside it, as a file whose name "
            "begins with “mmproj”."
        )
    if not facts.chat_template:
        yield "This model has no chat template: it continues text and was not made to chat."


def _threads() -> int:
    """Return the physical cores that may be used: more threads than those only hinder each other."""
    try:
        return max(1, cpu.read(Live()).usable_physical_cores)
    except Unavailable:
        return 1
