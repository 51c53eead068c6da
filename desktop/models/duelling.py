"""Two models answer one question, at once where both fit the memory, and the vote is kept. What runs, runs as a job."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from desktop.jobs import Call, Jobs, JobThread, Latest
from desktop.models.unkept import Unkept
from engine.catalog.library import Library
from engine.chat.asking import Asked, Asker, Keeper
from engine.chat.conversation import Conversation, Message
from engine.chat.duel import Contestant, Pairing, paired, side_of
from engine.chat.fitting import first_words
from engine.chat.history.rows import Entry
from engine.chat.history.store import History
from engine.chat.history.tree import Tree
from engine.chat.steering import Steering
from engine.errors import Cancelled, EngineError
from engine.events import Progress
from engine.measure.votes import Tally, Verdict, Vote, tallies
from engine.runtime.options import LoadOptions
from engine.runtime.session import Session
from engine.settings import Settings

_NOTHING = Message("assistant", "", ending="failed")


@dataclass(frozen=True, slots=True)
class Round:
    """One question to two models."""

    question: str
    blind: bool


class Duelling(QObject):
    """Call :meth:`start` for a question; ``paired`` tells who answers, ``over`` that both have ended.

    Of each side (0 or 1, as they are shown) ``progressed``, ``tokens`` and ``ended`` tell, the last with the error or
    ``None``. ``refused`` tells why nothing could begin. ``began`` carries the entry of the conversation that both
    answers are kept in, and its title. ``voted`` carries a :class:`Tally` for each side, none where nothing is kept.
    """

    paired = Signal(object)
    refused = Signal(Exception)
    began = Signal(object, str)
    progressed = Signal(int, Progress)
    tokens = Signal(int, list)
    ended = Signal(int, Message, object)
    over = Signal()
    voted = Signal(tuple)

    def __init__(self, jobs: Jobs, settings: Settings, history: History | None, parent: QObject) -> None:
        super().__init__(parent)
        self.pairing: Pairing | None = None
        self.entry: Entry | None = None
        self.tree = Tree(0)
        self.answers: dict[int, Message] = {}
        self.round = Round("", blind=False)
        self._jobs = jobs
        self._settings = settings
        self._history = history
        self._keeper: Keeper = history or Unkept()
        self._sessions: dict[Path, Session] = {}
        self._sides: list[_Side] = []
        self._at_once = False
        self._looking = self._latest(self._on_paired, self._on_refused)
        self._voting = self._latest(self._on_voted, self.refused)

    @property
    def running(self) -> bool:
        return any(side.running for side in self._sides)

    @property
    def keeps(self) -> bool:
        """Whether answers and votes outlive the app."""
        return self._history is not None

    @property
    def decidable(self) -> bool:
        """Whether there are two answers to vote on."""
        return len(self.answers) == 2 and all(answer.content for answer in self.answers.values())

    def start(self, question: str, paths: Sequence[Path], *, blind: bool) -> None:
        """Ask two models of the library."""
        self.round, self.pairing, self.entry = Round(question, blind), None, None
        self.answers, self._sides = {}, []
        library, options = Library(self._settings.models_folder), LoadOptions.from_settings(self._settings)
        self._let_go([path for path in self._sessions if path not in paths])
        self._looking.start(
            Call(paired, library, paths, options, blind=blind, doing=self.tr("Looking at the two models"))
        )

    @Slot()
    def stop(self) -> None:
        """End the answers that come; a second one that waits for the first is not asked for."""
        self._looking.cancel()
        for side in self._sides:
            side.stop()

    def vote(self, verdict: Verdict) -> None:
        """Say which of the two answers is better; only where :attr:`decidable`."""
        assert self.pairing is not None
        if self._history is None:
            self.voted.emit(())
            return
        asked = self.tree.branch[0].id
        self._voting.start(Call(_voted, self._history, self.pairing, verdict, self.round.blind, asked))

    def close(self) -> None:
        """Stop everything and end the models' processes. It may take two seconds."""
        self.stop()
        for session in self._sessions.values():
            session.close()
        self._sessions = {}

    def leave(self) -> None:
        """Do what :meth:`close` does, without waiting for it."""
        self.stop()
        self._let_go(list(self._sessions))

    def _let_go(self, paths: Sequence[Path]) -> None:
        for path in paths:
            self._jobs.start(Call(self._sessions.pop(path).close, doing=self.tr("Unloading the model")))

    def _latest(self, hears: Any, fails: Any) -> Latest:
        made = Latest(self._jobs)
        made.finished.connect(hears)
        made.failed.connect(fails)
        return made

    @Slot(Exception)
    def _on_refused(self, error: Exception) -> None:
        self.refused.emit(error)

    @Slot(object)
    def _on_paired(self, pairing: Pairing) -> None:
        self.pairing = pairing
        self.entry, _ = self._keeper.new(self._settings["system_prompt"])
        self.tree = Tree(self.entry.id, self.entry.system_prompt)
        self._sides = [_Side(self, number) for number in (0, 1)]
        self.began.emit(self.entry, first_words(Conversation((Message("user", self.round.question),))))
        self.paired.emit(pairing)
        self._at_once = pairing.together or self._both_loaded
        self._begin(self._sides[0])
        if self._at_once:
            self._begin(self._sides[1])

    @property
    def _both_loaded(self) -> bool:
        assert self.pairing is not None
        sessions = [self._sessions.get(each.checkpoint.path) for each in self.pairing.contestants]
        return all(session is not None and session.loaded for session in sessions)

    def _begin(self, side: _Side) -> None:
        assert self.pairing is not None
        contestant = self.pairing.contestants[side.number]
        try:
            asked = self._ask(contestant)
        except EngineError as error:
            side.running = False
            self._end(side.number, _NOTHING, error)
        else:
            self.tree = asked.tree
            side.begin(asked, self._jobs.start(asked.turn))

    def _ask(self, contestant: Contestant) -> Asked:
        path = contestant.checkpoint.path
        if path not in self._sessions:
            self._sessions[path] = Session(contestant.checkpoint, LoadOptions.from_settings(self._settings))
        steering = Steering(recommended=contestant.recommended, settings=self._settings)
        asker = Asker(self._keeper, self._sessions[path], steering.sampling(), steering.when_full)
        if self.tree.nodes:
            return asker.answer_again(self.tree, self.tree.branch[-1].id)
        return asker.ask(self.tree, self.round.question)

    def take(self, side: _Side, error: Exception | None) -> None:
        """Take the end of a side's answer."""
        assert side.asked is not None
        answer = side.asked.turn.answer
        self.tree = self.tree.replacing(side.asked.answer_id, answer)
        self._end(side.number, answer, None if isinstance(error, Cancelled) else error)

    def _end(self, number: int, answer: Message, error: Exception | None) -> None:
        self.answers[number] = answer
        self.ended.emit(number, answer, error)
        if len(self.answers) == 2:
            if not self._at_once:
                self._let_go(list(self._sessions))
            self.over.emit()
        elif not self._at_once:
            self._go_over(number, 1 - number)

    def _go_over(self, number: int, next_number: int) -> None:
        """Unload the model that has answered, and let the other one answer then."""
        assert self.pairing is not None
        session = self._sessions.pop(self.pairing.contestants[number].checkpoint.path, None)
        if session is None:
            self.on_turn_of(self._sides[next_number])
        else:
            thread = self._jobs.start(Call(session.close, doing=self.tr("Unloading the model")))
            thread.finished.connect(self._sides[next_number].on_turn)

    def on_turn_of(self, side: _Side) -> None:
        """Let a side answer that has waited for the other."""
        if side.stopped:
            side.running = False
            self._end(side.number, _NOTHING, None)
        else:
            self._begin(side)

    @Slot(object)
    def _on_voted(self, counted: tuple[Tally, Tally]) -> None:
        self.voted.emit(counted)


