"""Finds models on the Hugging Face Hub: search, a model's files at a pinned commit, and what can be had of it."""
