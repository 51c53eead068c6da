"""One page a stage, with the stage's name."""
