"""The texts that come with Halfbyte: those that quality is measured with, and those that formats are calibrated with.

``resources/texts/texts.toml`` lists them with kind, languages, licence, source and hash. Texts of the two purposes
share no passage: what a format was calibrated with must not be what it is measured with.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Literal

from engine.errors import DamagedFile, NotFound

Purpose = Literal["measure", "calibrate"]


@dataclass(frozen=True, slots=True)
class Text:
    """A text on the disk; ``language`` has one code (ISO 639-1) or several, separated by spaces."""

    name: str
    path: Path
    kind: str
    language: str
    purpose: Purpose
    licence: str
    source: str
    sha256: str

    def read(self) -> str:
        """Return the text. Raises :class:`DamagedFile` if it is not the one that was listed."""
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise NotFound(f"The text {self.name}", str(self.path.parent), "Install Halfbyte again.") from error
        found = sha256(content).hexdigest()
        if found != self.sha256:
            raise DamagedFile(str(self.path), f"SHA-256 {self.sha256}", found)
        return content.decode("utf-8")


@cache
def folder() -> Path:
    """Return the folder of the texts: inside the package when installed, at the root of a checkout."""
    package = Path(__file__).parent
    installed = package / "resources" / "texts"
    return installed if installed.is_dir() else package.parent / "resources" / "texts"


def texts(purpose: Purpose) -> tuple[Text, ...]:
    """Return the texts for a purpose, in the order of the list."""
    rows = tomllib.loads((folder() / "texts.toml").read_text("utf-8"))["text"]
    return tuple(_text(row) for row in rows if row["purpose"] == purpose)


def named(name: str) -> Text:
    """Return the text of that name, or of that kind among those to measure with. Raises :class:`NotFound`."""
    known = (*texts("measure"), *texts("calibrate"))
    for text in known:
        if name in (text.name, text.kind):
            return text
    raise NotFound(f"The text “{name}”", hint=f"There are: {', '.join(text.name for text in known)}.")


def own_text(path: Path) -> Text:
    """Return a person's own file as a text to measure with. Raises :class:`NotFound`."""
    try:
        digest = sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise NotFound(str(path), hint="Choose a plain text file.") from error
    return Text(path.name, path.absolute(), "own", "", "measure", "", str(path), digest)


def texts_sha256(contents: Sequence[str]) -> str:
    """Return the hash of several texts together, for the record of what was calibrated on them."""
    return sha256("\0".join(contents).encode()).hexdigest()


def _text(row: dict[str, str]) -> Text:
    rest = {key: value for key, value in row.items() if key != "file"}
    return Text(path=folder() / row["file"], **rest)  # type: ignore[arg-type]
