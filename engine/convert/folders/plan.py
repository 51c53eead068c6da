"""The plan of a conversion to a folder format: what it will make and take, and everything that stands in its way.

Made from headers alone, in the caller's process, before a byte is written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engine import settings
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.headers.shards import INDEX, read_json
from engine.catalog.library import Library
from engine.convert.estimates import Needs
from engine.convert.folders.card_room import CardRoom, card_notes, card_problems, card_room
from engine.convert.folders.needs import needs
from engine.convert.folders.recipes import FOLDER_RECIPES, MOST_SAMPLE_TOKENS, FolderRecipe
from engine.convert.leftovers import left_bytes
from engine.convert.places import room_problems, text_problems, write_problems
from engine.convert.source import Source, inspect
from engine.environments.places import versions_here
from engine.errors import EngineError, PackageMissing, Refused, UnsupportedModel
from engine.formats import FORMATS, Format, ModelFacts
from engine.machine import nvidia
from engine.machine.facts import Gpu
from engine.recommend.weights import group_size, is_linear

ALONE = "model.safetensors"  # what transformers reads where there is no index
# GPTQModel 7.7.0, looper/awq_processor.py, and AutoAWQ 0.2.9, quantize/quantizer.py: _compute_best_clip
CLIPPED_ROWS, NEVER_CLIPPED = 64, ("attn_q.weight", "attn_k.weight", "attn_qkv.weight")
OWN_WORDS = "written by the model itself"


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """What a person may choose: texts to calibrate on (none: those of Halfbyte), how many samples of how many tokens.

    0 is the usual number. ``own_words`` is the seed of text that the model writes itself, in place of texts; ``None``:
    it writes none.
    """

    calibration: tuple[Path, ...] = ()
    samples: int = 0
    own_words: int | None = None
    sample_tokens: int = 0


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """What :class:`engine.convert.folders.run.FolderConversion` carries out; see :class:`engine.convert.plan.Plan`.

    ``card`` is the one that it is made on, ``None`` for the processor.
    """

    source: Source
    recipe: FolderRecipe
    target: Path
    library: Library
    needs: Needs | None
    problems: tuple[EngineError, ...]
    notes: tuple[str, ...]
    options: FolderOptions = FolderOptions()
    card: Gpu | None = None

    @property
    def format(self) -> Format:
        return FORMATS[self.recipe.format_id]

    @property
    def makes(self) -> str:
        """Return what it is called that is made: two recipes of one format differ in it."""
        return self.recipe.level

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Why not, in words; empty if it can begin."""
        return tuple(f"{problem.message} {problem.hint}".strip() for problem in self.problems)


def folder_plan(
    source: Path,
    recipe_id: str,
    target: Path,
    library: Library | None = None,
    options: FolderOptions = FolderOptions(),
) -> FolderPlan:
    """Plan to carry out ``recipe_id`` on a model's folder into the folder ``target``.

    Nothing is raised and nothing written: what is wrong is in :attr:`FolderPlan.problems`.
    """
    looked_at = inspect(source, to_gguf=False)
    recipe = with_options(FOLDER_RECIPES[recipe_id], options, looked_at.facts)
    target = target.expanduser().absolute()
    card = nvidia.freest()
    room = card_room(looked_at.facts, recipe, card) if looked_at.facts else None
    problems = [*looked_at.problems, *_source_problems(looked_at), *_package_problems(recipe)]
    problems += [
        *_target_problems(target),
        *text_problems(options.calibration),
    ]
    own_words = recipe.calibrates and options.own_words is not None
    needed = needs(looked_at, recipe, room, own_words) if looked_at.facts and looked_at.path.is_dir() else None
    if looked_at.facts:
        problems += width_problems(looked_at.facts, recipe)
    if needed:
        problems += [
            *room_problems(needed, target, left_bytes(target.parent)),
            *(card_problems(room) if room else ()),
        ]
    library = library or Library(settings.load().models_folder)
    notes = (*_notes(looked_at, recipe, room), *_cut_notes(recipe, options))
    notes += tuple(_writing_notes(room)) if own_words else ()
    return FolderPlan(looked_at, recipe, target, library, needed, tuple(problems), notes, options, card)


def target_of(library: Library, source: Checkpoint, recipe_id: str) -> Path:
    """Return where a result belongs; one of another maker of the same format gets a name of its own."""
    recipe = FOLDER_RECIPES[recipe_id]
    usual = library.target(source, recipe.format_id)
    return usual.with_name(usual.name + recipe.id.removeprefix(recipe.format_id))


def with_options(recipe: FolderRecipe, options: FolderOptions, facts: ModelFacts | None) -> FolderRecipe:
    """Return the recipe as it is carried out: no sample is longer than the texts that the model was made for."""
    group = group_size(facts) if recipe.group and facts else recipe.group
    if not recipe.calibrates:
        return replace(recipe, group=group)
    longest = (facts and facts.trained_context) or MOST_SAMPLE_TOKENS
    tokens = min(options.sample_tokens or recipe.sample_tokens, longest)
    return replace(recipe, group=group, samples=options.samples or recipe.samples, sample_tokens=tokens)


