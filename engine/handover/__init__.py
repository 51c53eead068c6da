"""The way out: from a model here to a server for many people. Pure functions that write commands and files for vLLM.

Nothing is run here. The flags are those of :data:`engine.handover.support.VLLM_VERSION`.
"""
