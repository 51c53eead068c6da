"""What happens when a page asks: a flow joins one page to the jobs of the engine, and their answers to its slots."""
