"""Kernels of our own for one token at a time, compiled by NVRTC when a model is loaded."""
