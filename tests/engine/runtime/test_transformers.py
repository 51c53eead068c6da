"""The transformers back end on the processor, with models of two layers; skipped where torch is not installed."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the optional group cuda is not installed")
pytest.importorskip("transformers", reason="the optional group cuda is not installed")
pytest.importorskip("accelerate", reason="the optional group cuda is not installed")

from engine.errors import Cancelled, ContextTooLong, DamagedFile, NotEnoughMemory, Refused, UnsupportedModel  # noqa: E402
from engine.events import Finished, Progress, PromptRead, Token  # noqa: E402
from engine.runtime.backends.hf import attention, faults, loading, nf4, packed, weights  # noqa: E402
from engine.runtime.backends.hf.checkpoints import packing_of  # noqa: E402
from engine.runtime.backends.hf.folder import open_folder  # noqa: E402
from engine.runtime.backends.hf.sampler import Chooser  # noqa: E402
from engine.runtime.backends.hf.steps import EagerSteps  # noqa: E402
from engine.runtime.backends.transformers import Transformers  # noqa: E402
from engine.runtime.options import LoadOptions, Sampling  # noqa: E402
from tests.device.torch_folders import Shape, write_folder  # noqa: E402
from tests.helpers.byte_tokenizer import SPECIAL, byte_tokenizer  # noqa: E402

TOKENS = 256 + len(SPECIAL)
TINY = Shape(256, 2, 512, 4, 2, TOKENS)
QUESTION = [{"role": "user", "content": "Tell me about the sea. " * 4}]
GREEDY = Sampling(temperature=0, max_tokens=8)
FORMS = ("plain", "gptq", "gptq-act", "awq", "compressed")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("folders")
    made = {form: write_folder(root / form, TINY, form) for form in FORMS}
    for folder in made.values():
        next(folder.glob("*.safetensors")).rename(folder / "model.safetensors")
        byte_tokenizer().save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": SPECIAL[2], "chat_template": TEMPLATE}))
    return made


TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def loaded(folder: Path, **options: Any) -> Transformers:
    backend = Transformers(threading.Event())
    chosen = LoadOptions(**{"context_tokens": 256, "batch_tokens": 32, "threads": 1} | options)
    *_, last = backend.load(folder, chosen)
    assert isinstance(last, Finished)
    return backend


def answer(
    backend: Transformers, messages: Any = QUESTION, sampling: Sampling = GREEDY
) -> tuple[str, tuple[int, ...], Any]:
    events = list(backend.generate(messages, sampling))
    tokens = [event for event in events if isinstance(event, Token)]
    ids = tuple(number for token in tokens for number in token.ids)
    assert isinstance(events[-1], Finished)
    return "".join(token.text for token in tokens), ids, events[-1].value


def test_an_answer_is_that_of_transformers_itself(folders: dict[str, Path]):
    from transformers import AutoModelForCausalLM

    backend = loaded(folders["plain"])
    _, ids, usage = answer(backend)
    model = backend._model
    assert model is not None
    tokens = torch.tensor([model.prompt(QUESTION, continue_last=False).tokens])
    reference = AutoModelForCausalLM.from_pretrained(folders["plain"], dtype=torch.bfloat16)
    scores = reference(torch.cat((tokens, torch.tensor([ids])), dim=1)).logits[0, tokens.shape[1] - 1 : -1].float()
    chosen = scores.gather(1, torch.tensor(ids).unsqueeze(1)).squeeze(1)
    assert usage.prompt_tokens == tokens.shape[1]
    assert torch.all(scores.amax(dim=1) - chosen < 0.05)  # the likeliest token, ties of 16 bits aside


class OneByOne(EagerSteps):
    """Reads few tokens of a prompt one after the other, as captured steps do on a GPU."""

    def __init__(self, model: Any) -> None:
        super().__init__(model.compute)
        self.compute = model.compute
        self.read_tokens = 0

    def read(self, tokens: Sequence[int], position: int) -> bool:
        if len(tokens) > 24:
            return False
        for place, token in enumerate(tokens, position):
            self.begin(self.compute(torch.tensor([[token]]), place), place + 1)
        self.read_tokens += len(tokens)
        return True


def test_few_tokens_may_be_read_by_steps(folders: dict[str, Path]):
    """The last part of a prompt, and what is new of a follow-up: the same answers, and the same is reused."""
    answers = []
    for by_steps in (False, True):
        backend = loaded(folders["plain"])
        model = backend._model
        assert model is not None
        if by_steps:
            model.steps = OneByOne(model)
        text, ids, usage = answer(backend)
        further = [*QUESTION, {"role": "assistant", "content": text}, {"role": "user", "content": "On."}]
        _, more, later = answer(backend, further)
        answers.append((ids, more, usage.prompt_tokens, later.reused_tokens))
        assert not by_steps or 0 < model.steps.read_tokens < usage.prompt_tokens
    assert answers[0] == answers[1]


@pytest.mark.parametrize("form", FORMS[1:])
def test_packed_layers_are_what_their_makers_meant(folders: dict[str, Path], form: str):
    from safetensors.torch import load_file

    stored = load_file(next(folders[form].glob("*.safetensors")))
    reading = weights.load_weights(
        open_folder(folders[form]), torch.device("cpu"), torch.float32, "", threading.Event()
    )
    module = _returned(reading)
    layer = module.model.layers[1].mlp.down_proj
    stem = "model.layers.1.mlp.down_proj"
    parts = {name.removeprefix(f"{stem}."): tensor for name, tensor in stored.items() if name.startswith(stem)}
    vector = torch.randn(1, 3, layer.in_features)
    expected = vector @ _by_hand(form, parts).T
    torch.testing.assert_close(layer(vector), expected, rtol=1e-4, atol=1e-5)


def _by_hand(form: str, parts: dict[str, Any]) -> Any:
    """Widen number by number."""
    if form == "compressed":
        words, zero_words, scales = parts["weight_packed"], parts["weight_zero_point"], parts["weight_scale"].float()
        rows, columns = parts["weight_shape"].tolist()
        group = columns // scales.shape[1]
        return torch.tensor(
            [
                [
                    (_bits(words[row, column // 8], column % 8) - _bits(zero_words[row // 8, column // group], row % 8))
                    * scales[row, column // group].item()
                    for column in range(columns)
                ]
                for row in range(rows)
            ]
        )
    words, zero_words, scales = parts["qweight"], parts["qzeros"], parts["scales"].float()
    groups, rows = scales.shape
    columns = words.shape[0] * (1 if form == "awq" else 8)
    group_of = parts.get("g_idx", torch.arange(columns) // (columns // groups)).tolist()
    place = (0, 4, 1, 5, 2, 6, 3, 7) if form == "awq" else tuple(range(8))

    def weight(row: int, column: int) -> float:
        group = group_of[column]
        zero = _bits(zero_words[group, row // 8], place[row % 8]) + (form != "awq")
        if form == "awq":
            code = _bits(words[column, row // 8], place[row % 8])
        else:
            code = _bits(words[column // 8, row], column % 8)
        return (code - zero) * scales[group, row].item()

    return torch.tensor([[weight(row, column) for column in range(columns)] for row in range(rows)])


def _bits(word: Any, place: int) -> int:
    return (int(word) >> (4 * place)) & 15


@pytest.mark.parametrize("weights_as", ["bnb-nf4", "bnb-int8"])
def test_plain_weights_are_quantized_while_they_are_loaded(folders: dict[str, Path], weights_as: str):
    plain, small = loaded(folders["plain"]), loaded(folders["plain"], weights_as=weights_as)
    assert plain._model and small._model
    for model in (plain._model, small._model):
        model.read([1, 2, 3])
    kinds = {type(module) for module in small._model.module.modules()}
    assert (packed.Nf4Linear if weights_as == "bnb-nf4" else packed.Int8Linear) in kinds
    original, changed = (model.steps._scores for model in (plain._model, small._model))  # type: ignore[union-attr]
    assert 0 < (original - changed).norm() / original.norm() < 0.25


def test_nf4_is_that_of_bitsandbytes():
    functional = pytest.importorskip("bitsandbytes.functional", reason="bitsandbytes is not installed")
    weight = torch.randn(96, 256, dtype=torch.bfloat16)
    codes, state = functional.quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
    ours = nf4.quantize_nf4(weight)
    assert torch.equal(codes.flatten(), ours.codes.flatten())
    assert torch.equal(state.absmax, ours.absmax)
    widened = packed.Nf4Linear(ours, None).widened(torch.bfloat16)
    torch.testing.assert_close(widened, functional.dequantize_4bit(codes, state), rtol=0.01, atol=0)


def test_a_follow_up_reads_only_what_is_new(folders: dict[str, Path]):
    backend = loaded(folders["plain"])
    text, _, first = answer(backend)
    follow_up = [*QUESTION, {"role": "assistant", "content": text}, {"role": "user", "content": "Go on."}]
    again, ids, second = answer(backend, follow_up)
    assert first.reused_tokens == 0
    assert second.reused_tokens >= first.prompt_tokens
    fresh = answer(loaded(folders["plain"]), follow_up)
    assert (again, ids) == fresh[:2]


def test_the_same_seed_gives_the_same_answer(folders: dict[str, Path]):
    backend = loaded(folders["plain"])
    sampling = Sampling(temperature=1.5, top_k=0, top_p=1, min_p=0, seed=7, max_tokens=12, repeat_penalty=1.2)
    first, second = (answer(backend, sampling=sampling)[1] for _ in range(2))
    other = answer(backend, sampling=Sampling(temperature=1.5, top_k=0, top_p=1, min_p=0, seed=8, max_tokens=12))[1]
    assert first == second != other


def test_a_prompt_can_be_cancelled_between_its_parts(folders: dict[str, Path]):
    backend = loaded(folders["plain"])
    job = backend.generate(QUESTION, GREEDY)
    seen = [next(job), next(job)]
    assert all(isinstance(event, Progress) for event in seen)
    job.close()  # type: ignore[attr-defined]
    events = list(backend.generate(QUESTION, GREEDY))
    read = next(event for event in events if isinstance(event, PromptRead))
    assert 0 < read.reused_tokens < read.prompt_tokens


def test_loading_can_be_cancelled(folders: dict[str, Path]):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        list(Transformers(stop).load(folders["plain"], LoadOptions(context_tokens=64)))


def test_a_prompt_that_is_too_long_is_refused(folders: dict[str, Path]):
    with pytest.raises(ContextTooLong):
        answer(loaded(folders["plain"], context_tokens=32))


def test_an_answer_ends_where_the_context_is_full(folders: dict[str, Path]):
    backend = loaded(folders["plain"], context_tokens=180)
    usage = answer(backend, sampling=Sampling(temperature=0))[2]
    assert usage.finish_reason in ("context", "stop")
    assert usage.prompt_tokens + usage.answer_tokens <= 181


def compressed(form: str, bits: int, strategy: str = "channel") -> dict[str, Any]:
    """Return a ``quantization_config`` as llm-compressor writes it."""
    weights = {"num_bits": bits, "type": "int", "symmetric": True, "strategy": strategy}
    return {"quant_method": "compressed-tensors", "format": form, "config_groups": {"group_0": {"weights": weights}}}


@pytest.mark.parametrize("form", ["pack-quantized", "int-quantized"])
def test_eight_bits_of_llm_compressor_are_read(form: str):
    """As it packs them: four numbers a word, 128 more than they are, or one a byte."""
    numbers, scales = torch.randint(-127, 128, (6, 16)), torch.rand(6, 1)
    parts = {"weight": numbers.to(torch.int8), "weight_scale": scales}
    if form == "pack-quantized":
        words = sum((numbers[:, place::4] + 128) << (8 * place) for place in range(4))
        parts = {"weight_packed": words.to(torch.int32), "weight_scale": scales}
    layer = packing_of(compressed(form, 8), "llama").read(parts)
    torch.testing.assert_close(layer.widened(torch.float32), numbers * scales)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"model_type": "own", "auto_map": {"AutoModelForCausalLM": "code.py"}}, UnsupportedModel, "program code"),
        ({"model_type": "never-heard-of"}, UnsupportedModel, "no class"),
        ({"model_type": "whisper"}, UnsupportedModel, "an encoder has read or heard"),
        ({"model_type": "bart"}, UnsupportedModel, "an encoder has read or heard"),
        ({"num_hidden_layers": 3}, DamagedFile, r"the tensor model\.layers\.2\..*, found none of that name"),
        ({"vocab_size": 999}, DamagedFile, r"the shape \(999, 256\)"),
        ({"quantization_config": {"quant_method": "hqq"}}, UnsupportedModel, "hqq"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 3}}, UnsupportedModel, "3 bits"),
        ({"quantization_config": {"quant_method": "gptq", "checkpoint_format": "marlin"}}, UnsupportedModel, "marlin"),
        ({"quantization_config": {"quant_method": "awq", "version": "gemv"}}, UnsupportedModel, "gemv"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, UnsupportedModel, "fp4"),
        ({"quantization_config": compressed("float-quantized", 8)}, UnsupportedModel, "float-quantized.*vLLM"),
        ({"quantization_config": compressed("int-quantized", 4)}, UnsupportedModel, "4 bits"),
        ({"quantization_config": compressed("pack-quantized", 8, "group")}, UnsupportedModel, "8 bits in groups"),
    ],
)
def test_what_cannot_be_run_says_why(folders: dict[str, Path], tmp_path: Path, changes: Any, error: Any, words: str):
    for file in folders["plain"].iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "config.json").unlink()
    config = json.loads((folders["plain"] / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | changes))
    with pytest.raises(error, match=words):
        loaded(tmp_path)


@pytest.mark.parametrize("form", ["gptq", "gptq-act", "awq", "compressed"])
def test_groups_that_do_not_divide_a_width_are_refused(folders: dict[str, Path], tmp_path: Path, form: str):
    """GPTQModel writes such: the last group is shorter, and taken for another size all scales would be wrong."""
    for file in folders[form].iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "config.json").unlink()
    told = (folders[form] / "config.json").read_text()
    (tmp_path / "config.json").write_text(re.sub(r'"group_size": \d+', '"group_size": 96', told))
    with pytest.raises(UnsupportedModel, match="groups of 96, which do not divide a width of"):
        loaded(tmp_path)


class Evil:
    """Runs a program when it is unpickled."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("ran"),))


