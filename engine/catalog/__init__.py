"""Stage 3: find, fetch and keep models. ``Checkpoint``."""
