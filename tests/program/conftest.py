"""Every cell that a pass has to carry, with values to evaluate it on."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cellwright.cells import Cell, catalogue
from cellwright.program import Family, Program, evaluate, families

SIZES = {"feature": 3, "unit": 4, "projection": 2, "block": 2, "cell": 3, "predecessor": 2}
MAPS = {"depth": 2, "row": 3, "column": 4}
KERNELS = {"depth offset": 1, "row offset": 3, "column offset": 5} | {f"input {axis} offset": 3 for axis in MAPS}
SIZES |= MAPS | KERNELS


def _hard_cells():
    spec = importlib.util.spec_from_file_location("hard_cells", Path(__file__).with_name("hard_cells.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["hard_cells"] = module
    spec.loader.exec_module(module)
    return module.HARD


HARD = _hard_cells()
CELLS: dict[str, Cell] = {**{name: hard.cell for name, hard in HARD.items()}, **catalogue()}
POSITIVE = {name for hard in HARD.values() for name in hard.positive}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``any_cell``: the hard cells and the catalogue; ``hard``: the hard cells beside their formulas."""
    if "any_cell" in metafunc.fixturenames:
        metafunc.parametrize("any_cell", CELLS.values(), ids=CELLS)
    if "hard" in metafunc.fixturenames:
        metafunc.parametrize("hard", HARD.values(), ids=HARD)


@dataclass
class Values:
    """Tensors for a program: inputs by name, parameters by family."""

    program: Program
    inputs: dict[str, Tensor]
    stored: dict[str, Tensor]
    families: dict[str, Family]

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The parts of the stored tensors by name; gradients reach the stored tensors."""
        return {name: t for key, family in self.families.items() for name, t in family.views(self.stored[key]).items()}

    @property
    def leaves(self) -> dict[str, Tensor]:
        return self.inputs | self.stored

    def require_gradients(self) -> Values:
        for tensor in self.leaves.values():
            tensor.requires_grad_()
        return self

    def evaluate(
        self, program: Program | None = None, inputs: Mapping[str, Tensor] | None = None, **more: Tensor
    ) -> dict[str, Tensor]:
        return evaluate(program or self.program, {**(inputs or self.inputs), **more}, self.stored, SIZES)


@pytest.fixture
def hard_cells() -> Mapping[str, Any]:
    return HARD


@pytest.fixture
def sizes() -> dict[str, int]:
    return dict(SIZES)


@pytest.fixture
def draw() -> Callable[..., Values]:
    """Draws inputs and parameters for a cell or program; ``lead`` are the leading dimensions of its inputs."""

    def make(
        cell: Cell | Program, lead: tuple[int, ...] = (5,), dtype: torch.dtype = torch.float64, seed: int = 0
    ) -> Values:
        generator = torch.Generator().manual_seed(seed)
        program = cell.program() if isinstance(cell, Cell) else cell
        layout = families(program, SIZES)

        def tensor(name: str, shape: tuple[int, ...]) -> Tensor:
            drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
            return (drawn.abs() + 0.1 if name in POSITIVE else drawn).to(dtype)

        inputs = {v.name: tensor(v.name, (*lead, *(SIZES[a] for a in v.axes if a != "batch"))) for v in program.inputs}
        stored = {name: tensor(name, family.shape) for name, family in layout.items()}
        return Values(program, inputs, stored, layout)

    return make


@pytest.fixture
def close() -> Callable[[Tensor, Tensor], None]:
    """Asserts equality to 1e-12 of the expected tensor's largest value (float64)."""

    def check(got: Tensor, expected: Tensor, what: str = "", tolerance: float = 1e-12) -> None:
        assert got.shape == expected.shape, f"{what}: {tuple(got.shape)} instead of {tuple(expected.shape)}"
        error, largest = (got - expected).abs().max(), expected.abs().max()
        assert error <= tolerance * largest, f"{what}: off by {error:.1e} where the largest value is {largest:.1e}"

    return check
