"""Compiled loops compute what the interpreter computes: values and every gradient, of every cell, at any size."""

from __future__ import annotations

import logging

import pytest
import torch

from cellwright import Recurrent, kernels
from cellwright.cells import LSTM, Cell, affine, tanh, weight
from cellwright.layers.compiled import compiled_step

CELLS = {"lstm": LSTM(), "fgr": LSTM(peepholes=True, gate_recurrence="gates"), "projection": LSTM(projection=True)}
SIZES = [(5, 3, 4, 4), (1, 1, 2, 1), (4, 1, 1, 3), (3, 2, 3, 5), (2, 7, 3, 17), (6, 5, 2, 33)]
"""(steps, rows, features, units): odd ones, below and above the width of a vector and of a block of rows."""


def build(cell: Cell, features: int, units: int, dtype: torch.dtype = torch.float64) -> Recurrent:
    torch.manual_seed(units)
    units += -units % getattr(cell, "cells_per_block", 1)
    projects = any("projection" in value.axes for value in cell.program().values)
    return Recurrent(cell, features, units, proj_size=max(1, units - 2) if projects and units > 1 else 0, dtype=dtype)


def draw(layer: Recurrent, steps: int, rows: int, scale: float = 1.0) -> tuple[dict, tuple]:
    dtype = next(layer.parameters()).dtype
    inputs = {}
    for name, axes in layer.cell.sequences.items():
        tensor = scale * torch.randn(steps, rows, *(layer.input_size for _ in axes), dtype=torch.float64)
        inputs["input" if name == "x" else name] = (tensor if axes else tensor.abs()).to(dtype)
    sizes = layer.cell.state_sizes(layer.layer_sizes(0))
    return inputs, tuple(torch.randn(1, rows, size, dtype=torch.float64).to(dtype) for size in sizes.values())


def results(layer: Recurrent, inputs: dict, state: tuple, compiled: bool, **options: object) -> dict[str, torch.Tensor]:
    """Output, final states and the gradients of everything, by name."""
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in inputs.items()}
    states = [tensor.clone().requires_grad_() for tensor in state]
    with kernels.switched(compiled):
        output, final = layer(**leaves, state=states[0] if len(states) == 1 else tuple(states), **options)
        values = [output, *((final,) if isinstance(final, torch.Tensor) else final)]
        cotangents = [torch.linspace(-1, 1.5, v.numel(), dtype=v.dtype).reshape(v.shape) for v in values]
        wanted = leaves | {f"state {k}": s for k, s in enumerate(states)} | dict(layer.named_parameters())
        gradients = torch.autograd.grad(values, list(wanted.values()), cotangents, allow_unused=True)
    named = {f"value {k}": value.detach() for k, value in enumerate(values)}
    return named | {f"d {n}": g for n, g in zip(wanted, gradients, strict=True) if g is not None}


def same(actual: dict[str, torch.Tensor], expected: dict[str, torch.Tensor], tolerance: float = 1e-12) -> None:
    """Within a part of the largest value of each tensor; NaN and infinity in the same places."""
    for name, truth in expected.items():
        one = actual.get(name, torch.zeros_like(truth))
        finite = truth.isfinite()
        assert torch.equal(one[~finite].nan_to_num(0.5), truth[~finite].nan_to_num(0.5)), name
        assert one[finite].isfinite().all(), name
        if finite.any():
            error, largest = (one - truth)[finite].abs().max(), truth[finite].abs().max()
            assert error <= tolerance * largest + 1e-300, f"{name}: {float(error)} of {float(largest)}"


@pytest.fixture(autouse=True)
def _nothing_is_interpreted(caplog: pytest.LogCaptureFixture):
    yield
    assert not [r for r in caplog.records if r.name == "cellwright.kernels" and r.levelno >= logging.WARNING]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_kernels_are_the_interpreter(cell: Cell, size: tuple[int, int, int, int]) -> None:
    steps, rows, features, units = size
    if units == 1 and "projection" in str(cell):
        pytest.skip("a projection is smaller than what it projects")
    layer = build(cell, features, units)
    inputs, state = draw(layer, steps, rows)
    assert compiled_step(cell, tuple(sorted(layer.layer_sizes(0).items()))).loop(torch.float64) is not None
    same(results(layer, inputs, state, True), results(layer, inputs, state, False))


