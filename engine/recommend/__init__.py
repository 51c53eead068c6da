"""Stage 2: what fits this computer. ``(ModelFacts, Machine) -> Fit[]``."""
