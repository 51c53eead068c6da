"""What was said in all conversations as one plain text, for as long as formats are calibrated on it.

The words stay on this machine: in a file in Halfbyte's cache that only this user may read, and that is gone afterwards.
What was calibrated on them has their hash in its record, and their name (:data:`NAME`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.chat.history.store import History
from engine.errors import NotFound, Refused
from engine.paths import folders

NAME = "conversations"
LEAST_CHARACTERS = 8_000  # two chunks of 512 tokens, of a language that takes few characters for each
KEPT_S = 86_400.0  # what a killed app left


@dataclass(frozen=True, slots=True)
class Words:
    """``text`` is what was said in ``messages`` messages, the last of them at ``changed_s`` (Unix time)."""

    text: str = ""
    messages: int = 0
    changed_s: float = 0.0


def said(file: Path | None = None) -> Words:
    """Return what the shown branches of all conversations say, oldest first; nothing where nobody has chatted yet."""
    try:
        with History(file, writing=False) as history:
            entries = [*history.entries(), *history.entries(archived=True)]
            trees = [history.tree(entry.id) for entry in sorted(entries, key=lambda entry: entry.id)]
    except NotFound:
        return Words()
    messages = [node.message.content for tree in trees for node in tree.branch if node.message.content.strip()]
    changed_s = max((entry.changed_s for entry in entries), default=0.0)
    return Words("\n\n".join(messages), len(messages), changed_s)


@contextmanager
def words_file(file: Path | None = None) -> Iterator[Path]:
    """Write what was said into a file that is there as long as the context. Raises :class:`Refused` for too little.

    The same words have the same name and time, so that a conversion that was killed goes on.
    """
    words = said(file)
    if len(words.text) < LEAST_CHARACTERS:
        raise Refused(
            f"Your conversations are too short to learn from: {len(words.text):,} of {LEAST_CHARACTERS:,} characters.",
            "Chat a little more, or choose a text of yours or the texts that come with Halfbyte.",
        )
    parent = folders().cache / "calibration"
    _remove_old(parent)
    folder = parent / hashlib.sha256(words.text.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield _written(folder / NAME, words)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _written(path: Path, words: Words) -> Path:
    path.touch(0o600)
    path.write_text(words.text, "utf-8")
    os.utime(path, (words.changed_s, words.changed_s))
    return path


def _remove_old(parent: Path) -> None:
    for folder in parent.iterdir() if parent.is_dir() else ():
        if folder.stat().st_mtime < time.time() - KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)
