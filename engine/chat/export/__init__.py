"""Conversations as files for people (Markdown, HTML) and for programs (JSON). Pure functions of entry and tree."""
