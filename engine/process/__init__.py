"""The worker boundary: one JSON object a line, a worker's loop, and the host that starts, asks, cancels and kills it."""
