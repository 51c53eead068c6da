"""What earlier loads on a machine say about one format of a model in one context."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from engine.formats import Family
from engine.machine.facts import Machine
from engine.recommend.context import Context
from engine.recommend.corrections import Case, Corrected, Corrections, Quantity
from engine.recommend.pools import Pool, pool
from engine.recommend.sizes import Sizes

Place = Literal["gpu", "cpu", "gpu+cpu"]

# A first guess that the first load on a machine replaces: a file that is read once from a solid-state disk or from the
# system's cache, and what opening a context takes besides. PyTorch is imported first (5 s: the project's facts).
LOAD_BYTES_S = 1.5e9
OPENING_S = 0.3
PYTORCH_OPENING_S = 6.0


@dataclass(frozen=True, slots=True)
class Learned:
    """``corrections`` are applied to estimates of ``sizes`` on a machine, in a context."""

    sizes: Sizes
    machine: Machine
    context: Context
    corrections: Corrections

    @property
    def load_s(self) -> float:
        """Return the first estimate of the seconds that loading takes."""
        opening_s = OPENING_S if self.sizes.family is Family.GGUF else PYTORCH_OPENING_S
        return self.sizes.weights_bytes / LOAD_BYTES_S + opening_s

    def correct(self, quantity: Quantity, first: float | None, place: Place) -> Corrected | None:
        return None if first is None else self.corrections.correct(quantity, first, self.case(place))

    def weighed(self, memory: Pool) -> Pool:
        """Return the memory with the factors that footprints in it are multiplied with."""
        main, gpu = (self.corrections.correct("memory", 1.0, self.case(place)).factor for place in ("cpu", "gpu"))
        return replace(memory, main_factor=main, gpu_factor=gpu)

    def case(self, place: Place) -> Case:
        return Case(
            device=self._device(place),
            build=self._build,
            architecture=self.sizes.facts.architecture,
            format_id=self.sizes.format_id,
            context_tokens=self.context.tokens,
            weights_bytes=self.sizes.weights_bytes,
            cache_type=self.context.cache_type,
        )

    def _device(self, place: Place) -> str:
        cpu = self.machine.cpu.model
        if place == "cpu":
            return cpu
        gpus = ", ".join(gpu.name for gpu in pool(self.machine, self.sizes.family).gpus)
        return gpus if place == "gpu" else f"{gpus} + {cpu}"

    @property
    def _build(self) -> str:
        if self.sizes.family is not Family.GGUF:
            return f"PyTorch {self.machine.packages.get('torch') or ''}"
        return f"llama.cpp {self.machine.llama.version if self.machine.llama else ''}"
