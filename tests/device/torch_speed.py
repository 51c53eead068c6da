"""Time one token and one prompt on an NVIDIA GPU, kernel by kernel, with random weights made in place.

``python3 -m tests.device.torch_speed 1B|8B FORM…``: not a test of pytest's. Forms: bf16, bnb-nf4, bnb-int8, int4.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from transformers import AutoModelForCausalLM, LlamaConfig  # pyright: ignore

from engine.runtime.backends.hf import attention
from engine.runtime.backends.hf.attention import Keep
from engine.runtime.backends.hf.cuda.llama import LlamaStep
from engine.runtime.backends.hf.cuda.steps import GraphSteps
from engine.runtime.backends.hf.nf4 import quantize_nf4, quantize_rows
from engine.runtime.backends.hf.packed import Grouped4Linear, Int8Linear, Nf4Linear
from engine.runtime.backends.hf.weights import quantizable
from tests.device.torch_folders import ABOUT_1B, ABOUT_8B, Shape

CUDA = torch.device("cuda")
CONTEXT, PROMPT, STEPS = 4096, 2048, 40


def main() -> None:
    size, *forms = sys.argv[1:]
    shape = {"1B": ABOUT_1B, "8B": ABOUT_8B}[size]
    attention.register()
    ceiling = copy_bandwidth()
    print(f"copy bandwidth {ceiling / 1e12:.2f} TB/s", flush=True)
    for form in forms:
        torch.cuda.empty_cache()
        module = random_module(shape, form)
        if form == "bf16":
            plain_generate(module)
        with torch.inference_mode():
            time_form(module, shape, f"{size} {form}", ceiling)
        del module


def random_module(shape: Shape, form: str) -> Any:
    config = LlamaConfig(
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        intermediate_size=shape.feed_forward,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        vocab_size=shape.vocabulary,
        tie_word_embeddings=shape.tied,
        max_position_embeddings=32768,
    )
    with CUDA:
        torch.set_default_dtype(torch.bfloat16)
        module = AutoModelForCausalLM.from_config(config, attn_implementation=attention.NAME)
        torch.set_default_dtype(torch.float32)
    module = module.to(CUDA).eval().requires_grad_(False)
    makers = {
        "bnb-nf4": lambda weight: Nf4Linear(quantize_nf4(weight), None),
        "bnb-int8": lambda weight: Int8Linear(*quantize_rows(weight), None),
        "int4": grouped,
    }
    for name, linear in list(quantizable(module)) if form in makers else ():
        parent, _, own = name.rpartition(".")
        setattr(module.get_submodule(parent), own, makers[form](linear.weight.data))
    return module


def grouped(weight: Any) -> Grouped4Linear:
    rows, columns = weight.shape
    codes = torch.randint(0, 256, (rows, columns // 2), dtype=torch.uint8, device=CUDA)
    scales = torch.full((rows, columns // 128), 0.003, dtype=torch.float16, device=CUDA)
    return Grouped4Linear(codes, scales, torch.full(scales.shape, 8, dtype=torch.uint8, device=CUDA))


def copy_bandwidth() -> float:
    source = torch.empty(1 << 32, dtype=torch.uint8, device=CUDA)
    target = torch.empty_like(source)
    return 2 * source.numel() / milliseconds(lambda: target.copy_(source), 5) * 1e3


def milliseconds(work: Any, count: int) -> float:
    work()
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(count):
        work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / count


def plain_generate(module: Any) -> None:
    """What transformers does by itself, with its own attention."""
    module.set_attn_implementation("sdpa")
    tokens = torch.ones((1, 64), dtype=torch.int64, device=CUDA)
    for count in (4, 32):
        torch.cuda.synchronize()
        started_s = time.perf_counter()
        module.generate(tokens, max_new_tokens=count, min_new_tokens=count, do_sample=False)
        torch.cuda.synchronize()
    print(f"plain generate {32 / (time.perf_counter() - started_s):.1f} tokens/s", flush=True)
    module.set_attn_implementation(attention.NAME)


def time_form(module: Any, shape: Shape, name: str, ceiling: float) -> None:
    keep = Keep(shape.layers, CONTEXT)
    tokens = torch.randint(0, 1000, (1, PROMPT), device=CUDA)

    def prompt() -> None:
        keep.place.start, keep.place.position = 0, None
        keep.place.masks.clear()
        positions = torch.arange(PROMPT, device=CUDA).unsqueeze(0)
        module(
            input_ids=tokens, position_ids=positions, past_key_values=keep, use_cache=True, logits_to_keep=1,
            place=keep.place,
        )  # fmt: skip

    prompt()
    step = LlamaStep(module, keep)
    step.widen_prompts()
    prompt_ms = milliseconds(prompt, 3)
    steps = GraphSteps(step, step.position, CONTEXT, 0)
    steps._position.fill_(600)
    step_ms = milliseconds(steps._graph.replay, STEPS)
    embedding = 0 if shape.tied else module.get_input_embeddings().weight.numel() * 2
    tensors = {tensor.data_ptr(): tensor for tensor in [*module.parameters(), *module.buffers()]}
    read = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()) - embedding
    shares = [f"{100 * read / rate * 1e3 / step_ms:.0f} % of {rate / 1e12:.2f} TB/s" for rate in (ceiling, 4.8e12)]
    print(
        f"{name}: step {step_ms:.3f} ms = {1e3 / step_ms:.0f} tokens/s, reads {read / 1e9:.2f} GB, {', '.join(shares)}"
    )
    print(f"{name}: prompt of {PROMPT} {prompt_ms:.1f} ms", flush=True)
    profile(steps)


def profile(steps: GraphSteps) -> None:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as found:
        for _ in range(3):
            steps._graph.replay()
        torch.cuda.synchronize()
    times: dict[str, list[float]] = defaultdict(list)
    for event in found.events():
        grid = ""
        times[f"{event.name[:50]} {grid}"].append(event.device_time)
    for name, durations in sorted(times.items(), key=lambda item: -sum(item[1]))[:9]:
        print(f"    {name}: {len(durations) / 3:.0f} × {sum(durations) / len(durations):.2f} µs", flush=True)


if __name__ == "__main__":
    main()
