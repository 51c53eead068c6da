"""Write conversations to a file, as a job."""

from __future__ import annotations

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
        self._write(text)
        yield Finished(self._file)

    def _write(self, text: str) -> None:
        part = self._file.with_name(f"{self._file.name}.part")
        try:
            part.write_text(text, "utf-8")
            part.replace(self._file)
        except OSError as error:
            part.unlink(missing_ok=True)
            reason = tr("{path} cannot be written: {reason}.").format(path=self._file, reason=error.strerror)
            raise Refused(reason, tr("Choose another place.")) from error
