"""Stage 1: what this computer has. ``probe() -> Machine``."""
