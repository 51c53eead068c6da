"""Stage 7: conversations. One question makes one ``Turn`` of events."""
