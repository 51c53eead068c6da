"""The same pipeline without a window: ``halfbyte machine``, ``suggest``, ``library``, ``convert``, ``chat``.

Exit codes: 0 done; 1 something in the world is in the way (the message says what, and what to do); 2 the command line
is wrong; 70 a bug of ours (EX_SOFTWARE of sysexits.h); 130 cancelled with Ctrl+C.
"""

from __future__ import annotations

import os
import sys
import traceback

import click

from engine.cli import commands, show
from engine.errors import Cancelled, EngineError

EXIT_WORLD = 1
EXIT_BUG = 70
EXIT_CANCELLED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = commands.halfbyte.main(args=arguments, prog_name="halfbyte", standalone_mode=False)
        return code if isinstance(code, int) else 0  # of a command that ended itself with one
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort, Cancelled):
        show.errors.print("Cancelled.")
        return EXIT_CANCELLED
    except EngineError as error:
        show.error(error)
        return EXIT_WORLD
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        traceback.print_exc()
        show.errors.print("This is a bug in Halfbyte. Please report the lines above.")
        return EXIT_BUG
