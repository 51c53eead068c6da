"""What making a folder takes: bytes of disk and memory, and seconds, from facts and what was measured elsewhere."""

from __future__ import annotations

from engine.convert.estimates import HASH_BYTES_S, START_S, Needs
from engine.convert.folders.card_room import CardRoom, entering_bytes, inputs_bytes, offloading_s
from engine.convert.folders.recipes import AUTOAWQ, SAMPLE_TOKENS, SAMPLES, FolderRecipe
from engine.convert.source import Source
from engine.formats import ModelFacts
from engine.recommend.weights import is_linear, tensors_in

PYTORCH_BYTES = 2 << 30  # a process with PyTorch, CUDA and transformers
WAITING_SHARE = 1.5  # of the result, what GPTQModel keeps beside it: the embedding and finished layers (measured: 1.4)
SHARD_BYTES = 1 << 30  # collected in memory before it is written
PACK_BYTES_S = 250e6  # reading and packing, bytes read a second: one thread of a Xeon
LAYER_S, CALIBRATED_WEIGHTS_S = 2.5, 2e7  # GPTQ and AWQ, measured with 128 samples of 512 tokens on an H200
AUTOAWQ_TIMES = 5  # as long as that (1.2 billion parameters, 32 samples, an H200: 201 s)
SAMPLES_SHARE = 0.5  # of that time, what follows the number of tokens: a guess between all and nothing
# On two threads of a processor: seconds a weight, and further ones for each token that it is calibrated on (measured
# with two layers of the starter model and 8 to 128 samples; AutoAWQ, which computes in FP16 there, with 16).
ON_A_PROCESSOR_S = {
    "gptq-int4-g128": (2e-7, 5e-11),
    "awq-int4-g128": (1.3e-6, 5e-10),
    AUTOAWQ.id: (1.3e-6, 3e-9),
}
# Text of its own: plain transformers takes so long for a layer of one token (tests/device/torch_speed.py, an H200);
# on a processor a weight is used so many times a second.
WRITTEN_AT_ONCE, WRITING_LAYER_S, WRITTEN_WEIGHTS_S_OF_A_PROCESSOR = 64, 1.5e-3, 15e9
SMALL_FILES_BYTES = 1 << 20  # configuration, record, card


def needs(source: Source, recipe: FolderRecipe, room: CardRoom | None, own_words: bool) -> Needs:
    """Return what making a folder of a source with facts takes; with ``own_words`` the model writes its samples.

    Bitsandbytes packs tensor by tensor; GPTQModel has the whole model in memory at last. Both results are run once
    beside the original for the comparison, one model at a time.
    """
    facts = source.facts
    assert facts is not None
    result_bytes = sum(tensor.bytes for tensor in tensors_in(facts, recipe.format_id)) + _beside_bytes(source)
    seconds = 4 * START_S + (source.size_bytes + result_bytes) / HASH_BYTES_S + 2 * source.size_bytes / PACK_BYTES_S
    if recipe.calibrates:
        seconds += _calibrating_s(facts, recipe, room is not None)
    if own_words:
        seconds += _writing_s(facts, recipe, room is not None and not room.offloads)
    seconds += offloading_s(room)
    working_bytes = source.size_bytes + (SHARD_BYTES if recipe.maker == "bitsandbytes" else result_bytes)
    working_bytes += inputs_bytes(facts, recipe) + (0 if room else entering_bytes(facts, recipe))
    gpu_bytes = room.peak_bytes if room else 0
    disk_bytes = int(result_bytes * (1 + (WAITING_SHARE if recipe.maker == "gptqmodel" else 0)))
    return Needs(disk_bytes, result_bytes, PYTORCH_BYTES + working_bytes, seconds, gpu_bytes=gpu_bytes)


def _calibrating_s(facts: ModelFacts, recipe: FolderRecipe, has_card: bool) -> float:
    if has_card:
        usual = recipe.samples * recipe.sample_tokens / (SAMPLES * SAMPLE_TOKENS)
        share = 1 - SAMPLES_SHARE + SAMPLES_SHARE * usual
        times = AUTOAWQ_TIMES if recipe.maker == "autoawq" else 1
        return times * share * max(LAYER_S * facts.layers, facts.parameters / CALIBRATED_WEIGHTS_S)
    weight_s, token_s = ON_A_PROCESSOR_S[recipe.id]
    weights = sum(tensor.elements for tensor in facts.tensors if is_linear(tensor))
    return weights * (weight_s + token_s * recipe.samples * recipe.sample_tokens)


def _writing_s(facts: ModelFacts, recipe: FolderRecipe, has_card: bool) -> float:
    """Return how long the model writes its samples: 64 side by side on a card, computed token by token elsewhere."""
    if has_card:
        return -(-recipe.samples // WRITTEN_AT_ONCE) * recipe.sample_tokens * facts.layers * WRITING_LAYER_S
    return facts.parameters * recipe.samples * recipe.sample_tokens / WRITTEN_WEIGHTS_S_OF_A_PROCESSOR


def _beside_bytes(source: Source) -> int:
    """Return what is copied beside the weights: tokenizer, templates, licence."""
    beside = [file for file in source.path.iterdir() if file.is_file() and file not in source.files]
    return SMALL_FILES_BYTES + sum(file.stat().st_size for file in beside)
