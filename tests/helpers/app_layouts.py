"""Other apps' folders, laid out as their sources say (``tests/cases/apps``), with tiny models in them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from engine.catalog.scan.surroundings import Surroundings
from tests.helpers.headers import gguf, llama

CASES = Path(__file__).parents[1] / "cases" / "apps"


def names() -> list[str]:
    return sorted(path.stem for path in CASES.glob("*.json"))


def case(name: str) -> dict[str, Any]:
    return json.loads((CASES / f"{name}.json").read_text("utf-8"))


@dataclass(frozen=True)
class Recorded(Surroundings):
    """Surroundings whose apps' settings were written down, of any system."""

    settings: dict[str, str] = field(default_factory=dict)

    def text(self, path: PurePath) -> str:
        return self.settings.get(str(path), "")


def recorded(row: dict[str, Any]) -> Recorded:
    kind = PureWindowsPath if row["system"] == "win32" else PurePosixPath
    return Recorded(row["system"], kind(row["home"]), row["environment"], row["settings"])


def tiny_gguf(number: int = 0, **values: Any) -> bytes:
    """Return a GGUF file that is no other's, with one tensor."""
    tensors = [("token_embd.weight", (64, 4), 1, 0)]
    metadata = llama(**{"general.name": f"Model {number}", "general.file_type": 15}, **values)
    return gguf(metadata, tensors, data=bytes([number % 256]) * 512)


def projector() -> bytes:
    return gguf({"general.architecture": "clip", "general.type": "mmproj"})


def lay_out(root: Path, disk: dict[str, dict[str, Any]]) -> None:
    for name, content in disk.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if "link" in content:
            path.symlink_to(content["link"])
        elif "gguf" in content:
            split = {"split.count": 2} if "-of-00002" in name else {}
            path.write_bytes(tiny_gguf(content["gguf"], **split))
        elif "projector" in content:
            path.write_bytes(projector())
        else:
            path.write_text(content["text"], "utf-8")
