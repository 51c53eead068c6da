"""What the loaded model does between the answers: it suggests a title, and its KV cache is kept on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from desktop.jobs import Jobs, JobThread
from engine.chat.asking import cache_key
from engine.chat.conversation import Conversation
from engine.chat.fitting import Titling
from engine.errors import EngineError
from engine.runtime.session import Session

REST_MS = 20_000  # without a question: writing a long conversation's cache takes a second or more
_CLOSING_S = 5.0


class Aftercare(QObject):
    """One conversation at a time. ``titled`` carries (id, title, who made it).

    A title that is being made is given up for the next question; a cache that is being written is not.
    """

    titled = Signal(object, str, str)

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._keeping: JobThread | None = None
        self._titling: JobThread | None = None
        self._titled_id = 0
        self._unkept: tuple[Session, int] | None = None  # whose cache is newer than what is on disk
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self.keep)

    def after_answer(self, session: Session, conversation_id: int) -> None:
        """Keep the cache when nothing more is asked for a while."""
        self._unkept = session, conversation_id
        self._rest.start()

    def suggest_title(self, session: Session, conversation_id: int, conversation: Conversation) -> None:
        self._titled_id = conversation_id
        self._titling = thread = self._jobs.start(Titling(session, conversation))
        thread.finished.connect(self._on_titled)

    def before_question(self) -> None:
        """Give up what the next question would wait for."""
        self._rest.stop()
        if self._titling:
            self._titling.cancel()
            self._titling = None

    @Slot()
    def keep(self) -> None:
        """Write the cache now, in a job: the conversation is left, or rests."""
        if self._unkept:
            session, conversation_id = self._unkept
            self.forget()
            self._keeping = self._jobs.start(session.keep(cache_key(conversation_id)))

    def farewell(self, session: Session) -> Callable[[], None]:
        """Return what ends a model's process, once its cache is written; that is given five seconds."""
        unkept = self._unkept
        self.forget()
        return partial(_keep_and_close, session, unkept[1] if unkept and unkept[0] is session else None, self._keeping)

    def forget(self) -> None:
        """Keep nothing: it is on its way, or its conversation is gone."""
        self._rest.stop()
        self._unkept = None

    @Slot(object)
    def _on_titled(self, suggested: tuple[str, str]) -> None:
        if self.sender() is self._titling:
            self._titling = None
            self.titled.emit(self._titled_id, *suggested)


def _keep_and_close(session: Session, conversation_id: int | None, keeping: JobThread | None) -> None:
    try:
        if keeping:  # of the conversation that was left just before the model
            keeping.wait(round(1000 * _CLOSING_S))
        if conversation_id is not None:
            _keep(session, conversation_id)
    finally:
        session.close()


def _keep(session: Session, conversation_id: int) -> None:
    job = session.keep(cache_key(conversation_id))
    limit = threading.Timer(_CLOSING_S, job.cancel)
    limit.start()
    try:
        for _ in job:
            pass
    except EngineError:
        pass  # a cache only saves time
    finally:
        limit.cancel()
