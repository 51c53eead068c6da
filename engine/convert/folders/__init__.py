"""Formats that are folders of safetensors: NF4 and INT8 through bitsandbytes, GPTQ and AWQ through GPTQModel."""
