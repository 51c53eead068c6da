"""“Best for you”."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.measure.choose import Rule, choose
from tests.helpers.reports import original, report

GB = 1_000_000_000
FORMATS = (
    original(rate=6.0, peak_bytes=4 * GB),
    report("Q8_0", 0.004, 11.0, 2 * GB),
    report("Q6_K", 0.008, 13.0, int(1.8 * GB)),
    report("Q4_K_M", 0.05, 20.0, int(1.3 * GB)),
    report("Q2_K", 0.4, 24.0, GB),
)


def labels(rule: Rule, free_bytes: int = 16 * GB) -> list[str]:
    return [choice.report.label for choice in choose(FORMATS, rule, free_bytes) if choice.passes]


def test_of_those_that_nobody_tells_apart_the_fastest_is_best():
    assert labels(Rule()) == ["Q6_K", "Q8_0", "F16", "Q4_K_M"]


def test_a_speed_floor_moves_the_choice():
    assert labels(Rule(least_tokens_s=15)) == ["Q4_K_M"]


def test_memory_that_is_to_stay_free_moves_the_choice():
    assert labels(Rule(memory_left_bytes=GB), free_bytes=int(2.5 * GB)) == ["Q4_K_M"]


def test_a_quality_floor_moves_the_choice():
    assert labels(Rule(most_divergence=0.005)) == ["Q8_0", "F16"]
    assert "Q2_K" in labels(Rule(most_divergence=1.0))


def test_reasons_name_what_is_broken_and_what_is_best():
    best, *_, worst = choose(FORMATS, Rule(least_tokens_s=12), 16 * GB)
    assert best.reason.endswith("the best that keeps to the rule.")
    assert "13.0 tokens/s" in best.reason
    assert worst.report.label == "Q2_K"
    assert "0.400" in worst.reason
    slow = next(choice for choice in choose(FORMATS, Rule(least_tokens_s=12), 16 * GB) if choice.report.label == "F16")
    assert slow.obstacles == ("It writes 6.0 tokens/s; at least 12 are asked for.",)


def test_what_was_not_compared_is_not_chosen():
    (only,) = choose([report("Q4_K_M", None, 20.0, GB)], Rule(), 16 * GB)
    assert not only.passes
    assert "not compared" in only.reason


def test_a_full_gpu_is_an_obstacle():
    on_gpu = report("Q8_0", 0.004, 50.0, GB, gpu_bytes=3 * GB)
    assert not choose([on_gpu], Rule(), 16 * GB, gpu_free_bytes=2 * GB)[0].passes
    assert choose([on_gpu], Rule(), 16 * GB, gpu_free_bytes=4 * GB)[0].passes


@given(
    st.permutations(FORMATS),
    st.floats(0, 30),
    st.floats(0, 1),
    st.floats(0, 0.1),
    st.integers(0, 8 * GB),
)
def test_the_order_of_the_reports_does_not_matter_and_none_is_lost(
    mixed: list, least: float, most: float, unnoticed: float, left: int
):
    rule = Rule(left, least, most, unnoticed)
    found = choose(mixed, rule, 6 * GB)
    assert [choice.report for choice in found] == [choice.report for choice in choose(FORMATS, rule, 6 * GB)]
    assert {choice.report.name for choice in found} == {report.name for report in FORMATS}
    assert [choice.passes for choice in found] == sorted((choice.passes for choice in found), reverse=True)
