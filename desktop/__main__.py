"""``halfbyte``: the window, also for model files; with a command, the same pipeline in the terminal."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from desktop.display import why_no_window


def main(arguments: list[str] | None = None) -> int:
    """Run a command or open the window; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and not all(argument.lower().endswith(".gguf") for argument in arguments):
        from engine.cli import main as cli_main  # the window needs no terminal

        return cli_main(arguments)
    return window(arguments)


def window(files: Sequence[str] | None = None) -> int:
    """Open the window, with the models in ``files`` (``halfbyte-desktop``); return the exit code."""
    files = sys.argv[1:] if files is None else files
    reason = why_no_window()
    if reason:
        sys.stderr.write(f"The window cannot be opened. {reason}\n\nAll works without one as well: halfbyte --help\n")
        return 1
    gc.disable()  # hardly anything of the start is garbage: looking for it takes a twentieth of it
    from desktop.app import run  # Qt may be missing

    return run([Path(file) for file in files])


if __name__ == "__main__":
    sys.exit(main())
