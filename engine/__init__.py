"""The engine: everything that Halfbyte does, without a window.

Its sub-packages stand in the order in which data flows; a stage imports the stages before it and never one after:
``machine → recommend → catalog → convert → runtime → measure → chat → cli``.
"""

__version__ = "0.1.0"
