"""Tables: splines as SciPy evaluates them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from cellwright.circuit.table import Table


@pytest.mark.parametrize("shape", [(9,), (7, 5), (5, 4, 6)])
def test_a_table_is_the_cubic_spline_of_its_values(shape: tuple[int, ...]) -> None:
    draw = np.random.default_rng(0)
    values = draw.normal(size=shape)
    axes = [(-1.0 - axis, 2.0) for axis in range(len(shape))]
    places = [draw.uniform(first, last, (3, 50)) for first, last in axes]
    places[0][0, :2] = -1, 2
    coordinates = [
        (place - first) / (last - first) * (points - 1)
        for place, (first, last), points in zip(places, axes, shape, strict=True)
    ]
    expected = map_coordinates(values, coordinates, order=3, mode="mirror")
    found = Table(axes, values)(*map(torch.from_numpy, places))
    assert np.abs(found.numpy() - expected).max() < 1e-12


def test_beyond_the_grid_a_table_is_level() -> None:
    table = Table([(0.0, 1.0), (0.0, 1.0)], np.random.default_rng(1).normal(size=(5, 6)))
    inside, beyond = torch.tensor([0.3, 1.0]), torch.tensor([0.3, 7.0])
    assert torch.equal(table(inside, inside.flip(0)), table(beyond, beyond.flip(0)))


def test_arguments_broadcast() -> None:
    table = Table([(0.0, 1.0), (0.0, 1.0)], np.random.default_rng(2).normal(size=(5, 6)))
    a, b = torch.rand(3, 1, 4), torch.rand(2, 4)
    assert torch.equal(table(a, b), table(a.expand(3, 2, 4), b.expand(3, 2, 4)))
    assert torch.equal(table(a[0, 0, 0], b[0, 0]), table(a, b)[0, 0, 0])
