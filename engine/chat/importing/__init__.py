"""Conversations from files: Halfbyte's own, ChatGPT's and Open WebUI's. Start at :mod:`.files`."""
