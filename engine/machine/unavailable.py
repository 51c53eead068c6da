"""What a reader of the machine raises where there is nothing to read."""

from __future__ import annotations


class Unavailable(Exception):
    """Say that a reading could not be taken; ``reason`` is a sentence, ``code`` the driver's own name of the error."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
