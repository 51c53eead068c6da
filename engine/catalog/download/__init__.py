"""Fetches a model so that it cannot go wrong silently: resumed, checked, placed under its own name at the end.

It runs in threads of the app's own process. Fetching waits for the network nearly all the time; reading from a socket,
writing and hashing let go of the interpreter lock, and a kill of the process loses nothing that a second process could
save: what is on the disk is described there, block by block (see :mod:`engine.catalog.download.blocks`).
"""
