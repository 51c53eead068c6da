"""Stage 5: load a model and generate. ``Checkpoint -> Session``."""