def _source_problems(source: Source) -> Iterator[EngineError]:
    if source.is_gguf:
        yield Refused(
            f"{source.path.name} is a GGUF file: this format is made from the original model's folder.",
            "Fetch the original: halfbyte get owner/model.",
        )
    elif source.facts and not source.facts.format_id.startswith("plain-"):
        label = FORMATS[source.facts.format_id].label if source.facts.format_id in FORMATS else source.facts.format_id
        yield Refused(
            f"{source.path.name} is quantized already ({label}); quantizing it again would spoil it.",
            "Convert from the original model's folder.",
        )
    if not source.is_gguf and any(file.suffix != ".safetensors" for file in source.files):
        yield Refused(
            f"The weights of {source.path.name} are pickles, which could run any program when they are opened.",
            "Get this model as safetensors; most publishers have it.",
        )
    elif len(source.files) == 1 and source.files[0].name != ALONE and not (source.path / INDEX).is_file():
        yield Refused(
            f"transformers does not find weights that are called {source.files[0].name}.",
            f"Rename the file to {ALONE}.",
        )


def width_problems(facts: ModelFacts, recipe: FolderRecipe) -> Iterator[EngineError]:
    """Refuse widths that no group divides, and rows of which AWQ's makers find no whole batch to clip."""
    linear = [tensor for tensor in facts.tensors if is_linear(tensor)] if recipe.group else []
    uneven = next((tensor.shape[0] for tensor in linear if tensor.shape[0] % recipe.group), None)
    if uneven is not None:
        reason = (
            f"its width of {uneven:,} is no multiple of {recipe.group} weights, the smallest group of {recipe.level}."
        )
        yield UnsupportedModel(facts.architecture, recipe.level, reason)
    elif recipe.format_id.startswith("awq"):
        clipped = [tensor.shape[1] for tensor in linear if not tensor.name.endswith(NEVER_CLIPPED)]
        if rows := next((rows for rows in clipped if rows % CLIPPED_ROWS), None):
            reason = f"AWQ clips {CLIPPED_ROWS} rows at a time, of which {rows:,} is no multiple; GPTQ and NF4 take it."
            yield UnsupportedModel(facts.architecture, recipe.level, reason)


def _package_problems(recipe: FolderRecipe) -> Iterator[EngineError]:
    missing = [name for name, version in versions_here(recipe.environment, recipe.packages).items() if not version]
    if missing:
        extra = {"bitsandbytes": "cuda", "gptqmodel": "gptq"}.get(recipe.maker, "")
        them = "them" if len(missing) > 1 else "it"
        yield PackageMissing(", ".join(missing), extra, f"{recipe.level} is made with {them}", recipe.environment)


def _target_problems(target: Path) -> Iterator[EngineError]:
    if target.exists():
        yield Refused(f"{target} exists already.", "Choose another name, or delete that folder first.")
    yield from write_problems(target)


def _cut_notes(recipe: FolderRecipe, options: FolderOptions) -> Iterator[str]:
    asked = options.sample_tokens or FOLDER_RECIPES[recipe.id].sample_tokens
    if recipe.sample_tokens < asked and recipe.calibrates:
        yield f"This model sees at most {recipe.sample_tokens:,} tokens: samples are cut down to that."


def _writing_notes(room: CardRoom | None) -> Iterator[str]:
    if room and room.offloads:
        yield (
            "The card does not hold this model, so it writes its text on the processor, which takes long. The texts "
            "that come with Halfbyte need no such step."
        )


def _notes(source: Source, recipe: FolderRecipe, room: CardRoom | None) -> Iterator[str]:
    plain = FOLDER_RECIPES[recipe.id]
    if room and source.facts:
        yield from card_notes(room, recipe, source.facts.layers)
    if not room:
        yield (
            f"{recipe.level} is for NVIDIA cards, and none was found here: it is made and runs on the processor, "
            "slowly. A GGUF file serves better on this computer."
        )
    if recipe.maker == "autoawq":
        yield (
            "AutoAWQ is no longer looked after since May 2025. “AWQ INT4” makes the same format with GPTQModel, "
            "which took its place."
        )
    if recipe.group != plain.group:
        yield (
            f"The widths of this model are no multiples of {plain.group}: groups of {recipe.group} weights "
            "share a scale, which makes the result a little larger and closer to the original."
        )
    if _brings_code(source):
        yield (
            "This model brings program code of its own, which Halfbyte never runs: it is made with the classes of "
            "transformers, and refused if those do not know it. The code is not copied."
        )
    if source.facts and not source.facts.chat_template:
        yield "This model has no chat template: it continues text and was not made to chat."


def _brings_code(source: Source) -> bool:
    with contextlib.suppress(EngineError):  # told already
        return "auto_map" in read_json(source.path / "config.json")
    return False
