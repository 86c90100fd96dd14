"""Evenly spread rows: of a range as of an array, without the array."""

from __future__ import annotations

import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cellwright.tasks.thinned import thinned


@given(st.integers(-5, 100), st.integers(0, 300), st.integers(2, 50))
def test_rows_are_evenly_spread_from_the_first_to_the_last(start: int, count: int, most: int) -> None:
    rows = range(start, start + count)
    found = thinned(rows, most)
    assert found.tolist() == thinned(np.arange(start, start + count), most).tolist()
    assert len(found) == min(count, most)
    if count:
        assert (found[0], found[-1]) == (rows[0], rows[-1])
    if len(found) > 1:
        apart = np.diff(found)
        assert apart.min() >= 1
        assert apart.max() - apart.min() <= 1 + (len(found) < count)


def test_a_long_file_takes_no_more_memory() -> None:
    tracemalloc.start()
    found = thinned(range(10**12), 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found[-1] == 10**12 - 1
    assert peak < 10**6
