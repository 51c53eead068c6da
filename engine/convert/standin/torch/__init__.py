"""The part of torch that llama.cpp's converter needs for plain and for packed weights, on numpy, with the same bits."""

from engine.convert.standin.lacking import attribute_of

from .dtypes import bfloat16 as bfloat16
from .dtypes import bool_ as bool  # noqa: F401
from .dtypes import dtype as dtype
from .dtypes import float8_e4m3fn as float8_e4m3fn
from .dtypes import float8_e5m2 as float8_e5m2
from .dtypes import float8_e8m0fnu as float8_e8m0fnu
from .dtypes import float16 as float16
from .dtypes import float32 as float32
from .dtypes import float64 as float64
from .dtypes import int8 as int8
from .dtypes import int16 as int16
from .dtypes import int32 as int32
from .dtypes import int64 as int64
from .dtypes import int64 as long  # noqa: F401
from .dtypes import uint8 as uint8
from .functions import all_ as all  # noqa: F401
from .functions import any_ as any  # noqa: F401
from .functions import arange as arange
from .functions import bitwise_and as bitwise_and
from .functions import bitwise_right_shift as bitwise_right_shift
from .functions import cat as cat
from .functions import concat as concat
from .functions import empty as empty
from .functions import equal as equal
from .functions import exp as exp
from .functions import inference_mode as inference_mode
from .functions import ones as ones
from .functions import reshape as reshape
from .functions import split as split
from .functions import sqrt as sqrt
from .functions import squeeze as squeeze
from .functions import stack as stack
from .functions import tensor as tensor
from .functions import transpose as transpose
from .functions import zeros as zeros
from .functions import zeros_like as zeros_like
from .tensors import Size as Size
from .tensors import Tensor as Tensor
from .tensors import from_numpy as from_numpy

__getattr__ = attribute_of("torch")
