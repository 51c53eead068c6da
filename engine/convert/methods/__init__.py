"""The recipes' own code: only the conversion worker imports it."""
