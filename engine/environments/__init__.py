"""Environments for what is not part of the app: PyTorch with CUDA. Set up with uv when a person asks."""
