"""Readers of model headers: what a file or a folder says of itself, without loading a weight."""
