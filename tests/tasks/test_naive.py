"""The naive forecasts, against the same written out by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cellwright.tasks import naive


@given(st.integers(1, 9), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_rules_are_their_formulas(horizon: int, season: int, seed: int) -> None:
    y = np.random.default_rng(seed).normal(size=(3, 2 * season + horizon + 12))
    last = y.shape[1] - 1
    for rule in naive.rules(season):
        found = rule.forecast(y, horizon, season)
        assert found.shape == (3, horizon)
        for lead in range(1, horizon + 1):
            ago = lead
            while ago > 0:
                ago -= season
            expected = {
                "persistence": y[:, last],
                "seasonal_naive": y[:, last + ago],
                "seasonal_difference": y[:, last + ago] + y[:, last] - y[:, last - season],
            }[rule.name]
            assert np.array_equal(found[:, lead - 1], expected)


def test_formulas_are_those_of_the_airline_task() -> None:
    from cellwright.tasks import find

    airline = {name: baseline.formula for name, baseline in find("airline").baselines().items()}
    for rule in naive.rules(12):
        assert rule.written(1, 12) == airline[rule.name]


def test_without_a_season_there_is_persistence_alone() -> None:
    assert [rule.name for rule in naive.rules(0)] == ["persistence"]
