"""The way of every text that is read: through Qt's translation, where no class of Qt's is at hand (``self.tr`` there).

``pyside6-lupdate`` finds texts in calls named ``tr`` and in ``QT_TR_NOOP``: literals only, never f-strings.
"""

from __future__ import annotations

import re

from PySide6.QtCore import QCoreApplication

_ENDING = re.compile(r"(?<=\w)\((\w+)\)")
_EITHER = re.compile(r"\((\w*)\|(\w*)\)")


def QT_TR_NOOP(text: str) -> str:
    """Mark a text that :func:`tr` translates when it is shown: a constant is made before the language is known."""
    return text


def tr(text: str, comment: str = "", n: int | None = None, /) -> str:
    """Return the translation of a text.

    With ``n`` the text has ``%Ln`` where the number stands. Qt chooses the plural form of a translation; English needs
    none, because the text has its two forms itself: “%Ln file(s) (is|are) left”.
    """
    if n is None:
        return QCoreApplication.translate("", text, comment)
    return _formed(QCoreApplication.translate("", text, comment, n), one=n == 1)


def _formed(text: str, *, one: bool) -> str:
    text = _ENDING.sub("" if one else r"\1", text)
    return _EITHER.sub(r"\1" if one else r"\2", text)