def test_a_pickle_that_could_run_a_program_is_refused(folders: dict[str, Path], tmp_path: Path, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_bytes((folders["plain"] / "config.json").read_bytes())
    torch.save({"weight": Evil()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(Refused, match="pickle"):
        loaded(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_pickle_of_tensors_answers_the_same_whatever_lies_beside_it(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: Any
):
    from safetensors.torch import load_file

    monkeypatch.chdir(tmp_path)
    for file in folders["plain"].glob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save(load_file(folders["plain"] / "model.safetensors"), tmp_path / "pytorch_model.bin")
    torch.save({"of": Evil()}, tmp_path / "training_args.bin")  # as trainers leave it: no weights
    assert answer(loaded(tmp_path))[:2] == answer(loaded(folders["plain"]))[:2]
    assert not (tmp_path / "ran").exists()


def test_a_matrix_of_another_shape_is_damage(folders: dict[str, Path], tmp_path: Path):
    other = write_folder(tmp_path / "other", Shape(256, 2, 768, 4, 2, TOKENS), "plain")
    (other / "config.json").write_bytes((folders["plain"] / "config.json").read_bytes())
    with pytest.raises(DamagedFile, match="shape"):
        loaded(other)


def test_too_little_memory_is_told_before_anything_is_read(folders: dict[str, Path], monkeypatch: Any):
    monkeypatch.setattr(loading.faults, "free_bytes", lambda device: 1 << 20)
    with pytest.raises(NotEnoughMemory):
        loaded(folders["plain"])


def test_an_allocation_that_fails_becomes_words():
    device = torch.device("cpu")
    with pytest.raises(NotEnoughMemory) as caught, faults.explained(device, lambda: 512):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")
    assert caught.value.details["largest_context"] == 512
    with pytest.raises(NotEnoughMemory) as caught, faults.explained(torch.device("cuda")):
        raise RuntimeError("unable to mmap 2690 bytes from file <m>: Cannot allocate memory (12)")
    assert caught.value.details["where"] == "memory", "the card has nothing to do with it"
    with pytest.raises(RuntimeError, match="shapes"), faults.explained(device):
        raise RuntimeError("shapes differ")


@pytest.mark.parametrize("window", [None, 5])
def test_attention_sees_the_same_whole_and_in_parts(window: int | None):
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, heads, 12, 16) for heads in (4, 2, 2))
    place = attention.Place()
    whole, _ = attention.attend(None, query, key, value, sliding_window=window, place=place)
    place = attention.Place(start=7)
    later, _ = attention.attend(None, query[:, :, 7:], key, value, sliding_window=window, place=place)
    torch.testing.assert_close(later, whole[:, 7:], rtol=1e-5, atol=1e-5)
    plain, _ = attention.attend(None, query, key, value, sliding_window=window, softcap=1e4, place=attention.Place())
    torch.testing.assert_close(plain, whole, rtol=1e-3, atol=1e-4)


def test_draws_follow_the_probabilities():
    scores = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))
    sampling = Sampling(temperature=1, top_k=0, top_p=0.9, min_p=0)
    chooser = Chooser(sampling, 3, [0], 4000, torch.device("cpu"))
    counts = torch.bincount(torch.stack([chooser.choose(scores)[0] for _ in range(4000)]), minlength=4) / 4000
    torch.testing.assert_close(counts, torch.tensor([0.5, 0.3, 0.15, 0]) / 0.95, rtol=0, atol=0.03)
    assert counts[3] == 0  # beyond top-p


def _returned(generator: Any) -> Any:
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value
