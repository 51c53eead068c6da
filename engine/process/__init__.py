"""The worker boundary: one JSON object a line, a worker's loop, and the host that starts, asks and ends workers."""
