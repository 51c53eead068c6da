"""What an environment is: a Python, exact versions of packages, and what it is for. Values and their pins only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from engine.errors import NotFound

PINS = Path(__file__).parent / "pins"
OLDEST_PYTHON, TOO_NEW_PYTHON = (3, 11), (3, 14)  # PyTorch 2.11 has wheels for those between
PYTHONS = ">={}.{},<{}.{}".format(*OLDEST_PYTHON, *TOO_NEW_PYTHON)


@dataclass(frozen=True, slots=True)
class Environment:
    """``pins`` names every package with its exact version, markers included (PEP 508), so that nothing is resolved.

    ``imports`` must answer when it is checked. The bytes are what it took when it was pinned, on Linux x86-64: for
    words before the index is asked.
    """

    name: str
    title: str
    purpose: str
    pins: Path
    imports: tuple[str, ...]
    about_download_bytes: int
    about_disk_bytes: int
    pythons: str = PYTHONS

    @property
    def pins_sha256(self) -> str:
        """Tell one set of versions from another: an update of the app may bring others."""
        return hashlib.sha256(self.pins.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


# The versions that were tried on an H200 and on a processor. Made by `uv pip compile --universal --python-version 3.11
# --no-annotate --no-header`, with torch and transformers overridden, since GPTQModel 7.7 asks for newer
# ones than it needs.
ENVIRONMENTS: dict[str, Environment] = {
    environment.name: environment
    for environment in (
        Environment(
            "cuda",
            "CUDA environment",
            "runs AWQ, GPTQ, NF4, INT8 and plain safetensors, and makes them",
            PINS / "cuda.txt",
            ("torch", "transformers", "accelerate", "bitsandbytes", "safetensors", "tokenizers"),
            2_900_000_000,
            5_400_000_000,
        ),
        # AutoAWQ 0.2.9 is archived: it cannot be imported beside transformers 4.57 and newer.
        Environment(
            "autoawq",
            "AutoAWQ environment",
            "makes AWQ with AutoAWQ, the program that the format is from",
            PINS / "autoawq.txt",
            ("torch", "transformers", "accelerate", "awq", "safetensors", "tokenizers"),
            2_800_000_000,
            5_100_000_000,
        ),
    )
}


def named(name: str) -> Environment:
    """Return an environment. Raises :class:`NotFound` with the names there are."""
    if name not in ENVIRONMENTS:
        raise NotFound(f"The environment “{name}”", hint=f"There are: {', '.join(ENVIRONMENTS)}.")
    return ENVIRONMENTS[name]
