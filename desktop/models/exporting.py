"""Write conversations, or a block of code, to a file, as a job."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from desktop.language import tr
from engine.chat.export.html import as_html
from engine.chat.export.markdown import as_markdown
from engine.chat.export.records import as_json
from engine.chat.history.store import History
from engine.errors import Cancelled, Refused
from engine.events import Event, Finished, Progress

_SIMPLE = re.compile(r"\*\.\w+")

Form = Literal["markdown", "html", "json"]
ENDINGS: dict[Form, str] = {"markdown": ".md", "html": ".html", "json": ".json"}


class Exporting:
    """Export conversations, several only as JSON; the value is the file. Raises :class:`Refused` if that fails."""

    def __init__(self, history: History, ids: Sequence[int], form: Form, file: Path) -> None:
        self._history = history
        self._ids = ids
        self._form: Form = form
        self._file = file
        self._stop = threading.Event()

    def cancel(self) -> None:
        self._stop.set()

    def __iter__(self) -> Iterator[Event]:
        read = []
        for number, conversation_id in enumerate(self._ids):
            if self._stop.is_set():
                raise Cancelled(tr("The export"))
            yield Progress("export", number, len(self._ids), "steps")
            read.append((self._history.entry(conversation_id), self._history.whole_tree(conversation_id)))
        if self._form == "json":
            text = as_json(read) + "\n"
        else:
            ((entry, tree),) = read
            text = as_html(entry, tree) if self._form == "html" else as_markdown(entry, tree)
        yield Finished(write(self._file, text))


def write(file: Path, text: str) -> Path:
    """Write a text file, whole or not at all, and return it. Raises :class:`Refused`."""
    part = file.with_name(f"{file.name}.part")
    try:
        part.write_text(text, "utf-8")
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        reason = tr("{path} cannot be written: {reason}.").format(path=file, reason=error.strerror)
        raise Refused(reason, tr("Choose another place.")) from error
    return file


def ending_of(language: str) -> str:
    """Return the usual ending of a file in a language, as Pygments knows it: ``.py``; ``.txt`` for an unknown one."""
    from pygments.lexers import get_all_lexers

    names = (patterns for _, aliases, patterns, _ in get_all_lexers(plugins=False) if language.lower() in aliases)
    simple = (name for patterns in names for name in patterns if _SIMPLE.fullmatch(name))
    return next(simple, "*.txt").removeprefix("*")
