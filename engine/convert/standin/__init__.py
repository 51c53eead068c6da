"""What llama.cpp's converter asks of torch and transformers, on numpy and tokenizers.

This folder goes on the import path of the conversion worker, and of nothing else, where the real packages are not
installed. It does what the usual decoder families need, with the same bits as torch 2.13 on a CPU, and reads data only:
no code of a model's folder is ever run. What it does not do raises :class:`engine.convert.standin.lacking.Lacking`.
"""
