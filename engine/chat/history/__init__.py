"""The conversations on disk: one SQLite file, one writer, a tree of messages each. Start at :mod:`.store`."""
