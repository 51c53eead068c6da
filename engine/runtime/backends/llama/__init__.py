"""The parts of the llama.cpp back end."""
