import dataclasses

import pytest

from engine.errors import Refused
from engine.runtime.options import LoadOptions, Sampling
from engine.settings import DEFAULTS


def test_the_defaults_are_those_of_the_settings():
    assert Sampling.from_settings(DEFAULTS) == Sampling()
    assert LoadOptions.from_settings(DEFAULTS) == LoadOptions()


def test_settings_reach_the_options():
    settings = DEFAULTS.changed(temperature=0.0, seed=7, max_tokens=12, context_tokens=512, threads=1, gpu_layers=3)
    settings = settings.changed(cache_type="q8_0", flash_attention=False)
    assert Sampling.from_settings(settings) == Sampling(temperature=0.0, seed=7, max_tokens=12)
    assert LoadOptions.from_settings(settings) == LoadOptions(
        context_tokens=512, gpu_layers=3, threads=1, cache_type="q8_0", flash_attention=False
    )


def test_a_value_out_of_range_never_becomes_an_option():
    with pytest.raises(Refused):
        DEFAULTS.changed(context_tokens=1)


def test_what_an_older_version_kept_is_read():
    assert Sampling.from_record({"temperature": 0.3, "stop": ["a"]}) == Sampling(temperature=0.3, stop=("a",))


def test_sampling_crosses_the_wire():
    sampling = Sampling(stop=("a", "b"), seed=3)
    record = dataclasses.asdict(sampling)
    record["stop"] = list(record["stop"])  # as JSON has it
    assert Sampling.from_record(record) == sampling
