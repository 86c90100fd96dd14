"""What the tests of cells share: NumPy values to compute a formula on, and what a cell makes of the same values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pytest
import torch

from cellwright.cells import Cell
from cellwright.program import evaluate, families

Arrays: TypeAlias = dict[str, np.ndarray]

INPUT, HIDDEN, BATCH = 3, 6, 2


@dataclass
class Drawn:
    """A cell's sizes, its inputs by name, its parameters as stored and by part."""

    cell: Cell
    sizes: Mapping[str, int]
    inputs: Arrays
    stored: Arrays
    parts: Arrays

    def computed(self, record: Sequence[str] = ()) -> Arrays:
        """The new states, and signals by name."""

        def tensors(arrays: Arrays) -> dict[str, torch.Tensor]:
            return {name: torch.from_numpy(array) for name, array in arrays.items()}

        results = evaluate(self.cell.program(), tensors(self.inputs), tensors(self.stored), self.sizes, record)
        return {name: tensor.numpy() for name, tensor in results.items()}

    def seen(self, gate: str, *fed_back: str) -> np.ndarray:
        """W x + U h + ... + b of a gate, with both biases where there are two."""
        read = {"ih": "x", "hh": "h", **{f"{name}_h": name for name in fed_back}}
        products = [self.inputs[name] @ self.parts[f"weight_{family}.{gate}"].T for family, name in read.items()]
        return sum(products) + sum(self.parts.get(f"bias_{family}.{gate}", 0.0) for family in ("ih", "hh"))


class Bench:
    """Draws values for cells, and compares in float64."""

    def draw(self, cell: Cell, projection: int = 4, scale: float = 1.0) -> Drawn:
        sizes = cell.sizes(INPUT, HIDDEN, projection if cell.projects else 0)
        generator = np.random.default_rng(0)
        program = cell.program()
        inputs = {
            value.name: generator.normal(size=(BATCH, *(sizes[axis] for axis in value.axes if axis != "batch"))) * scale
            for value in program.inputs
        }
        layout = families(program, sizes)
        stored = {name: generator.normal(size=family.shape) * scale for name, family in layout.items()}
        parts = {
            name: view.numpy()
            for key, family in layout.items()
            for name, view in family.views(torch.from_numpy(stored[key])).items()
        }
        return Drawn(cell, sizes, inputs, stored, parts)

    def same(self, got: np.ndarray, expected: np.ndarray) -> None:
        """Within 1e-12 of the largest value."""
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.fixture(scope="session")
def bench() -> Bench:
    return Bench()
