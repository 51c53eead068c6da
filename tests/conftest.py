"""What holds for all lanes."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Let programs that are tested hear Ctrl+C, which whoever runs the tests in the background has ignored for all."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
