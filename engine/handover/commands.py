"""The command line for vLLM, as a list of arguments and as text for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from engine.handover.deployment import Deployment
from engine.handover.support import VLLM_VERSION, packages

PORT = 8000
RAY_PORT = 6379
KEY_VARIABLE = "VLLM_API_KEY"  # vLLM 0.33.0, envs.py


def serve_arguments(way: Deployment, model: str = "") -> list[str]:
    """Return what follows ``vllm serve``; ``model`` is where it lies for whoever runs it, if not as here."""
    arguments = [model or way.model, "--served-model-name", way.served_as, "--port", str(PORT)]
    for name, value in engine_options(way).items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    if way.parsers.tools:
        arguments += ["--enable-auto-tool-choice", "--tool-call-parser", way.parsers.tools]
    return [*arguments, "--enable-prompt-tokens-details"]  # tells how much of a prompt was still in the cache


def engine_options(way: Deployment) -> dict[str, str | int | float]:
    """Return the engine's options by their names in Python, without those that vLLM would choose as well."""
    options: dict[str, str | int | float] = {"dtype": way.dtype}
    if way.quantization:
        options["quantization"] = way.quantization
    options |= {
        "max_model_len": way.context_tokens,
        "max_num_seqs": way.users,
        "gpu_memory_utilization": way.site.memory_share,
    }
    if way.tensor > 1:
        options["tensor_parallel_size"] = way.tensor
    if way.pipeline > 1:
        options["pipeline_parallel_size"] = way.pipeline
    if way.site.nodes > 1:
        options["distributed_executor_backend"] = "ray"
    if way.parsers.reasoning:
        options["reasoning_parser"] = way.parsers.reasoning
    return options


def command(way: Deployment) -> str:
    """Return a script for a shell; with several nodes it first says what each of them runs."""
    lines = [f"# vLLM {VLLM_VERSION}: pip install {packages(way.method)}", *map(_comment, explanation(way))]
    if way.site.nodes > 1:
        lines += [
            "# On all nodes: pip install ray; the model lies at the same path on each.",
            f"# On the first node:   ray start --head --port={RAY_PORT}",
            f"# On each other node:  ray start --address=FIRST_NODE:{RAY_PORT}",
            "# Then, on the first node:",
        ]
    lines.append(f'export {KEY_VARIABLE}="${{{KEY_VARIABLE}:?Choose a key that clients must send}}"')
    return "\n".join([*lines, _broken("vllm serve", serve_arguments(way))]) + "\n"


def explanation(way: Deployment) -> list[str]:
    """Return what the numbers follow from, a sentence a line."""
    from engine.handover.estimate import memory_formula

    site = way.site
    split = f": tensors split over {way.tensor}, layers over {way.pipeline}" if way.tensor * way.pipeline > 1 else ""
    lines = [
        f"{site.nodes} × {site.gpus} × {site.gpu_name}{split}.",
        f"Estimate of memory on each card: {memory_formula(way.room)}.",
        f"{way.users} at once; {way.fitting_users:,} conversations of {way.context_tokens:,} tokens fit in the cache.",
    ]
    if way.fitting_users < way.users:
        lines.append("With longer conversations than fit, vLLM lets some wait: shorten the context or add cards.")
    if way.speed:
        lines.append(f"Estimate of speed: {way.speed.formula}, {way.speed.each_tokens_s:,.0f} for each.")
        lines.append("Estimates only: “vllm bench serve” measures.")
    return [*lines, *_parting(way)]


def _parting(way: Deployment) -> Iterator[str]:
    if way.parsers.reasoning:
        yield f"Thinking comes apart from the answer, as “reasoning” (read as {way.parsers.reasoning})."
    if way.parsers.tools:
        yield f"Clients may offer tools; calls of them are read as {way.parsers.tools}."


def _comment(line: str) -> str:
    return f"# {line}"


def _broken(program: str, arguments: list[str]) -> str:
    """Return a command with one option a line."""
    lines = [f"{program} {shlex.quote(arguments[0])}"]
    for argument in arguments[1:]:
        if argument.startswith("--"):
            lines.append(f"  {argument}")
        else:
            lines[-1] += f" {shlex.quote(argument)}"
    return " \\\n".join(lines)
