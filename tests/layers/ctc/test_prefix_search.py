"""Prefix search gives the most probable string: against every string, and against a beam that is wide enough."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright import CellwrightError
from cellwright.layers.ctc import prefix_beam_search, prefix_search


@settings(max_examples=25)
@given(st.integers(1, 5), st.integers(2, 4), st.integers(0, 1), st.integers(0, 99))
def test_the_string_is_the_most_probable(every_string, steps: int, labels: int, blank: int, seed: int) -> None:
    torch.manual_seed(seed)
    outputs = torch.randn(steps, 1, labels, dtype=torch.float64)
    expected = every_string(outputs[:, 0], blank)
    (found,) = prefix_search(outputs, blank=blank)
    assert found.labels == max(expected, key=expected.get)
    assert math.exp(found.log_probability) == pytest.approx(expected[found.labels], rel=1e-12)


def test_a_batch_of_longer_sequences_is_decoded_as_by_a_wide_beam() -> None:
    torch.manual_seed(0)
    outputs, lengths = 4 * torch.randn(12, 3, 4, dtype=torch.float64), [12, 0, 9]
    outputs[9:, 2] = torch.nan
    beams = prefix_beam_search(outputs, lengths, width=3000)
    for found, beam in zip(prefix_search(outputs, lengths), beams, strict=True):
        assert found.labels == beam[0].labels
        assert found.score == found.log_probability == pytest.approx(beam[0].log_probability, rel=1e-12)


def test_a_threshold_cuts_where_the_blank_is_sure() -> None:
    """Two equal labels on either side of a sure blank stay two, and the blanks at the ends are no matter."""
    sure, a = [0.9998, 0.0001, 0.0001], [0.2, 0.7, 0.1]
    outputs = torch.tensor([sure, a, a, sure, sure, a, sure], dtype=torch.float64).log().unsqueeze(1)
    (found,) = prefix_search(outputs, threshold=0.999)
    assert found == prefix_search(outputs)[0]
    assert found.labels == (1, 1)


def test_a_threshold_makes_long_outputs_feasible(every_string) -> None:
    """Each fourth step is a sure blank: the string is that of the pieces between, one after the other."""
    torch.manual_seed(0)
    outputs = torch.randn(60, 1, 4, dtype=torch.float64)
    outputs[::4, :, 0] = 60.0
    (found,) = prefix_search(outputs, threshold=0.9999)
    pieces = [every_string(outputs[start : start + 3, 0]) for start in range(1, 60, 4)]
    best = [max(piece, key=piece.get) for piece in pieces]
    assert found.labels == sum(best, ())
    probability = math.prod(piece[string] for piece, string in zip(pieces, best, strict=True))
    assert math.exp(found.log_probability) >= probability * (1 - 1e-9)


def test_a_search_without_an_end_is_told() -> None:
    with pytest.raises(
        CellwrightError, match="prefix search has looked at 20 prefixes without an end: cut the outputs"
    ):
        prefix_search(torch.zeros(30, 1, 6), most_prefixes=20)


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(CellwrightError, match="threshold is a probability between 0 and 1, got 2"):
        prefix_search(torch.zeros(3, 1, 3), threshold=2)
    with pytest.raises(CellwrightError, match="outputs hold NaN"):
        prefix_search(torch.full((3, 1, 3), torch.nan))
    with pytest.raises(CellwrightError, match="most_prefixes is a whole number from 1"):
        prefix_search(torch.zeros(3, 1, 3), most_prefixes=0)
