"""What the tests of the layers share: the house's tolerances, and every cell with the inputs that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import pytest
import torch

from cellwright.cells import LSTM, Cell, affine, catalogue, exp, linear, sigmoid, sum_over, tanh, weight
from cellwright.layers import Recurrent
from cellwright.program import reverse


class Timed(Cell):
    """Reads the time that has passed; a decay that is constant over time; addends with names of their own."""

    states = ("h", "c")
    sequences: ClassVar = {"x": ("feature",), "elapsed": ()}

    def step(self, x, elapsed, h, c):
        rate = exp(weight("weight_rate"))
        kept = exp(-(rate * elapsed)) * c
        seen = linear("g", x, bias=True)
        fed = linear("g", h)
        g = tanh(seen + fed)
        strength = sum_over(g * h, "unit")
        c = kept + g * sigmoid(strength)
        return tanh(c), c


class Memoryless(Cell):
    """Its output depends on the input alone, under the name of its state."""

    states = ("h", "c")

    def step(self, x, h, c):
        c = tanh(affine("c", x))
        h = c * sigmoid(affine("o", x))
        return h, c


class Mixed(Cell):
    """Reads the state before the input, and the input through a layer of its own beside it."""

    states = ("h", "c")

    def step(self, x, h, c):
        inner = tanh(affine("inner", x))
        g = tanh(affine("g", h, x))
        o = sigmoid(affine("o", x, h) + linear("o", inner, family="inner"))
        c = c + g * tanh(affine("k", x, c, inner))
        return o * c, tanh(c)


CELLS: Mapping[str, Cell] = {
    **catalogue("sequence"),
    "blocks of two": LSTM(cells_per_block=2, gate_recurrence="units", forget_gate=False),
    "blocks with peepholes": LSTM(cells_per_block=2, peepholes=True),
    "projection": LSTM(projection=True, recurrent_bias=True),
    "gate biases": LSTM(biases="gates", forget_bias=1.0),
    "timed": Timed(),
    "memoryless": Memoryless(),
    "mixed": Mixed(),
}
INPUT_SIZE, HIDDEN_SIZE, PROJECTION = 3, 4, 2


@pytest.fixture(params=CELLS, scope="session")
def cell(request: pytest.FixtureRequest) -> Cell:
    """Every cell of the catalogue, and what the catalogue's do not show."""
    return CELLS[request.param]


@pytest.fixture(params=[name for name in CELLS if reverse(CELLS[name].program()).outputs], scope="session")
def smooth_cell(request: pytest.FixtureRequest) -> Cell:
    """Every cell but those of threshold units, whose derivative is zero and whose output is a number for any input."""
    return CELLS[request.param]


class Laws:
    """Comparisons in the norm of the largest value. Tensors may come nested in tuples, lists and dicts."""

    def same(self, actual: object, expected: object, tolerance: float = 1e-12) -> None:
        """Float64: within 1e-12 of the largest value of each tensor; NaN and infinity in the same places."""
        pairs = list(zip(flat(actual), flat(expected), strict=True))
        assert pairs, "nothing was compared"
        for one, other in pairs:
            assert one.shape == other.shape
            assert one.dtype == other.dtype
            assert torch.equal(one.isnan(), other.isnan())
            finite = other.isfinite()
            assert torch.equal(one[~finite].nan_to_num(0), other[~finite].nan_to_num(0))
            if finite.any():
                error, largest = (one - other)[finite].abs().max(), other[finite].abs().max()
                assert error <= tolerance * largest, f"{float(error)} of {float(largest)}"

    def as_good_as(self, draws: Sequence[tuple[object, object, object]]) -> None:
        """Lower precision: the error against float64 is at most twice torch's own, and 1e-6 of the largest value.

        Each draw is (ours, torch's, exact). Of several draws it is the mean error that counts: the largest of a few
        roundings is a matter of luck in half precision.
        """
        per_draw = []
        for draw in draws:
            triples = list(zip(*(tuple(flat(results)) for results in draw), strict=True))
            assert triples, "nothing was compared"
            for own, other, truth in triples:
                assert own.dtype == other.dtype
                assert own.shape == other.shape == truth.shape
            per_draw.append([[((t.double() - e).abs().max() / e.abs().max()) for t in (a, b)] for a, b, e in triples])
        own, other = torch.tensor(per_draw, dtype=torch.float64).mean(0).T
        assert (own <= 2 * other + 1e-6).all(), f"{own} against {other}"


def flat(nested: object) -> Iterable[torch.Tensor]:
    if isinstance(nested, torch.Tensor):
        yield nested.detach()
    elif isinstance(nested, Mapping):
        for key in sorted(nested):
            yield from flat(nested[key])
    elif isinstance(nested, Sequence):
        for item in nested:
            yield from flat(item)
    else:
        raise TypeError(f"cannot compare {type(nested).__name__}")


@pytest.fixture(scope="session")
def laws() -> Laws:
    """The tolerances of the house."""
    return Laws()


class Workbench:
    """Builds layers of any cell in float64, and random inputs and states for them."""

    def layer(self, cell: Cell, seed: int = 0, **options: object) -> Recurrent:
        torch.manual_seed(seed)
        projects = any("projection" in value.axes for value in cell.program().values)
        options = {"proj_size": PROJECTION if projects else 0, "dtype": torch.float64, **options}
        return Recurrent(cell, INPUT_SIZE, HIDDEN_SIZE, **options)

    def inputs(self, cell: Cell, *lead: int) -> dict[str, torch.Tensor]:
        """A random sequence for each that the cell reads: ``input`` and others by name. One number is positive."""
        tensors = {}
        for name, axes in cell.sequences.items():
            tensor = torch.randn(*lead, *(INPUT_SIZE for _ in axes), dtype=torch.float64)
            tensors["input" if name == "x" else name] = tensor if axes else tensor.abs()
        return tensors

    def state(self, layer: Recurrent, *batch: int) -> tuple[torch.Tensor, ...]:
        """A random initial state, always as a tuple."""
        sizes = layer.cell.state_sizes(layer.layer_sizes(0))
        rows = layer.num_layers * layer.num_directions
        return tuple(torch.randn(rows, *batch, size, dtype=torch.float64) for size in sizes.values())


def as_state(tensors: Sequence[torch.Tensor]) -> torch.Tensor | tuple[torch.Tensor, ...]:
    """States as a layer takes and returns them: one tensor for one state."""
    return tensors[0] if len(tensors) == 1 else tuple(tensors)


@pytest.fixture(scope="session")
def workbench() -> Workbench:
    return Workbench()
