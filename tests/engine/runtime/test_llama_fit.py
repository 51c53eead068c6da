"""How many layers go to a GPU, for a model of 32 layers of 100 MiB each."""

from hypothesis import given
from hypothesis import strategies as st

from engine.formats import ModelFacts, TensorFacts
from engine.recommend.context import Context
from engine.recommend.footprint import gguf_placed
from engine.recommend.runtime_cost import GPU_MARGIN_BYTES
from engine.recommend.sizes import sizes_of
from engine.runtime.backends.llama.fit import fewer, layers_that_fit
from engine.runtime.backends.llama.native import GpuDevice
from engine.runtime.options import LoadOptions

MIB = 1024**2
LAYERS = 32
OPTIONS = LoadOptions()


def tensor(name: str, rows: int) -> TensorFacts:
    return TensorFacts(name, (1024, rows), "F16", 1024 * rows * 2)


FACTS = ModelFacts(
    name="model",
    architecture="llama",
    format_id="gguf-f16",
    layers=LAYERS,
    width=1024,
    heads=8,
    kv_heads=(8,) * LAYERS,
    key_length=128,
    value_length=128,
    window=(0,) * LAYERS,
    feed_forward=4096,
    vocabulary=32_000,
    trained_context=4096,
    experts=0,
    experts_used=0,
    tensors=(
        tensor("token_embd.weight", 32_000),
        *(tensor(f"blk.{layer}.ffn_up.weight", 50 * 1024) for layer in range(LAYERS)),
        tensor("output.weight", 32_000),
    ),
)


def gpu(room_bytes: int, name: str = "CUDA0") -> GpuDevice:
    free_bytes = room_bytes + GPU_MARGIN_BYTES
    return GpuDevice(name, name, free_bytes, free_bytes)


def needed_bytes(layers: int, gpus: int = 1) -> int:
    return gguf_placed(sizes_of(FACTS, "gguf-f16"), Context(), layers, gpus).gpu.total_bytes


def test_without_a_gpu_there_is_nothing_to_fit():
    assert layers_that_fit(FACTS, OPTIONS, ()) == 0


def test_everything_goes_where_everything_fits():
    assert layers_that_fit(FACTS, OPTIONS, (gpu(80 * 1024 * MIB),)) == LAYERS + 1


def test_a_gpu_that_is_full_gets_nothing():
    assert layers_that_fit(FACTS, OPTIONS, (GpuDevice("CUDA0", "", 8 << 30, 0),)) == 0


@given(st.integers(min_value=0, max_value=6000 * MIB))
def test_as_many_as_fit_and_not_one_more(room_bytes):
    count = layers_that_fit(FACTS, OPTIONS, (gpu(room_bytes),))
    assert count == 0 or needed_bytes(count) <= room_bytes
    assert count == LAYERS + 1 or needed_bytes(count + 1) > room_bytes


@given(st.integers(min_value=0, max_value=4000 * MIB), st.integers(min_value=0, max_value=4000 * MIB))
def test_more_room_never_takes_fewer(room_bytes, more_bytes):
    less, more = ((gpu(room_bytes),), (gpu(room_bytes + more_bytes),))
    assert layers_that_fit(FACTS, OPTIONS, less) <= layers_that_fit(FACTS, OPTIONS, more)


def test_two_devices_hold_less_than_one_of_their_size():
    together = layers_that_fit(FACTS, OPTIONS, (gpu(1000 * MIB), gpu(1000 * MIB, "CUDA1")))
    assert 0 < together < layers_that_fit(FACTS, OPTIONS, (gpu(2000 * MIB),))


def test_a_longer_context_leaves_room_for_fewer_layers():
    longer = LoadOptions(context_tokens=32_768)
    assert layers_that_fit(FACTS, longer, (gpu(2000 * MIB),)) < layers_that_fit(FACTS, OPTIONS, (gpu(2000 * MIB),))


def test_trying_fewer_comes_to_an_end():
    layers, steps = 100, 0
    while layers:
        layers, steps = fewer(layers), steps + 1
    assert steps < 20