class _Side(QObject):
    """One model's answer while it comes."""

    def __init__(self, duel: Duelling, number: int) -> None:
        super().__init__(duel)
        self.number = number
        self.asked: Asked | None = None
        self.running = True
        self.stopped = False
        self._duel = duel
        self._thread: JobThread | None = None

    def begin(self, asked: Asked, thread: JobThread) -> None:
        self.asked, self._thread = asked, thread
        thread.progressed.connect(self._on_progressed)
        thread.tokens.connect(self._on_tokens)
        thread.finished.connect(self._on_finished)
        thread.failed.connect(self._on_failed)
        if self.stopped:
            thread.cancel()

    def stop(self) -> None:
        self.stopped = True
        if self._thread:
            self._thread.cancel()

    @Slot(object)
    def on_turn(self, _done: object = None) -> None:
        self._duel.on_turn_of(self)

    @Slot(Progress)
    def _on_progressed(self, progress: Progress) -> None:
        self._duel.progressed.emit(self.number, progress)

    @Slot(list)
    def _on_tokens(self, tokens: list[Any]) -> None:
        self._duel.tokens.emit(self.number, tokens)

    @Slot(object)
    def _on_finished(self, _conversation: object) -> None:
        self.running = False
        self._duel.take(self, None)

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        self.running = False
        self._duel.take(self, error)


def _voted(history: History, pairing: Pairing, verdict: Verdict, blind: bool, question_id: int) -> tuple[Tally, Tally]:
    """Keep a vote and return both models' counts; it may read the models once."""
    first, second = (side_of(each.checkpoint) for each in pairing.contestants)
    history.vote(Vote(first, second, verdict, blind, question_id, time.time())).result()
    counted = tallies(history.votes())
    return counted[first.sha256], counted[second.sha256]
