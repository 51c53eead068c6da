"""The hand-over to vLLM: flags that exist, sizes that divide, memory that adds up, files that parse."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import EngineError, NotEnoughMemory, Refused, UnsupportedModel
from engine.formats import ModelFacts
from engine.handover.batch import batch_arguments, batch_command, requests
from engine.handover.cards import card_named
from engine.handover.commands import command, serve_arguments
from engine.handover.deployment import Deployment, plan
from engine.handover.estimate import RUNTIME_BYTES
from engine.handover.files import compose, kubernetes, ray
from engine.handover.site import Site, site_here
from engine.handover.splitting import split, tensor_sizes
from engine.handover.support import METHODS, VLLM_VERSION
from tests.helpers.machines import machine
from tests.helpers.models import facts_of, names

RECORDED = json.loads((Path(__file__).parents[2] / "cases" / "handover" / "vllm_flags.json").read_text("utf-8"))
H100 = Site(1, 1, "H100", 80 * 10**9, bandwidth_bytes_s=3.35e12, capability=9.0)
A100S = replace(H100, gpus=8, nodes=2, capability=8.0)


def planned(name: str = "Llama-3-8B", site: Site = H100, **how: Any) -> Deployment:
    return plan(facts_of(name), site, **{"model": "/models/my model", "served_as": name, "users": 8, **how})


def ways() -> list[Deployment]:
    return [planned(), planned(site=replace(H100, gpus=2)), planned("Llama-3.3-70B", A100S)]


@pytest.mark.parametrize("way", ways(), ids=["one card", "two cards", "two nodes"])
def test_every_flag_is_one_of_vllms(way: Deployment) -> None:
    assert RECORDED["version"] == VLLM_VERSION
    known = {*RECORDED["engine"], *RECORDED["frontend"]}
    for arguments in (serve_arguments(way), batch_arguments(way, "in", "out")):
        flags = {argument for argument in arguments if argument.startswith("--")}
        assert flags
        assert flags <= known, flags - known


def test_every_quantization_is_one_of_vllms_and_the_refused_are_not() -> None:
    own = {method.flag for method in METHODS.values() if method.flag and not method.plugin}
    assert own <= set(RECORDED["quantization"])
    assert {method.flag for method in METHODS.values() if method.plugin} == {"bitsandbytes"}
    assert not {"bitsandbytes", "gguf"} & set(RECORDED["quantization"])


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return vLLM, set to a platform: on a computer without a GPU its parser wants to know one."""
    module = pytest.importorskip("vllm", reason="vLLM is not installed")
    from vllm import platforms  # pyright: ignore[reportMissingImports]
    from vllm.platforms.cpu import CpuPlatform  # pyright: ignore[reportMissingImports]

    monkeypatch.setattr(platforms, "_current_platform", CpuPlatform())
    return module


@pytest.mark.filterwarnings("default")
def test_the_flags_are_those_of_the_vllm_that_is_installed(vllm: Any) -> None:
    assert vllm.__version__ == VLLM_VERSION
    from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS  # pyright: ignore[reportMissingImports]

    assert set(QUANTIZATION_METHODS) == set(RECORDED["quantization"])


@pytest.mark.filterwarnings("default")  # its imports warn
@pytest.mark.parametrize("way", ways(), ids=["one card", "two cards", "two nodes"])
def test_vllms_own_parser_takes_the_command(way: Deployment, vllm: Any) -> None:
    from vllm.entrypoints.common.cli_args import make_arg_parser  # pyright: ignore[reportMissingImports]
    from vllm.utils.argparse_utils import FlexibleArgumentParser  # pyright: ignore[reportMissingImports]

    parsed = make_arg_parser(FlexibleArgumentParser()).parse_args(serve_arguments(way))
    assert (parsed.tensor_parallel_size, parsed.pipeline_parallel_size) == (way.tensor, way.pipeline)
    assert parsed.max_model_len == way.context_tokens


@pytest.mark.filterwarnings("default")
def test_vllms_own_batch_parser_takes_the_job(vllm: Any) -> None:
    from vllm.entrypoints.launchers.run_batch import make_arg_parser  # pyright: ignore[reportMissingImports]
    from vllm.utils.argparse_utils import FlexibleArgumentParser  # pyright: ignore[reportMissingImports]

    parsed = make_arg_parser(FlexibleArgumentParser()).parse_args(batch_arguments(planned(), "in.jsonl", "out.jsonl"))
    assert (parsed.input_file, parsed.output_file) == ("in.jsonl", "out.jsonl")


