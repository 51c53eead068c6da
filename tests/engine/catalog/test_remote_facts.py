"""Facts over HTTP are those of the whole file, for a fraction of its bytes."""

from __future__ import annotations

import contextlib
import json
import random
import struct
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.catalog.facts import gguf_facts
from engine.catalog.find import LookedUp, ReadingFacts, looking_up
from engine.catalog.hub.variants import Variant
from engine.catalog.remote.header import read_sparse_header
from engine.catalog.remote.strings import Lost
from engine.errors import Cancelled, NotFound, Offline, Refused
from engine.events import Finished, Progress
from engine.formats import Family, ModelFacts
from tests.helpers.downloads import NAME, client
from tests.helpers.hub_server import Hub as Served
from tests.helpers.hub_server import serving
from tests.helpers.level_files import header_and_weights, level_file

LEVELS = ("F16", "Q8_0", "Q4_K_M", "Q2_K")


@pytest.fixture
def served():
    with serving() as served:
        yield served


@dataclass
class Memory:
    """A file in memory, read as a remote one is."""

    content: bytes
    name: str = "x.gguf"
    read_bytes: int = 0
    spans: list[tuple[int, int]] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.content)

    def at(self, start: int, length: int, ahead: int = 4096) -> bytes:
        if not any(begin <= start and min(start + length, self.size) <= end for begin, end in self.spans):
            self.spans.append((start, min(self.size, start + max(length, ahead))))
            self.read_bytes += self.spans[-1][1] - start
        return self.content[start : start + length]

    def read(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]

    def fetch(self, stretches) -> None:
        for start, end in stretches:
            self.at(start, end - start, 0)


def whole(content: bytes, title: str = "x") -> ModelFacts:
    return gguf_facts(Memory(content), title)


def compact(memory: Memory, like=None) -> ModelFacts:
    header = read_sparse_header(memory, like)  # type: ignore[arg-type]
    small = header.compact()
    source = Memory(small)
    return gguf_facts(Unsized(source.content), "x")


@dataclass
class Unsized:
    content: bytes
    name: str = "x.gguf"
    size: int | None = None

    def read(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]


def facts_of(served: Served, name: str = NAME) -> dict[str, Variant]:
    *_, last = looking_up(client(served), name)
    assert isinstance(last, Finished)
    *events, finished = ReadingFacts(client(served), last.value)
    assert all(isinstance(event, Progress) for event in events)
    assert isinstance(finished, Finished)
    return {variant.title: variant for variant in finished.value.all}


# Headers without their vocabulary


def test_a_large_header_is_read_by_a_few_probes() -> None:
    memory = Memory(level_file("Q4_K_M", tokens=64_000, merges=120_000))
    assert compact(memory) == whole(memory.content)
    assert memory.read_bytes < 200_000


def test_another_level_is_read_at_the_same_place() -> None:
    guide = read_sparse_header(Memory(level_file("Q8_0", tokens=20_000, merges=40_000)))  # type: ignore[arg-type]
    more = {"quantize.imatrix.file": "/somewhere/imatrix.dat", "quantize.imatrix.entries_count": 224}
    other = Memory(level_file("Q4_K_S", tokens=20_000, merges=40_000, more=more))
    assert compact(other, guide) == whole(other.content)
    assert other.read_bytes < 50_000


def test_a_level_with_another_vocabulary_finds_its_own_way() -> None:
    guide = read_sparse_header(Memory(level_file("Q8_0", tokens=20_000, merges=40_000)))  # type: ignore[arg-type]
    for tokens, merges in ((20_000, 40_001), (20_001, 40_000), (300, 200)):
        other = Memory(level_file("Q4_K_S", tokens=tokens, merges=merges))
        assert compact(other, guide) == whole(other.content)


words = st.lists(st.text(max_size=12) | st.just("tokenizer.x.y") | st.text("a", max_size=3000), max_size=30)


