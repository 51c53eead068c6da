"""What a person chooses of how a format is made, and the conversions that wait for their turn. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from engine.convert.extras import Wanted
from engine.convert.folders.plan import FolderOptions, FolderPlan
from engine.convert.folders.recipes import FOLDER_RECIPES
from engine.convert.plan import Options, Plan
from engine.convert.recipes import HEEDLESS, NEED_IMATRIX, RECIPES

LearnsFrom = Literal["ours", "files", "conversations", "itself"]


@dataclass(frozen=True, slots=True)
class Manner:
    """``importance``: a matrix is computed. ``learns_from`` says on which text, for GPTQ and AWQ too.

    Those learn from so many ``samples`` of ``sample_tokens`` each; 0: the usual number.
    """

    importance: bool = False
    learns_from: LearnsFrom = "ours"
    files: tuple[Path, ...] = ()
    compares: bool = True
    samples: int = 0
    sample_tokens: int = 0

    @property
    def options(self) -> Options:
        wanted = Wanted() if self.compares else Wanted(comparison=False, gain=False)
        own_words = self._own_words if self.importance else None
        return Options(None, self.importance, self._texts, wanted=wanted, own_words=own_words)

    @property
    def folder_options(self) -> FolderOptions:
        return FolderOptions(self._texts, self.samples, self._own_words, self.sample_tokens)

    @property
    def _own_words(self) -> int | None:
        """The seed of what the model writes itself: always the same, so that a conversion can be made again."""
        return 0 if self.learns_from == "itself" else None

    @property
    def _texts(self) -> tuple[Path, ...]:
        return self.files if self.learns_from == "files" else ()


def takes_importance(format_id: str) -> bool:
    """Tell whether an importance matrix makes a difference to a format."""
    recipe = RECIPES.get(format_id)
    return recipe is not None and recipe.level not in HEEDLESS


def needs_importance(format_id: str) -> bool:
    recipe = RECIPES.get(format_id)
    return recipe is not None and recipe.level in NEED_IMATRIX


def is_calibrated(format_id: str) -> bool:
    """Tell whether a format is made by running the model on a text, with or without importance matrix."""
    recipe = FOLDER_RECIPES.get(format_id)
    return recipe is not None and recipe.calibrates


@dataclass(frozen=True, slots=True)
class Waiting:
    """A conversion that was asked for. ``number`` tells it from others, in the order of asking."""

    number: int
    plan: Plan | FolderPlan
    manner: Manner

    @property
    def title(self) -> str:
        return f"{self.plan.source.path.name} → {self.plan.makes}"

    @property
    def format_id(self) -> str:
        assert self.plan.recipe
        return self.plan.recipe.id


@dataclass(frozen=True, slots=True)
class Line:
    """Those that wait, the next one first."""

    waiting: tuple[Waiting, ...] = ()

    def adding(self, one: Waiting) -> Line:
        return Line((*self.waiting, one))

    def without(self, number: int) -> Line:
        return replace(self, waiting=tuple(one for one in self.waiting if one.number != number))

    def moving(self, number: int, by: int) -> Line:
        """Return the line with one of them moved up (-1) or down (1); at an end it stays where it is."""
        order = list(self.waiting)
        place = next((index for index, one in enumerate(order) if one.number == number), -1)
        if place >= 0 and 0 <= place + by < len(order):
            order.insert(place + by, order.pop(place))
        return Line(tuple(order))

    def has(self, target: Path, also: Sequence[Path] = ()) -> bool:
        """Tell whether a file is on its way already."""
        return target in (*also, *(one.plan.target for one in self.waiting))