@pytest.mark.filterwarnings("default")
def test_vllm_reads_each_request_of_a_job(vllm: Any) -> None:
    from vllm.entrypoints.launchers.run_batch import BatchRequestInput  # pyright: ignore[reportMissingImports]

    for line in requests(["One?", '{"messages": [{"role": "user", "content": "Zwei ä"}]}'], planned(), 64, 0):
        read = BatchRequestInput.model_validate_json(line)
        assert read.body.max_completion_tokens == 64
        assert read.url == "/v1/chat/completions"


@pytest.mark.parametrize("name", names())
def test_split_sizes_divide_heads_and_key_heads(name: str) -> None:
    facts = facts_of(name)
    for size in tensor_sizes(facts, 16)[1:]:
        assert facts.heads % size == 0
        assert all(heads % size == 0 or size % heads == 0 for heads in facts.kv_heads if heads)
        assert facts.feed_forward % size == 0


@pytest.mark.parametrize(
    ("name", "gpus", "nodes", "expected"),
    [
        ("Llama-3-8B", 1, 1, (1, 1)),
        ("Llama-3-8B", 2, 1, (2, 1)),
        ("Llama-3.3-70B", 8, 2, (8, 2)),
        ("Qwen2.5-0.5B", 4, 1, (2, 2)),  # 14 heads
        ("SmolLM2-135M", 2, 1, (1, 2)),  # 9 heads and 3 key heads
        ("SmolLM2-135M", 3, 1, (3, 1)),
        ("falcon-7b", 2, 1, (1, 2)),  # 71 heads
    ],
)
def test_all_cards_are_used(name: str, gpus: int, nodes: int, expected: tuple[int, int]) -> None:
    assert split(facts_of(name), gpus, nodes) == expected


def test_parts_hold_whole_groups() -> None:
    facts = replace(facts_of("Llama-3-8B"), format_id="awq-int4-g128")
    assert tensor_sizes(facts, 8) == (1, 2, 4, 8)  # 14,336 / 8 = 14 × 128
    assert 8 not in tensor_sizes(replace(facts, format_id="awq-int4-g1024"), 8)


@pytest.mark.parametrize("format_id", ["bnb-nf4", "bnb-int8"])
def test_bitsandbytes_comes_with_its_plugin_and_is_split_by_layers_alone(format_id: str) -> None:
    facts = replace(facts_of("Llama-3-8B"), format_id=format_id)
    way = plan(facts, replace(H100, gpus=4), model="/m/$x", served_as="m", users=1)
    assert (way.quantization, way.tensor, way.pipeline) == ("bitsandbytes", 1, 4)
    plugin = "vllm-bnb-plugin==0.0.3"
    assert f"pip install vllm=={VLLM_VERSION} {plugin}\n" in command(way)
    assert batch_command(way, "in", "out").startswith(f"pip install {plugin} && vllm run-batch -i in")
    service = yaml.safe_load(compose(way))["services"]["vllm"]
    assert service["entrypoint"] == ["bash", "-c"]
    (script,) = service["command"]
    assert script.startswith(f"pip install {plugin} && exec vllm serve /model --served-model-name m --port 8000")
    container = next(yaml.safe_load_all(kubernetes(way)))["spec"]["template"]["spec"]["containers"][0]
    assert (container["command"], container["args"]) == (["bash", "-c"], [script])
    assert f"pip install 'ray[serve,llm]' {plugin}" in ray(way)


def test_what_vllm_cannot_load_is_said_with_a_way_round() -> None:
    facts: ModelFacts = replace(facts_of("Llama-3-8B"), format_id="gguf-q4_k_m")
    with pytest.raises(UnsupportedModel, match=r"safetensors|AWQ"):
        plan(facts, H100, model="/m", served_as="m", users=1)


@pytest.mark.parametrize(
    ("format_id", "packing", "said"),
    [
        ("gptq-int4-g128", ("ordered",), "reordered across groups"),
        ("compressed-tensors-int4", ("ordered",), "reordered across groups"),
        ("gptq-int4-g128", ("asymmetric",), "only where it is symmetric"),
        ("awq-int4-g128", ("gemv",), "only in its layout for many"),
        ("gptq-int3-g128", (), "does not load gptq-int3"),
        ("awq-int8-g128", (), "does not load awq-int8"),
    ],
)
def test_packed_weights_that_vllm_turns_away_are_not_handed_over(
    format_id: str, packing: tuple[str, ...], said: str
) -> None:
    """As vLLM 0.32.0 did on a CPU: “GPTQ group activation ordering (desc_act=True) is no longer supported”."""
    facts = replace(facts_of("Llama-3-8B"), format_id=format_id, packing=packing)
    with pytest.raises(UnsupportedModel, match=said) as told:
        plan(facts, H100, model="/m", served_as="m", users=1)
    assert "from the original" in str(told.value)