@settings(max_examples=60, deadline=None)
@given(words, st.integers(0, 3000), st.integers(1, 3), st.sampled_from(["types", "zeros", "scores", "none", "first"]))
def test_odd_vocabularies_are_skipped_or_given_up(odd: list[str], count: int, layers: int, order: str) -> None:
    tokens = [f"word{number}" for number in range(count)] + odd
    random.Random(count).shuffle(tokens)
    after = {"types": [3] * len(tokens), "zeros": [0] * len(tokens), "scores": [-7] * len(tokens)}.get(order, [])
    vocabulary = {"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": after, "tokenizer.ggml.eos_token_id": 1}
    settings_ = {
        "general.architecture": "llama",
        "llama.block_count": layers,
        "llama.context_length": 64,
        "llama.embedding_length": 256,
        "llama.attention.head_count": 4,
        "general.file_type": 1,
    }
    values = {**vocabulary, **settings_} if order == "first" else {**settings_, **vocabulary}
    if order == "none":
        del values["tokenizer.ggml.eos_token_id"]
    shapes = [("token_embd.weight", (256, 8)), *((f"blk.{layer}.attn_q.weight", (256, 4)) for layer in range(layers))]
    content = header_and_weights(values, shapes, "F16")
    try:
        found = compact(Memory(content))
    except Lost:
        return
    assert found == whole(content)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_headers_end_in_an_answer(data: st.DataObject) -> None:
    content = bytearray(level_file("Q8_0", layers=1, tokens=90, merges=100, template="x"))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Lost):
        read_sparse_header(Memory(bytes(content[: data.draw(st.integers(24, len(content)))])))  # type: ignore[arg-type]


# Whole repositories


def test_all_levels_have_the_facts_of_their_files(served: Served) -> None:
    files = {f"Tiny-{level}.gguf": level_file(level, layers=4, tokens=30_000, merges=60_000) for level in LEVELS}
    served.publish(NAME, files)
    found = facts_of(served)
    assert {title: variant.facts for title, variant in found.items()} == {
        level: whole(files[f"Tiny-{level}.gguf"], f"Tiny-{level}") for level in LEVELS
    }
    assert {variant.format_id for variant in found.values()} == {f"gguf-{level.lower()}" for level in LEVELS}
    assert served.traffic_bytes < 400_000 < min(map(len, files.values()))


def test_a_split_file_has_the_tensors_of_all_its_parts(served: Served) -> None:
    how = {"layers": 3, "tokens": 3000, "merges": 3000}
    split = {"split.count": 2, "split.no": 0}
    first = level_file("Q8_0", **how, last=10, more=split)
    whole_file = level_file("Q8_0", **how, more=split)
    second = level_file("Q8_0", layers=3, tokens=0, merges=0, first=10, more={**split, "split.no": 1})
    served.publish(NAME, {"a-Q8_0-00001-of-00002.gguf": first, "a-Q8_0-00002-of-00002.gguf": second})
    variant = facts_of(served)["Q8_0"]
    assert variant.facts
    assert variant.facts.tensors == whole(whole_file).tensors
    assert variant.size_bytes == len(first) + len(second)


def test_a_header_that_cannot_be_skipped_through_is_read_as_a_whole(served: Served) -> None:
    strange = level_file("Q8_0", layers=1, tokens=2000, merges=0) + bytes(4096)  # longer than its tensors
    with pytest.raises(Lost):
        read_sparse_header(Memory(strange))  # type: ignore[arg-type]
    served.publish(NAME, {"Tiny-Q8_0.gguf": strange})
    assert facts_of(served)["Q8_0"].facts == whole(strange, "Tiny-Q8_0")


def test_what_is_damaged_or_foreign_is_a_problem_of_its_own(served: Served) -> None:
    good = level_file("Q8_0", layers=1, tokens=500, merges=0)
    served.publish(
        NAME, {"Tiny-Q8_0.gguf": good, "Tiny-Q4_0.gguf": b"no GGUF at all" * 99, "Tiny-Q2_K.gguf": good[:3000]}
    )
    found = facts_of(served)
    assert found["Q8_0"].facts
    assert "a GGUF file" in found["Q4_0"].problem
    assert "damaged" in found["Q2_K"].problem


