"""What is measured and how, as frozen values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from engine.texts import Text, texts


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """How a model is measured.

    Quality: ``tokens`` of the texts are read in windows of ``window_tokens`` (spread evenly over each text), and the
    second half of each window is scored; 0 reads the texts whole. Speed: ``repeats`` times a prompt of
    ``prompt_tokens`` and then an answer of ``answer_tokens``; 0 repeats leave it out. ``budget_s`` ends the repeats
    early on a slow machine, but not before two. ``gpu_layers``, ``threads`` and ``weights_as`` as for loading.
    """

    tokens: int = 10_240
    window_tokens: int = 512
    repeats: int = 5
    prompt_tokens: int = 512
    answer_tokens: int = 128
    budget_s: float = 120.0
    context_tokens: int = 4096
    threads: int = 0
    gpu_layers: int = -1
    weights_as: str = ""

    def quick(self) -> MeasureOptions:
        """Return what suffices to rank levels: 4,000 tokens and three shorter repeats."""
        return replace(self, tokens=4096, repeats=3, prompt_tokens=256, answer_tokens=48, budget_s=30.0)

    def quality_record(self) -> dict[str, Any]:
        """Return the settings that the quality depends on, without the model's own format."""
        return {"tokens": self.tokens, "window_tokens": self.window_tokens, "gpu_layers": self.gpu_layers}

    def speed_record(self) -> dict[str, Any]:
        """Return the settings that speed and memory depend on, without the model's own format."""
        record = asdict(self)
        return {name: value for name, value in record.items() if name not in ("tokens", "window_tokens", "weights_as")}


def default_texts() -> tuple[Text, ...]:
    """Return the texts that quality is measured with: all kinds, in turn."""
    return texts("measure")