@pytest.mark.parametrize(
    ("format_id", "flag"), [("awq-int4-g128", "awq"), ("gptq-int4-g128", "gptq"), ("plain-bf16", "")]
)
def test_the_quantization_follows_from_the_format(format_id: str, flag: str) -> None:
    facts = replace(facts_of("Llama-3-8B"), format_id=format_id)
    arguments = serve_arguments(plan(facts, H100, model="/m", served_as="m", users=1))
    assert ("--quantization" in arguments) == bool(flag)
    assert not flag or arguments[arguments.index("--quantization") + 1] == flag


def test_older_cards_get_another_type_or_a_refusal() -> None:
    assert planned(site=replace(H100, capability=7.5)).dtype == "float16"
    with pytest.raises(Refused, match=r"7\.0"):
        planned(site=replace(H100, capability=6.1))


def test_a_known_case_by_hand() -> None:
    """Llama 3 8B: 2 × 32 layers × 8 heads × 128 values × 2 bytes = 131,072 bytes a token."""
    here = planned().room
    assert here.token_bytes == 131072
    assert here.weights_bytes == pytest.approx(16.06e9, rel=0.01)
    assert here.pool_bytes == 0.92 * 80e9 - here.weights_bytes - here.compute_bytes - RUNTIME_BYTES
    assert planned(site=replace(H100, gpus=2)).room.token_bytes == 65536
    assert planned("Llama-3.3-70B", A100S).room.token_bytes == 80 * 2 * 8 * 128 * 2 / 8 / 2


def test_more_cards_than_key_heads_hold_them_more_than_once() -> None:
    gemma = facts_of("gemma-3-4b")  # 4 key heads
    rooms = [plan(gemma, replace(H100, gpus=n), model="/m", served_as="m", users=1).room for n in (4, 8)]
    assert rooms[0].token_bytes == rooms[1].token_bytes


def test_too_little_memory_is_told_before_a_server_fails() -> None:
    with pytest.raises(NotEnoughMemory):
        planned("Llama-3.3-70B")
    small = replace(H100, gpu_bytes=24 * 10**9)
    with pytest.raises(Refused, match="conversations at once do not fit"):
        planned(site=small, users=4000)


@settings(max_examples=30, deadline=None)
@given(users=st.integers(1, 500), gpu_gb=st.integers(8, 200), gpus=st.sampled_from([1, 2, 4, 8]))
def test_a_plan_fits_what_it_promises(users: int, gpu_gb: int, gpus: int) -> None:
    site = Site(gpus, 1, "card", gpu_gb * 10**9, bandwidth_bytes_s=1e12)
    try:
        way = planned(site=site, users=users)
    except EngineError:
        return
    assert way.fitting_users >= users
    used = users * (way.room.sequence_bytes + way.room.token_bytes * way.context_tokens)
    assert used <= way.room.pool_bytes
    assert way.speed is not None
    assert way.speed.total_tokens_s > 0


def test_many_users_get_more_in_all_and_less_each() -> None:
    one, many = (planned(users=users, context_tokens=1024).speed for users in (1, 64))
    assert one is not None
    assert many is not None
    assert one.total_tokens_s < many.total_tokens_s < 64 * one.total_tokens_s
    step_s = 15.0e9 / (3.35e12 * 0.9) + 32 * 0.07e-3  # weights but for the embedding, and 32 layers
    assert one.total_tokens_s == pytest.approx(1 / step_s, rel=0.05)


def test_the_command_survives_a_shell() -> None:
    lines = [line for line in command(planned()).splitlines() if not line.startswith(("#", "export"))]
    assert shlex.split("\n".join(lines).replace("\\\n", " ")) == ["vllm", "serve", *serve_arguments(planned())]


def test_several_nodes_are_told_what_each_runs() -> None:
    text = command(planned("Llama-3.3-70B", A100S))
    assert "ray start --head" in text
    assert "--distributed-executor-backend ray" in text


def test_the_compose_file_mounts_the_folder_and_reserves_the_cards() -> None:
    service = yaml.safe_load(compose(planned(site=replace(H100, gpus=2))))["services"]["vllm"]
    assert service["command"][0] == "/model"
    assert service["volumes"][0]["source"] == "/models/my model"
    assert service["deploy"]["resources"]["reservations"]["devices"][0]["count"] == 2
    assert VLLM_VERSION in service["image"]


