"""Models in PyTorch, of the classes that transformers has: the parts of the back end of that name."""
