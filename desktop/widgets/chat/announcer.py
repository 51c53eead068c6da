"""Let a screen reader speak an answer while it comes, a sentence at a time."""

from __future__ import annotations

import re

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

_END = re.compile(r"(?<=[^\d\s][.!?])\s+|(?<=[。！？])|\n+")  # a number and its point begin an item of a list
_MARKUP = re.compile(r"[*_`#|~]+")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


class Sentences:
    """Collect text and give back what has become whole sentences, without the signs of Markdown."""

    def __init__(self) -> None:
        self._rest = ""

    def add(self, text: str) -> list[str]:
        *whole, self._rest = _END.split(self._rest + text)
        return spoken(whole)

    def end(self) -> list[str]:
        whole, self._rest = [self._rest], ""
        return spoken(whole)


def spoken(sentences: list[str]) -> list[str]:
    plain = (_MARKUP.sub("", _LINK.sub(r"\1", sentence)).strip() for sentence in sentences)
    return [sentence for sentence in plain if sentence]


def announce(source: QObject, sentence: str) -> None:
    """Say a sentence after what is being said now; nothing happens where no screen reader listens."""
    if QAccessible.isActive():
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(source, sentence))
