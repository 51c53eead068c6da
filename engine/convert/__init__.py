"""Stage 4: make the format that fits. ``Checkpoint -> Checkpoint``."""
