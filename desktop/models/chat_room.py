"""One model and one conversation with it, for the chat page to show. What runs, runs as a job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, Signal, SignalInstance, Slot

from desktop.jobs import Call, Jobs, JobThread, Latest
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.chat.conversation import Conversation, Message
from engine.chat.turn import Turn
from engine.errors import Cancelled, EngineError
from engine.events import Notice, Progress, PromptRead
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session
from engine.settings import Settings

State = Literal["empty", "loading", "ready", "answering"]


class ChatRoom(QObject):
    """Load a model, ask it, stop it.

    ``changed`` tells of a new :attr:`state`. An answer comes as ``tokens`` and ends with ``answered`` (how it ended is
    in the message: stopped by the person as well) or with ``failed`` (the error, and what had come until then).
    """

    changed = Signal()
    load_progressed = Signal(Progress)
    load_failed = Signal(Exception)
    progressed = Signal(Progress)
    prompt_read = Signal(PromptRead)
    noticed = Signal(Notice)
    tokens = Signal(list)
    answered = Signal(Message)
    failed = Signal(Exception, Message)

    def __init__(self, jobs: Jobs, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self.state: State = "empty"
        self.conversation = Conversation()
        self.put_away: Conversation | None = None
        self.path: Path | None = None
        self._jobs = jobs
        self._session: Session | None = None
        self._turn: Turn | None = None
        self._thread: JobThread | None = None
        self._wires: list[tuple[SignalInstance, Any]] = []
        self._finding = Latest(jobs)
        self._finding.finished.connect(self._on_found)
        self._finding.failed.connect(self._on_not_opened)
        self._loading = Latest(jobs)
        self._loading.progressed.connect(self.load_progressed)
        self._loading.finished.connect(self._on_loaded)
        self._loading.failed.connect(self._on_load_failed)

    @property
    def record(self) -> dict[str, Any]:
        """What the loaded model's back end says of it (:class:`engine.runtime.results.Loaded`); empty without one."""
        return self._session.record if self._session else {}

    def open(self, path: Path) -> None:
        """Load a model in place of the one before; the conversation stays."""
        self.stop()
        self._drop_session()
        self.path = path
        self._become("loading")
        self._finding.start(Call(Library(self.settings.models_folder).find, str(path), doing="Opening the model"))

    @Slot()
    def cancel_load(self) -> None:
        """Give up loading."""
        if self.state == "loading":
            self._drop_session()
            self._become("empty")

    def ask(self, question: str) -> None:
        """Ask; only in the state ``ready``."""
        if not self.conversation.messages:
            self.conversation = Conversation(system_prompt=self.settings["system_prompt"])
        self.put_away = None
        self._start(self.conversation, question)

    def ask_again(self) -> None:
        """Answer the last question anew, in place of the answer that is there."""
        conversation = self.conversation
        self._start(conversation.before(-1) if conversation.last_answer else conversation, None)

    @Slot()
    def stop(self) -> None:
        """End the answer that comes; what has come of it stays."""
        if self._thread:
            self._thread.cancel()

    def begin_anew(self) -> None:
        """Put the conversation away and begin an empty one."""
        if self._turn:
            self.stop()
            self.conversation = _stopped(self._turn.conversation)
            self._let_go()
            self._become("ready")
        if self.conversation.messages:
            self.put_away = self.conversation
        self.conversation = Conversation()

    def bring_back(self) -> None:
        """Return to the conversation that was put away."""
        if self.put_away:
            self.conversation, self.put_away = self.put_away, None

    def close(self) -> None:
        """Stop everything and end the model's process. It may take two seconds."""
        self.stop()
        self._let_go()
        if self._session:
            self._session.close()
            self._session = None
        self._become("empty")

    def _become(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self.changed.emit()

    def _drop_session(self) -> None:
        self._let_go()
        if self._session:
            self._jobs.start(Call(self._session.close, doing="Unloading the model"))
            self._session = None

    def _start(self, conversation: Conversation, question: str | None) -> None:
        assert self._session is not None
        turn = Turn(self._session, conversation, question, Sampling.from_settings(self.settings))
        self._turn = turn
        self._thread = thread = self._jobs.start(turn)
        self._wires = [
            (thread.progressed, self.progressed),
            (thread.prompt_read, self.prompt_read),
            (thread.noticed, self.noticed),
            (thread.tokens, self.tokens),
            (thread.finished, self._on_answered),
            (thread.failed, self._on_failed),
        ]
        for told, hears in self._wires:
            told.connect(hears)
        self._become("answering")

    def _let_go(self) -> None:
        """Hear no more of the turn that runs."""
        for told, hears in self._wires:
            told.disconnect(hears)
        self._wires, self._thread, self._turn = [], None, None

    @Slot(object)
    def _on_found(self, checkpoint: Checkpoint) -> None:
        if self.state != "loading":  # given up meanwhile
            return
        try:
            self._session = Session(checkpoint, LoadOptions.from_settings(self.settings))
        except EngineError as error:
            self._on_not_opened(error)
        else:
            self._loading.start(self._session.load())

    @Slot(object)
    def _on_loaded(self, record: dict[str, Any]) -> None:
        if self._session:
            self._become("ready")

    @Slot(Exception)
    def _on_load_failed(self, error: Exception) -> None:
        if self._session:  # else its session was dropped, and the load failed for that
            self._drop_session()
            self._on_not_opened(error)

    @Slot(Exception)
    def _on_not_opened(self, error: Exception) -> None:
        self._become("empty")
        if not isinstance(error, Cancelled):
            self.load_failed.emit(error)

    @Slot(object)
    def _on_answered(self, conversation: Conversation) -> None:
        self._end(conversation)
        self.answered.emit(conversation.messages[-1])

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        assert self._turn is not None
        conversation = self._turn.conversation
        self._end(conversation)
        if isinstance(error, Cancelled):
            self.answered.emit(conversation.messages[-1])
        else:
            self.failed.emit(error, conversation.messages[-1])

    def _end(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self._let_go()
        self._become("ready")


def _stopped(conversation: Conversation) -> Conversation:
    *before, last = conversation.messages
    return replace(conversation, messages=(*before, replace(last, ending="cancelled")))
