"""One model and one conversation with it, for the chat page to show. What runs, runs as a job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, Signal, SignalInstance, Slot

from desktop.jobs import Call, Jobs, JobThread, Latest
from desktop.models.aftercare import Aftercare
from desktop.models.unkept import Unkept
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.generation import NOTHING, Recommended, read_recommended
from engine.catalog.library import Library
from engine.chat.asking import Asked, Asker, Keeper
from engine.chat.conversation import Conversation, Message
from engine.chat.fitting import Filled, first_words
from engine.chat.history.rows import Entry
from engine.chat.history.tree import Tree
from engine.chat.steering import Choice, Steering
from engine.errors import Cancelled, EngineError, NotEnoughMemory
from engine.events import Notice, Odds, Progress, PromptRead
from engine.runtime.options import LoadOptions
from engine.runtime.session import Session
from engine.settings import Settings

_ODDS_KEPT = 50  # answers that are not on disk: each token with its alternatives takes about a kilobyte

State = Literal["empty", "loading", "ready", "answering"]


class ChatRoom(QObject):
    """Load a model, ask it, stop it.

    ``changed`` tells of a new :attr:`state`. An answer comes as ``tokens`` and ends with ``answered`` (how it ended is
    in the message: stopped by the person as well) or with ``failed`` (the error, and what had come until then).
    ``began`` carries the entry of a conversation with its first question, ``said`` the id of one that something was
    said in, ``titled`` (id, title, who made it), ``steered`` (id, what changed of its entry). ``narrowed`` comes when
    the conversation's own context does not fit the memory, and the settings' is loaded instead. ``usual`` is what a
    new conversation begins with.
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
    began = Signal(Entry)
    said = Signal(object)
    titled = Signal(object, str, str)
    model_opened = Signal(Checkpoint)
    steered = Signal(object, dict)
    narrowed = Signal()

    def __init__(self, jobs: Jobs, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self.state: State = "empty"
        self.entry: Entry | None = None  # of the conversation that is shown, once it has begun
        self.tree = Tree(0)
        self.choice = self.usual = Choice()
        self.recommended = NOTHING  # by the makers of the model
        self.put_away: tuple[Entry, Tree] | None = None
        self._instructed: str | None = None  # the system prompt of a conversation that has not begun
        self.path: Path | None = None
        self._jobs = jobs
        self._session: Session | None = None
        self._keeper: Keeper = Unkept()
        self._keeps = False
        self._awaited = False  # the store is being opened
        self._narrow = False  # the conversation's own context does not fit the memory
        self._odds: dict[int, tuple[Odds, ...]] = {}
        self._asked: Asked | None = None
        self._thread: JobThread | None = None
        self._left: JobThread | None = None
        self._aftercare = Aftercare(jobs, self)
        self._aftercare.titled.connect(self.titled)
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
        self._narrow = False
        self._open(path)

    def _open(self, path: Path) -> None:
        self.stop()
        self._drop_session()
        self.path = path
        self._become("loading")
        self._finding.start(
            Call(_found, Library(self.settings.models_folder), path, doing=self.tr("Opening the model"))
        )

    def enlarge(self, context_tokens: int) -> None:
        """Load the model again with a context of this conversation's own; 0: with the settings'."""
        self.steer(replace(self.choice, context_tokens=context_tokens))
        if self.path:
            self.open(self.path)

    def fit_context(self) -> bool:
        """Load the model again if the conversation's own context is larger than the loaded one; tell whether it is."""
        larger = self._session is not None and self.choice.context_tokens > self._session.options.context_tokens
        if larger and self.path:
            self._open(self.path)
        return larger

    @property
    def loading(self) -> LoadOptions:
        """How the model is loaded."""
        chosen, own = LoadOptions.from_settings(self.settings), self.choice.context_tokens
        return replace(chosen, context_tokens=own) if own and not self._narrow else chosen

    def counting(self, question: str = "") -> Filled | None:
        """Return a job that counts what fills the window, a question to come included; ``None`` if it cannot now."""
        if self._session is None or self.state != "ready":
            return None
        told = replace(self.conversation, system_prompt=self.system_prompt)
        told = told.asking(question) if question else told
        return Filled(self._session, told, self.steering.sampling())

    @Slot()
    def cancel_load(self) -> None:
        """Give up loading."""
        if self.state == "loading":
            self._drop_session()
            self._become("empty")

    # Where it is kept

    def await_store(self) -> None:
        """Be ready only once :meth:`keep_in` has said where conversations are kept."""
        self._awaited = True

    def keep_in(self, keeper: Keeper | None) -> None:
        """Keep what is said from now on; ``None``: it cannot be kept."""
        self._keeper, self._keeps, self._awaited = keeper or Unkept(), keeper is not None, False
        if self.state == "loading" and self.record:
            self._become("ready")

    # Asking: only in the state ``ready``

    def ask(self, question: str) -> None:
        """Ask at the end of what is shown."""
        self._begin(Message("user", question))
        self._start(self._asker().ask(self.tree, question))

    def edit(self, question_id: int, question: str) -> None:
        """Ask another question in the place of one."""
        self._start(self._asker().edit(self.tree, question_id, question))

    def answer_again(self, answer_id: int) -> None:
        self._start(self._asker().answer_again(self.tree, answer_id))

    def go_on(self, answer_id: int) -> None:
        """Write on where an answer breaks off."""
        self._start(self._asker().go_on(self.tree, answer_id))

    def ask_again(self) -> None:
        """Answer the last question anew."""
        leaf = self.tree.leaf
        if leaf and leaf.message.role == "assistant":
            self.answer_again(leaf.id)
        else:
            self._start(self._asker().answer(self.tree))

    def show_version(self, node_id: int) -> None:
        """Go over to the branch of another version of a message; only while no answer comes."""
        self.tree = self.tree.showing(node_id)
        self._keeper.show(self.tree)

    @Slot()
    def stop(self) -> None:
        """End the answer that comes; what has come of it stays."""
        if self._thread:
            self._thread.cancel()

    def begin_anew(self) -> None:
        """Put the conversation away and begin an empty one."""
        self.enter(None, Tree(0))

    def enter(self, entry: Entry | None, tree: Tree) -> None:
        """Go on with another conversation; the one before can be brought back."""
        self._leave()
        if self.entry:
            self.put_away = self.entry, self.tree
        self._show(entry, tree)

    def bring_back(self) -> None:
        """Return to the conversation that was put away."""
        if self.put_away:
            self._show(*self.put_away)
            self.put_away = None

    # How it is answered

    @property
    def steering(self) -> Steering:
        """What the next answer is made with."""
        return Steering(self.choice, self.recommended, self.settings, self._instructed)

    def odds(self, answer_id: int) -> tuple[Odds, ...]:
        """Return how likely an answer's tokens were: of the latest answers, where that was asked for."""
        return self._odds.get(answer_id, ())

    @property
    def system_prompt(self) -> str:
        if self.entry:
            return self.tree.system_prompt
        return self.steering.system_prompt

    def steer(self, choice: Choice) -> None:
        """Answer this conversation with other settings from now on."""
        self.choice = choice
        if self.entry:
            self._change_entry(options={**self.entry.options, **choice.record()})

    def instruct(self, system_prompt: str) -> None:
        """Give this conversation another system prompt."""
        self._instructed = system_prompt
        if self.entry:
            self.tree = replace(self.tree, system_prompt=system_prompt)
            self._change_entry(system_prompt=system_prompt)

    def _change_entry(self, **values: Any) -> None:
        assert self.entry is not None
        self.entry = replace(self.entry, **values)
        self.steered.emit(self.entry.id, values)

    def _show(self, entry: Entry | None, tree: Tree) -> None:
        self.entry, self.tree, self._instructed = entry, tree, None
        self.choice = Choice.of(entry.options) if entry else self.usual
        self._narrow = False

    def forget(self) -> None:
        """Keep no cache of the conversation: it is deleted."""
        self._aftercare.forget()

    @property
    def conversation(self) -> Conversation:
        """What is shown, as it was said."""
        return self.tree.conversation

    @property
    def keeps(self) -> bool:
        """Whether what is said outlives the app."""
        return self._keeps

    @property
    def awaits_store(self) -> bool:
        return self._awaited

    @property
    def left(self) -> JobThread | None:
        """The job of the answer that was left last; it may still be ending."""
        return self._left

    def close(self) -> None:
        """Stop everything and end the model's process. It may take two seconds."""
        self.stop()
        self._let_go()
        if self._session:
            self._aftercare.farewell(self._session)()
            self._session = None
        self._become("empty")

    def _become(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self.changed.emit()

    def _drop_session(self) -> None:
        self._let_go()
        if self._session:
            self._aftercare.before_question()
            self._jobs.start(Call(self._aftercare.farewell(self._session), doing=self.tr("Unloading the model")))
            self._session = None

    def _asker(self) -> Asker:
        assert self._session is not None
        self.put_away = None
        self._aftercare.before_question()
        steering = self.steering
        return Asker(self._keeper, self._session, steering.sampling(), steering.when_full)

    def _begin(self, question: Message) -> None:
        """Make the conversation, unless there is one."""
        if self.entry is None:
            entry, _ = self._keeper.new(self.system_prompt, **self.choice.record())
            self.entry, self.tree = entry, Tree(entry.id, entry.system_prompt)
            self.began.emit(entry)
            self.titled.emit(entry.id, first_words(Conversation((question,))), "words")

    def _leave(self) -> None:
        """Stop the answer and keep what has come of it; let the model's cache of the conversation be kept."""
        if self._asked:
            self.stop()
            self.tree, self._left = _stopped(self._asked), self._thread
            self._let_go()
            self._become("ready")
        self._aftercare.before_question()
        self._aftercare.keep()

    def _start(self, asked: Asked) -> None:
        self._asked, self.tree = asked, asked.tree
        self._thread = thread = self._jobs.start(asked.turn)
        self.said.emit(asked.tree.conversation_id)
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
        self._wires, self._thread, self._asked = [], None, None

    @Slot(object)
    def _on_found(self, found: tuple[Checkpoint, Recommended]) -> None:
        if self.state != "loading":  # given up meanwhile
            return
        checkpoint, self.recommended = found
        self.model_opened.emit(checkpoint)
        try:
            self._session = Session(checkpoint, self.loading)
        except EngineError as error:
            self._on_not_opened(error)
        else:
            self._loading.start(self._session.load())

    @Slot(object)
    def _on_loaded(self, record: dict[str, Any]) -> None:
        if self._session and not self._awaited:
            self._become("ready")

    @Slot(Exception)
    def _on_load_failed(self, error: Exception) -> None:
        if self._session:  # else its session was dropped, and the load failed for that
            self._drop_session()
            if isinstance(error, NotEnoughMemory) and self._own_is_larger and self.path:
                self._narrow = True
                self._open(self.path)
                self.narrowed.emit()
            else:
                self._on_not_opened(error)

    @property
    def _own_is_larger(self) -> bool:
        return not self._narrow and self.choice.context_tokens > self.settings["context_tokens"]

    @Slot(Exception)
    def _on_not_opened(self, error: Exception) -> None:
        self._become("empty")
        if not isinstance(error, Cancelled):
            self.load_failed.emit(error)

    @Slot(object)
    def _on_answered(self, _conversation: Conversation) -> None:
        message = self._end()
        self.answered.emit(message)
        self._care(message)

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        message = self._end()
        if isinstance(error, Cancelled):
            self.answered.emit(message)
            self._care(message)
        else:
            self.failed.emit(error, message)

    def _end(self) -> Message:
        """Take what has come of the answer, and return it."""
        assert self._asked is not None
        answer_id, self.tree = self._asked.answer_id, self._asked.ended()
        if odds := (*self.odds(answer_id), *self._asked.turn.odds):
            self._odds = dict([*self._odds.items(), (answer_id, odds)][-_ODDS_KEPT:])
        self._let_go()
        self._become("ready")
        return self.tree[answer_id].message

    def _care(self, answer: Message) -> None:
        """Let the model suggest a title for a first answer, and keep its cache when it rests."""
        if self._session and self._keeps and answer.content:
            self._aftercare.after_answer(self._session, self.tree.conversation_id)
            if len(self.tree.branch) == 2 and answer.complete:
                self._aftercare.suggest_title(self._session, self.tree.conversation_id, self.conversation)


def _found(library: Library, path: Path) -> tuple[Checkpoint, Recommended]:
    checkpoint = library.find(str(path))
    return checkpoint, read_recommended(checkpoint.path)


def _stopped(asked: Asked) -> Tree:
    return asked.tree.replacing(asked.answer_id, replace(asked.turn.answer, ending="cancelled"))
