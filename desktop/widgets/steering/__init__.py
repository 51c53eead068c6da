"""How answers are made: the dialogs for a conversation's settings and its system prompt."""
