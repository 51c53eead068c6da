"""The recipes of formats that are folders. A recipe is a value; it goes into the record of what was made with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from engine.formats import FORMATS

Maker = Literal["bitsandbytes", "gptqmodel", "autoawq"]

# Both papers calibrate with 128 samples (GPTQ, arXiv 2210.17323, section 4; AWQ, arXiv 2306.00978, section 5.1).
SAMPLES, SAMPLE_TOKENS = 128, 512
FEW_SAMPLES = 32  # with fewer, a result that is too far from its original is no surprise
# What a person may choose: with fewer nothing is learnt, and more are not kept on any card.
LEAST_SAMPLES, MOST_SAMPLES = 4, 2048
LEAST_SAMPLE_TOKENS, MOST_SAMPLE_TOKENS = 64, 4096

PACKAGES: dict[Maker, tuple[str, ...]] = {
    "bitsandbytes": ("torch", "transformers", "accelerate", "safetensors", "bitsandbytes"),
    "gptqmodel": ("torch", "transformers", "safetensors", "gptqmodel"),
    "autoawq": ("torch", "transformers", "safetensors", "autoawq"),
}


@dataclass(frozen=True, slots=True)
class FolderRecipe:
    """How to make a folder of packed weights.

    ``group``: how many weights of a row share a scale; 0 where the format knows no other. ``act_order``: columns are
    quantized by how strongly they are used (GPTQ's activation reordering), within groups that stay as they are.
    Calibrated with at most ``samples`` samples of ``sample_tokens`` tokens each, 0 for a format that needs none.
    ``environment`` has the packages that make it, where the app's own interpreter has not.
    """

    id: str
    format_id: str
    level: str
    maker: Maker
    group: int = 0
    act_order: bool = False
    samples: int = 0
    sample_tokens: int = 0
    environment: str = "cuda"

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> FolderRecipe:
        """Return a recipe as a record or the wire has it."""
        return cls(**record)

    @property
    def packages(self) -> tuple[str, ...]:
        """Return what its maker needs, by the names of the package index."""
        return PACKAGES[self.maker]

    @property
    def calibrates(self) -> bool:
        return self.samples > 0

    @property
    def goes_on(self) -> bool:
        """Tell whether its maker can go on after the last finished layer: GPTQModel refuses its own of AWQ (7.7.0)."""
        return self.maker == "gptqmodel" and self.format_id.startswith("gptq")


def _recipe(format_id: str, maker: Maker, *, group: int = 0, act_order: bool = False) -> FolderRecipe:
    row = FORMATS[format_id]
    calibrated = (SAMPLES, SAMPLE_TOKENS) if row.calibration_samples else (0, 0)
    return FolderRecipe(format_id, format_id, row.label, maker, group, act_order, *calibrated)


AUTOAWQ = replace(
    _recipe("awq-int4-g128", "autoawq", group=128),
    id="awq-int4-g128-autoawq",
    level="AWQ INT4 (AutoAWQ)",
    environment="autoawq",
)


FOLDER_RECIPES: dict[str, FolderRecipe] = {
    recipe.id: recipe
    for recipe in (
        _recipe("bnb-nf4", "bitsandbytes"),
        _recipe("bnb-int8", "bitsandbytes"),
        _recipe("gptq-int4-g128", "gptqmodel", group=128, act_order=True),
        _recipe("awq-int4-g128", "gptqmodel", group=128),
        AUTOAWQ,
    )
}
