from hypothesis import given
from hypothesis import strategies as st

from engine.runtime.backends.llama.faults import Buffers
from engine.runtime.backends.llama.fit import MARGIN_BYTES, layers_that_fit
from engine.runtime.backends.llama.native import GpuDevice

LAYERS = 32


def gpu(name: str, free_bytes: int) -> GpuDevice:
    return GpuDevice(name, name, free_bytes, free_bytes)


def measured(count: int, names: tuple[str, ...] = ("CUDA0",)) -> Buffers:
    """Layers of 100 bytes, shared out to the devices; a fixed buffer of 50 on each."""
    return Buffers({name: count * 100 // len(names) for name in names}, {}, dict.fromkeys(names, 50))


def test_without_a_gpu_nothing_is_measured():
    def never(count: int) -> Buffers:
        raise AssertionError

    assert layers_that_fit(LAYERS, (), never) == 0


def test_everything_goes_where_everything_fits_after_one_look():
    looked = []

    def measure(count: int) -> Buffers:
        looked.append(count)
        return measured(count)

    assert layers_that_fit(LAYERS, (gpu("CUDA0", 4000 + MARGIN_BYTES),), measure) == LAYERS + 1
    assert looked == [LAYERS + 1]


@given(st.integers(min_value=0, max_value=4000))
def test_as_many_as_fit_and_not_one_more(room):
    count = layers_that_fit(LAYERS, (gpu("CUDA0", room + MARGIN_BYTES),), measured)
    assert count == 0 or count * 100 + 50 <= room
    assert count == LAYERS + 1 or (count + 1) * 100 + 50 > room


def test_the_smallest_device_decides():
    devices = (gpu("CUDA0", 10_000 + MARGIN_BYTES), gpu("CUDA1", 550 + MARGIN_BYTES))
    assert layers_that_fit(LAYERS, devices, lambda count: measured(count, ("CUDA0", "CUDA1"))) == 10
