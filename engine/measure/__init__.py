"""Stage 6: what a format really costs. ``Checkpoint -> Report``."""
