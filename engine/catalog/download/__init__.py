"""Fetches a model so that it cannot go wrong silently: resumed, checked, placed under its own name at the end.

It runs in threads of the app's own process. Fetching waits for the network nearly all the time; reading from a socket,
writing and hashing let go of the interpreter lock, and a kill of the process loses nothing that a second process could
save: what is on the disk is described there, block by block (see :mod:`engine.catalog.download.blocks`).

Files in Xet storage are fetched as all others, by range requests to their resolve address: the Hub's bridge puts them
together and answers with one URL (Hub documentation, “Backward Compatibility with LFS”). hf_xet would share its chunks
among files, but huggingface_hub 2.4 gives it a temporary file with a random ending and removes it on failure
(``file_download.py``), so what was fetched before a kill is lost, and its bytes do not pass by to be hashed.
Not measured: Xet against ranges on the real network.
"""
