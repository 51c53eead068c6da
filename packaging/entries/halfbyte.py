"""The packaged window; with a command, the same pipeline in the terminal."""

import sys

from desktop.__main__ import main

sys.exit(main())