def test_kubernetes_gets_a_deployment_and_its_service() -> None:
    deployment, service = yaml.safe_load_all(kubernetes(planned(site=replace(H100, gpus=2))))
    pod = deployment["spec"]["template"]
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": 2}
    assert service["spec"]["selector"] == pod["metadata"]["labels"]
    for writer in (compose, kubernetes):
        with pytest.raises(Refused):
            writer(planned("Llama-3.3-70B", A100S))


def test_a_dollar_in_a_name_is_no_variable() -> None:
    way = planned(model="/models/$HOME/it", served_as="a$(b)")
    service = yaml.safe_load(compose(way))["services"]["vllm"]
    assert service["volumes"][0]["source"] == "/models/$$HOME/it"
    assert "a$$(b)" in service["command"]
    deployment = next(yaml.safe_load_all(kubernetes(way)))
    assert "a$$(b)" in deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    assert deployment["spec"]["template"]["spec"]["volumes"][1]["hostPath"]["path"] == "/models/$HOME/it"


def test_people_read_what_is_there_twice_twice() -> None:
    assert "&id" not in kubernetes(planned()) and kubernetes(planned()).count("path: /health") == 2


@pytest.mark.parametrize("way", ways()[:2], ids=["one card", "two cards"])
def test_kubernetes_own_schema_takes_the_file(way: Deployment) -> None:
    check = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for each in yaml.safe_load_all(kubernetes(way)):
        check.validate(each, check.latest_version(), strict=True)


@pytest.mark.parametrize("way", ways()[:2], ids=["one card", "two cards"])
def test_the_compose_specifications_schema_takes_the_file(way: Deployment, tmp_path: Path) -> None:
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    file = tmp_path / "compose.yaml"
    file.write_text(compose(way), "utf-8")
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_ray_says_that_it_asks_for_no_key_and_whose_vllm_it_has() -> None:
    assert "It asks for no key" in ray(planned()) and "Ray 2.60.0 has 0.29.0" in ray(planned())


def test_ray_gets_the_engines_options_by_their_names() -> None:
    (application,) = yaml.safe_load(ray(planned("Llama-3.3-70B", A100S)))["applications"]
    options = application["args"]["llm_configs"][0]["engine_kwargs"]
    assert (options["tensor_parallel_size"], options["pipeline_parallel_size"]) == (8, 2)
    known = {flag.removeprefix("--").replace("-", "_") for flag in RECORDED["engine"]}
    assert set(options) <= known


def test_a_batch_job_has_a_request_a_prompt() -> None:
    given = ["One?\n", "\n", '{"messages": [{"role": "user", "content": "Zwei ä"}]}\n']
    lines = [json.loads(line) for line in requests(given, planned(), 64, 0)]
    assert [line["custom_id"] for line in lines] == ["line-1", "line-3"]
    assert lines[1]["body"]["messages"][0]["content"] == "Zwei ä"
    with pytest.raises(Refused, match="Line 1"):
        list(requests(['{"x": 1}'], planned(), 64, 0))


def test_the_card_here_is_counted_as_free_as_it_is() -> None:
    here = machine({"gpu": {"vendor": "nvidia", "total_gib": 24, "free_gib": 12, "bandwidth_bytes_s": 1e12}})
    assert site_here(here, 1, 1).memory_share == pytest.approx(0.48)
    assert site_here(here, 4, 1).memory_share == 0.92  # cards that are elsewhere
    with pytest.raises(Refused, match="no NVIDIA card"):
        site_here(machine({}), 1, 1)


@pytest.mark.parametrize(
    ("words", "name"),
    [("L4", "L4 24 GB"), ("l40s", "L40S 48 GB"), ("A100 SXM", "A100 SXM 80 GB"), ("4090", "RTX 4090 24 GB")],
)
def test_a_card_is_found_by_words_of_its_name(words: str, name: str) -> None:
    assert card_named(words).name == name


@pytest.mark.parametrize(("words", "told"), [("H100", "several cards"), ("Voodoo", "no card")])
def test_a_card_that_is_not_one_is_refused_with_those_there_are(words: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        card_named(words)


def test_the_estimate_is_near_what_was_measured_with_one_answer_at_a_time() -> None:
    """About 75 tokens/s of Llama-3.1-8B in BF16 on an A100 of 40 GB, vLLM 0.23 (johnmusgrave.com, throughput sweep)."""
    site = card_named("A100 40").site(1, 1)
    found = plan(facts_of("Llama-3-8B"), site, model="/m", served_as="m", users=1).speed
    assert found and found.total_tokens_s == pytest.approx(75, rel=0.1)
