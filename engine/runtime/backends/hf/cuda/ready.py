"""Make a loaded model fast on its GPU: our kernels where they cover it, else a captured step of its own module."""

from __future__ import annotations

import torch  # pyright: ignore[reportMissingImports]

from engine.runtime.backends.hf.cuda.driver import CannotCompile
from engine.runtime.backends.hf.cuda.llama import LlamaStep
from engine.runtime.backends.hf.cuda.matrix import Unfit
from engine.runtime.backends.hf.cuda.steps import GraphSteps, Step, Tensor
from engine.runtime.backends.hf.model import Model
from engine.runtime.backends.hf.packed import Grouped4Linear, Nf4Linear
from engine.runtime.options import Sampling

# Prompt tokens that our kernels compute one by one. On an H200, with 8 (1.2) billion parameters, a batch takes 70 (30)
# ms if it widens four-bit weights first, else some 30 (15) ms; a step takes 2 (0.6) and 5 (1.1) ms.
FEW_TOKENS, FEW_TOKENS_WIDENED = 6, 24


def make_ready(model: Model) -> str:
    """Let a model answer by captured steps; return what keeps it from full speed, "" for nothing."""
    try:
        with torch.inference_mode():
            step = LlamaStep(model.module, model.keep)
            step.widen_prompts()
        widened = any(isinstance(layer, (Nf4Linear, Grouped4Linear)) for layer in model.module.modules())
        model.steps = _captured(step, step.position, model, FEW_TOKENS_WIDENED if widened else FEW_TOKENS)
        return ""
    except (Unfit, CannotCompile) as error:
        reason = str(error)
    position = torch.zeros(1, dtype=torch.int64, device=model.device)

    def own(token: Tensor, place: Tensor) -> Tensor:
        return model.compute(token, 0, place)

    try:
        model.steps = _captured(own, position, model, 0)
    except RuntimeError as error:  # a step that asks the processor cannot be captured
        return f"{reason}; {error}"
    return reason


def _captured(step: Step, position: Tensor, model: Model, few_tokens: int) -> GraphSteps:
    steps = GraphSteps(step, position, model.context_tokens, few_tokens)
    steps.try_out((Sampling(), Sampling(top_k=0, repeat_penalty=1.1), Sampling(temperature=0)))
    return steps