@pytest.mark.parametrize("size", [(60, 9, 33, 70), (300, 2, 40, 64), (1, 1, 64, 64)], ids=str)
@pytest.mark.parametrize("name", ["lstm", "fgr", "projection"])
def test_sums_over_many_rows(name: str, size: tuple[int, int, int, int]) -> None:
    """Long enough for the sums over time to be taken in blocks."""
    steps, rows, features, units = size
    layer = build(CELLS[name], features, units)
    inputs, state = draw(layer, steps, rows)
    same(results(layer, inputs, state, True), results(layer, inputs, state, False))


@pytest.mark.parametrize("rows", [3, 6])
def test_lengths_and_resets_are_those_of_the_interpreter(cell: Cell, rows: int) -> None:
    layer = build(cell, 3, 5)
    inputs, state = draw(layer, 6, rows)
    lengths = [6, 0, 3, 5, 1, 6][:rows]
    resets = torch.rand(6, rows) < 0.3
    resets[0, 0] = True
    for options in ({"lengths": lengths}, {"resets": resets}, {"lengths": lengths, "resets": resets}):
        same(results(layer, inputs, state, True, **options), results(layer, inputs, state, False, **options))


def test_float32_is_as_good_as_torch(cell: Cell) -> None:
    """The error against float64 is at most twice the interpreter's, which is torch's own, and 1e-6."""
    layer = build(cell, 7, 19, torch.float32)
    inputs, state = draw(layer, 9, 5)
    if "oddments" in type(cell).__name__.lower():
        pytest.skip("mod is not continuous: where it jumps is a matter of the last bit")
    ours, theirs = (results(layer, inputs, state, on) for on in (True, False))
    exact = results(layer.double(), {k: v.double() for k, v in inputs.items()}, tuple(s.double() for s in state), False)
    for name, truth in exact.items():
        own, other = (
            float((r[name].double() - truth).abs().max() / truth.abs().max().clamp_min(1e-30)) for r in (ours, theirs)
        )
        assert own <= 2 * other + 1e-6, f"{name}: {own} against {other}"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 1e300, -1e300])
def test_nan_and_infinity_pass_as_in_torch(bad: float) -> None:
    layer = build(LSTM(), 3, 5)
    inputs, state = draw(layer, 4, 6)
    inputs["input"][1, 2, 0] = bad
    state[1][0, 4, 3] = bad
    same(results(layer, inputs, state, True), results(layer, inputs, state, False))


def test_inference_is_training_without_a_tape(cell: Cell) -> None:
    """To the last bits: sums are contracted differently where less is kept."""
    layer = build(cell, 3, 5)
    inputs, state = draw(layer, 7, 6)

    def values() -> dict[str, torch.Tensor]:
        output, final = layer(**inputs, state=state[0] if len(state) == 1 else state)
        return {"output": output.detach(), "final": torch.stack((final,) if torch.is_tensor(final) else final).detach()}

    recorded = values() if len({s.shape for s in state}) == 1 else None
    if recorded is None:
        pytest.skip("states of different sizes are not stacked")
    with torch.no_grad():
        same(values(), recorded)
    with torch.inference_mode():
        same(values(), recorded)


def test_the_same_bits_twice(cell: Cell) -> None:
    layer = build(cell, 3, 17, torch.float32)
    inputs, state = draw(layer, 6, 9)
    first, second = (results(layer, inputs, state, True) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_an_output_changed_in_place_is_noticed() -> None:
    layer = build(LSTM(), 3, 5)
    inputs, state = draw(layer, 3, 4)
    output, _ = layer(**inputs, state=state)
    loss = output.square().sum()
    output.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


class OneGain(Cell):
    """A weight that is one number."""

    def step(self, x, h):
        return weight("weight_gain", out=()) * tanh(affine("u", x, h))


def test_what_cannot_be_compiled_is_interpreted_and_said_so_once(caplog: pytest.LogCaptureFixture) -> None:
    layer = build(OneGain(), 3, 4)
    with caplog.at_level(logging.WARNING, "cellwright.kernels"):
        for _ in range(2):
            layer(torch.randn(2, 5, 3, dtype=torch.float64))
    (record,) = caplog.records
    assert record.message.endswith("is interpreted, because a weight or constant is used in a sum over units")
    caplog.clear()
