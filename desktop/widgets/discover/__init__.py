"""The parts of the Discover page."""
