"""The branch of a conversation that is read, as a transcript: which widget shows which message of the tree."""

from __future__ import annotations

import itertools

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from desktop.jobs import Jobs
from desktop.widgets.chat.answer import Answer
from desktop.widgets.chat.press import Press
from desktop.widgets.chat.question import Question
from desktop.widgets.chat.transcript import MessageView, Transcript
from engine.chat.conversation import Message
from engine.chat.history.tree import Tree


class Branch(Transcript):
    """Tells by a message's id what the person wants of it. ``answer`` is the newest answer's widget, if there is one.

    ``version_wanted`` (id, -1 or 1): to see the version before or after; ``edited`` (id, the new question);
    ``again_wanted``: another answer; ``more_wanted``: the rest of this one; ``about_wanted``: what is known of it.
    ``way_chosen`` carries a fault's button, ``save_wanted`` a block of code and its language.
    """

    edited = Signal(object, str)
    version_wanted = Signal(object, int)
    again_wanted = Signal(object)
    more_wanted = Signal(object)
    about_wanted = Signal(object)
    way_chosen = Signal(object)
    link_wanted = Signal(str)
    save_wanted = Signal(str, str)

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(self._make_view, parent)
        self.press = Press(jobs, self)
        self.answer: Answer | None = None
        self._ids: list[int] = []

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._ids

    def show_tree(self, tree: Tree) -> None:
        """Show a conversation's branch from its end."""
        self._ids = [node.id for node in tree.branch]
        self.show_messages([node.message for node in tree.branch])
        newest = self.views[-1:]
        self.answer = newest[0] if newest and isinstance(newest[0], Answer) else None

    def begin_answer(self, tree: Tree) -> None:
        """Show the branch that an answer has begun on: what is shown of it already stays."""
        if self.answer:
            self.answer.clear_fault()
        ids = [node.id for node in tree.branch]
        pairs = zip(ids[:-1], self._ids, strict=False)
        same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        self.cut(same)
        for node in tree.branch[same:-1]:
            self.add(self._make_view(node.message), node.message)
        self._ids = ids
        self.answer = answer = self._make_answer()
        answer.begin(tree.branch[-1].message)
        self.add(answer)

    def show_places(self, tree: Tree, *, idle: bool, askable: bool) -> None:
        """Say of each message which version it is, and let it offer what can be done now."""
        for at, view in self.shown:
            if at < len(self._ids):
                versions = tree.siblings(self._ids[at])
                number = next(n for n, node in enumerate(versions, 1) if node.id == self._ids[at])
                last = at == len(self._ids) - 1
                view.show_place(number, len(versions), idle=idle, askable=askable, last=last)

    def focus_message(self, message_id: int) -> None:
        """Scroll to a message, if it is on this branch."""
        if message_id in self._ids:
            self.bring(self._ids.index(message_id)).view.setFocus(Qt.FocusReason.OtherFocusReason)

    def view_of(self, message_id: int) -> MessageView | None:
        """Return the widget of a message, if it is on this branch and has one now."""
        return self.view(self._ids.index(message_id)) if message_id in self._ids else None

    def focus_version(self, message_id: int, step: int) -> None:
        """Leave another version of a message where the eye is, its buttons under the fingers."""
        before, after = self.bring(self._ids.index(message_id)).versions.stops
        wanted = before if step < 0 else after
        (wanted if wanted.isEnabled() else before if after is wanted else after).setFocus()

    # What the person wants of a message

    @Slot(str)
    def _on_edited(self, question: str) -> None:
        self.edited.emit(self._id_of(self.sender()), question)

    @Slot(int)
    def _on_version(self, step: int) -> None:
        self.version_wanted.emit(self._id_of(self.sender()), step)

    @Slot()
    def _on_again(self) -> None:
        self.again_wanted.emit(self._id_of(self.sender()))

    @Slot()
    def _on_more(self) -> None:
        self.more_wanted.emit(self._id_of(self.sender()))

    @Slot()
    def _on_about(self) -> None:
        self.about_wanted.emit(self._id_of(self.sender()))

    def _id_of(self, view: QObject) -> int:
        assert isinstance(view, Question | Answer)
        return self._ids[self.index(view)]

    def _make_view(self, message: Message) -> MessageView:
        if message.role == "user":
            question = Question(message.content)
            question.edited.connect(self._on_edited)
            question.version_wanted.connect(self._on_version)
            return question
        answer = self._make_answer()
        answer.show_message(message)
        return answer

    def _make_answer(self) -> Answer:
        answer = Answer(self.press)
        answer.way_chosen.connect(self.way_chosen)
        answer.link_wanted.connect(self.link_wanted)
        answer.save_wanted.connect(self.save_wanted)
        answer.again_wanted.connect(self._on_again)
        answer.more_wanted.connect(self._on_more)
        answer.about_wanted.connect(self._on_about)
        answer.version_wanted.connect(self._on_version)
        return answer
