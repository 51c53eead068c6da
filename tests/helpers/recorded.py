"""A computer out of a file: what its tools printed, replayed for the readers of ``engine/machine``."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import PackageMissing
from engine.machine.cuda_cards import shown_by_cuda
from engine.machine.facts import Gpu
from engine.machine.unavailable import Unavailable

CASES = Path(__file__).parents[1] / "cases" / "machine"


def names() -> list[str]:
    return sorted(path.stem for path in CASES.glob("*.toml"))


@dataclasses.dataclass
class Recorded:
    """One case of ``tests/cases/machine`` as :class:`engine.machine.sources.Sources`."""

    case: Mapping[str, Any]

    @classmethod
    def load(cls, name: str) -> Recorded:
        return cls(tomllib.loads((CASES / f"{name}.toml").read_text("utf-8")))

    @property
    def system(self) -> str:
        return self.case.get("system", "Linux")

    @property
    def architecture(self) -> str:
        return self.case.get("architecture", "x86_64")

    def text(self, path: str) -> str:
        return self.case.get("files", {}).get(path, "")

    def names(self, folder: str) -> tuple[str, ...]:
        below = f"{folder}/"
        paths = [*self.case.get("files", {}), *self.case.get("links", {}), *self.case.get("usable", ())]
        return tuple(sorted({path.removeprefix(below).split("/")[0] for path in paths if path.startswith(below)}))

    def link(self, path: str) -> str:
        return self.case.get("links", {}).get(path, "")

    def may_use(self, path: str) -> bool:
        return path in self.case.get("usable", ())

    def output(self, *command: str, limit_s: float = 3.0) -> str:
        del limit_s
        line = " ".join((command[0].rsplit("/", 1)[-1], *command[1:]))
        for recorded, text in self.case.get("outputs", {}).items():
            if line.startswith(recorded):
                return text
        raise Unavailable(f"{command[0]} cannot be started: No such file or directory.")

    def memory(self) -> tuple[int, int]:
        total, available = self.case.get("memory", (0, 0))
        return total, available

    def cores(self) -> tuple[int, int]:
        physical, logical = self.case.get("cores", (0, 1))
        return physical, logical

    def affinity(self) -> frozenset[int] | None:
        return frozenset(self.case["affinity"]) if "affinity" in self.case else None

    def room(self, folder: Path) -> tuple[int, int]:
        del folder
        return 500 * 10**9, 100 * 10**9

    def processor_feature(self, number: int) -> bool:
        return number in self.case.get("processor_features", ())

    def nvml(self) -> Mapping[str, Any]:
        values = self.case.get("nvml", {"error": "LIBRARY_NOT_FOUND"})
        if "error" in values:
            raise Unavailable("NVIDIA's driver library reports an error.", values["error"])
        return values

    def cuda_cards(self, cards: Sequence[Gpu]) -> frozenset[str] | None:
        return shown_by_cuda(cards, self.case.get("environment", {}))

    def version(self, package: str) -> str | None:
        return self.case.get("packages", {}).get(package)

    def ask(self, do: str, limit_s: float, **arguments: Any) -> Mapping[str, Any]:
        del limit_s, arguments
        answer = self.case.get("worker", {}).get(do)
        if answer is None:
            raise PackageMissing("llama-cpp-python")
        return answer


def changed(recorded: Recorded, **changes: Any) -> Recorded:
    """Return the same computer with some of its recorded values replaced; ``None`` takes one away."""
    case = {**recorded.case, **changes}
    return Recorded({name: value for name, value in case.items() if value is not None})
