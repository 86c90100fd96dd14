"""What the fields of Phased LSTM and time-aware LSTM accept; tests/layers/test_timed.py has what they compute."""

from __future__ import annotations

import math

import pytest

from cellwright.cells import LogUniform, PhasedLSTM, TimeAwareLSTM, Uniform
from cellwright.errors import CellwrightError


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (PhasedLSTM, {"projection": True}, "neither projection nor gate_recurrence"),
        (PhasedLSTM, {"gate_recurrence": "gates"}, "neither projection nor gate_recurrence"),
        (PhasedLSTM, {"period": 0.0}, "period starts above 0; got 0.0"),
        (PhasedLSTM, {"period": Uniform(-1.0, 1.0)}, r"period starts above 0; got Uniform\(low=-1.0, high=1.0\)"),
        (PhasedLSTM, {"shift": "late"}, r"shift is a finite number, Uniform\(...\) or LogUniform"),
        (PhasedLSTM, {"open_ratio": 1.5}, "open_ratio is a part of the period, above 0 and at most 1; got 1.5"),
        (PhasedLSTM, {"leak": -0.1}, "leak is a finite number from 0; got -0.1"),
        (PhasedLSTM, {"magnitudes": 1}, "magnitudes is True or False; got 1"),
        (TimeAwareLSTM, {"decay": "linear"}, "decay is one of logarithm, inverse, none; got 'linear'"),
    ],
)
def test_what_makes_no_sense_is_refused(kind, options, said):
    with pytest.raises(CellwrightError, match=said):
        kind(**options)


@pytest.mark.parametrize(
    "make", [lambda: Uniform(2.0, 1.0), lambda: LogUniform(0.0, 1.0), lambda: Uniform(0, math.inf)]
)
def test_ranges_are_checked(make):
    with pytest.raises(CellwrightError, match="expected"):
        make()
