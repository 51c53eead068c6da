"""The part of transformers that llama.cpp's converter needs: configurations and tokenizers, read as data."""

from engine.convert.standin.lacking import attribute_of

from .config import AutoConfig as AutoConfig
from .tokenizer import AutoTokenizer as AutoTokenizer

__getattr__ = attribute_of("transformers")
