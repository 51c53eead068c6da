"""Compare our kernels with PyTorch on an NVIDIA GPU, and time the products: not a test of pytest's.

``python3 -m tests.device.torch_kernels SCRATCH`` prints one line a check; the exit code is the number that failed.
"""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import torch  # pyright: ignore[reportMissingImports]

from engine.runtime.backends.hf import weights
from engine.runtime.backends.hf.attention import Keep
from engine.runtime.backends.hf.cuda.llama import LlamaStep
from engine.runtime.backends.hf.cuda.steps import GraphSteps
from engine.runtime.backends.hf.folder import open_folder
from tests.device.torch_folders import Shape, write_folder

CUDA = torch.device("cuda")
SMALL = {
    "llama, heads of 64": Shape(512, 3, 1536, 8, 2, 1024),
    "llama, heads of 128": Shape(1024, 2, 2816, 8, 1, 1024),
    "qwen2, biases": Shape(896, 2, 1792, 14, 2, 1024, "qwen2"),
    "qwen3, norms of heads": Shape(512, 2, 1536, 8, 4, 1024, "qwen3", more={"head_dim": 128}),
    "mistral, a window": Shape(512, 2, 1536, 8, 2, 1024, "mistral", more={"sliding_window": 100}),
}
FORMS = ("plain", "gptq", "gptq-act", "awq", "compressed")


def main() -> int:
    scratch, failed = Path(sys.argv[1]), 0
    for name, shape in SMALL.items():
        forms = [(form, "") for form in FORMS] + [("plain", "bnb-nf4"), ("plain", "bnb-int8")]
        for form, weights_as in forms if name.startswith("llama") else forms[:1]:
            folder = scratch / "small"
            shutil.rmtree(folder, ignore_errors=True)
            write_folder(folder, shape, form, group=128 if shape.width % 128 == 0 else 64)
            try:
                error, captured = compare(folder, weights_as)
                fine = error < 0.02 and captured
            except Exception as caught:
                error, captured, fine = repr(caught)[:300], False, False
            failed += not fine
            print("ok" if fine else "FAILED", name, form, weights_as, error, captured, flush=True)
    return failed


def loaded(folder: Path, weights_as: str) -> Any:
    reading = weights.load_weights(open_folder(folder), CUDA, torch.bfloat16, weights_as, threading.Event())
    while True:
        try:
            next(reading)
        except StopIteration as end:
            return end.value


@torch.inference_mode()
def compare(folder: Path, weights_as: str) -> tuple[float, bool]:
    """Return the largest relative error of scores against the module itself, and whether the captured step agrees."""
    module = loaded(folder, weights_as)
    keep = Keep(module.config.num_hidden_layers, 700)
    torch.manual_seed(1)
    tokens = torch.randint(0, 1000, (1, 333), device=CUDA)
    more = torch.randint(0, 1000, (24,), device=CUDA)

    def forward(part: Any, start: int) -> Any:
        keep.place.start, keep.place.position = start, None
        keep.place.masks.clear()
        positions = torch.arange(start, start + part.shape[1], device=CUDA).unsqueeze(0)
        return module(
            input_ids=part, position_ids=positions, past_key_values=keep, use_cache=True, place=keep.place
        ).logits.float()

    forward(tokens[:, :200], 0)
    forward(tokens[:, 200:], 200)
    step = LlamaStep(module, keep)
    ours = []
    for number, token in enumerate(more):
        step.position.fill_(333 + number)
        ours.append(step(token.view(1, 1), step.position).clone())
    whole = forward(torch.cat((tokens, more.view(1, -1)), dim=1), 0)[0, 333:]
    ours = torch.stack(ours)
    error = ((ours - whole).norm(dim=1) / whole.norm(dim=1)).max().item()
    step.widen_prompts()
    widened = forward(torch.cat((tokens, more.view(1, -1)), dim=1), 0)[0, 333:]
    error = max(error, ((widened - whole).norm(dim=1) / whole.norm(dim=1)).max().item())
    steps = GraphSteps(step, step.position, 700, few_tokens=5)
    forward(tokens, 0)
    steps._position.fill_(333)
    steps._token.copy_(more[:1].view(1, 1))
    steps._graph.replay()
    same = close(steps._scores, ours[0])
    read = steps.read(more[:5].tolist(), 333) and not steps.read(more[:6].tolist(), 333)
    return error, same and read and close(steps._scores, ours[4])


def close(found: Any, wanted: Any) -> bool:
    return torch.allclose(found, wanted, rtol=1e-2, atol=1e-2 * wanted.abs().max().item())


if __name__ == "__main__":
    sys.exit(main())