def safetensors(tensors: dict[str, tuple[str, list[int]]]) -> bytes:
    sizes = {"BF16": 2, "I32": 4, "F16": 2}
    table, offset = {}, 0
    for name, (kind, shape) in tensors.items():
        length = sizes[kind] * shape[0] * (shape[1] if len(shape) > 1 else 1)
        table[name] = {"dtype": kind, "shape": shape, "data_offsets": [offset, offset + length]}
        offset += length
    header = json.dumps(table).encode()
    return struct.pack("<Q", len(header)) + header + bytes(offset)


CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 32,
    "max_position_embeddings": 512,
}
LAYER = "model.layers.0.self_attn.q_proj.weight"


def test_a_plain_folder_has_facts_from_its_configuration_and_headers(served: Served) -> None:
    files = {
        "config.json": json.dumps(CONFIG).encode(),
        "tokenizer_config.json": b'{"chat_template": "x"}',
        "model-00001-of-00002.safetensors": safetensors({"model.embed_tokens.weight": ("BF16", [32, 64])}),
        "model-00002-of-00002.safetensors": safetensors({LAYER: ("BF16", [64, 64])}),
    }
    served.publish("acme/Tiny", files, cardData={"license": "mit"})
    variant = facts_of(served, "acme/Tiny")["Tiny"]
    assert variant.facts
    assert (variant.format_id, variant.facts.licence, variant.facts.chat_template) == ("plain-bf16", "mit", True)
    assert {tensor.name for tensor in variant.facts.tensors} == {"token_embd.weight", "blk.0.attn_q.weight"}


@pytest.mark.parametrize(
    ("quantization", "format_id", "family"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "awq-int4-g128", Family.AWQ),
        ({"quant_method": "gptq", "bits": 4, "group_size": 64}, "gptq-int4-g64", Family.GPTQ),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "bnb-nf4", Family.BNB),
    ],
)
def test_a_quantized_folder_is_told_by_its_configuration(
    served: Served, quantization: dict, format_id: str, family: Family
) -> None:
    config = json.dumps({**CONFIG, "quantization_config": quantization}).encode()
    weights = safetensors({"model.embed_tokens.weight": ("F16", [32, 64]), LAYER: ("F16", [64, 64])})
    served.publish("acme/Tiny", {"config.json": config, "model.safetensors": weights})
    variant = facts_of(served, "acme/Tiny")["Tiny"]
    assert (variant.format_id, variant.family, variant.problem) == (format_id, family, "")


@pytest.mark.parametrize("config", [b"[1]", b"{", b'{"quantization": {"bits": 4}}', b"{}"])
def test_a_folder_that_makes_no_sense_is_a_problem(served: Served, config: bytes) -> None:
    served.publish("acme/Tiny", {"config.json": config, "model.safetensors": safetensors({LAYER: ("F16", [64, 64])})})
    assert facts_of(served, "acme/Tiny")["Tiny"].problem


# Jobs


def test_an_address_points_at_a_variant(served: Served) -> None:
    served.publish(NAME, {"Tiny-Q8_0.gguf": b"GGUF", "Tiny-Q4_0.gguf": b"GGUF"})
    (finished,) = looking_up(client(served), f"{served.url}/{NAME}/blob/main/Tiny-Q4_0.gguf")
    assert isinstance(finished, Finished)
    found = finished.value.variants.find(finished.value.path)
    assert found and found.title == "Q4_0"


def test_a_silent_hub_does_not_hold_up_a_cancel(served: Served) -> None:
    served.round_trip_s = 5
    job = looking_up(client(served), NAME)
    job.cancel()
    with pytest.raises(Cancelled):
        list(job)


def test_reading_facts_can_be_cancelled_and_fails_clearly(served: Served) -> None:
    served.publish(NAME, {f"Tiny-{level}.gguf": level_file(level, layers=1, tokens=900, merges=0) for level in LEVELS})
    *_, last = looking_up(client(served), NAME)
    assert isinstance(last, Finished)
    looked_up: LookedUp = last.value
    job = ReadingFacts(client(served), looked_up)
    with pytest.raises(Cancelled):
        for _ in job:
            job.cancel()
    served.faults.add("status", value=503, times=999)
    with pytest.raises((Offline, Refused)):
        list(ReadingFacts(client(served), looked_up))
    served.faults.clear()
    served.repositories.clear()
    with pytest.raises(NotFound):
        list(ReadingFacts(client(served), looked_up))
