"""The packaged worker: ``halfbyte-worker engine.<stage>.worker`` in place of ``python -m``."""

from engine.process.child import main

main()
