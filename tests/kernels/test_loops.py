"""Compiled loops compute what the interpreter computes: values and every gradient, of every cell, at any size."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright import Recurrent, kernels
from cellwright.cells import LSTM, SLSTM, Cell, affine, tanh, weight
from cellwright.kernels import loop
from cellwright.kernels.host import VECTORS, this_host
from cellwright.layers.compiled import compiled_step

CELLS = {"lstm": LSTM(), "fgr": LSTM(peepholes=True, gate_recurrence="gates"), "projection": LSTM(projection=True)}
SIZES = [(5, 3, 4, 4), (1, 1, 2, 1), (4, 1, 1, 3), (3, 2, 3, 5), (2, 7, 3, 17), (6, 5, 2, 33)]
"""(steps, rows, features, units): odd ones, below and above the width of a vector and of a block of rows."""


def build(cell: Cell, features: int, units: int, dtype: torch.dtype = torch.float64, **options: object) -> Recurrent:
    torch.manual_seed(units)
    units += -units % getattr(cell, "cells_per_block", 1)
    projected = max(1, units - 2) if cell.projects else 0
    return Recurrent(cell, features, units, proj_size=projected, dtype=dtype, **options)


def draw(layer: Recurrent, steps: int, rows: int, scale: float = 1.0) -> tuple[dict, tuple]:
    dtype = next(layer.parameters()).dtype
    inputs = {}
    for name, axes in layer.cell.sequences.items():
        tensor = scale * torch.randn(steps, rows, *(layer.input_size for _ in axes), dtype=torch.float64)
        inputs["input" if name == "x" else name] = (tensor if axes else tensor.abs()).to(dtype)
    sizes = layer.cell.state_sizes(layer.layer_sizes(0))
    states = {name: torch.randn(1, rows, size, dtype=torch.float64).to(dtype) for name, size in sizes.items()}
    if isinstance(layer.cell, SLSTM):
        states["n"] = states["n"].abs()  # a sum of exponentials: below zero c / n has poles
    return inputs, tuple(states.values())


def results(layer: Recurrent, inputs: dict, state: tuple, compiled: bool, **options: object) -> dict[str, torch.Tensor]:
    """Output, final states, recorded signals and the gradients of everything, by name."""
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in inputs.items()}
    states = [tensor.clone().requires_grad_() for tensor in state]
    with kernels.switched(compiled):
        start = states[0] if len(states) == 1 else tuple(states)
        output, final, *recorded = layer(**leaves, state=start, **options)
        values = [output, *((final,) if isinstance(final, torch.Tensor) else final)]
        values += [signal for signals in recorded for signal in signals.values()]
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


@settings(max_examples=4)
@given(steps=st.integers(1, 9), rows=st.integers(0, 19), features=st.integers(1, 9), units=st.integers(2, 35))
def test_any_size(cell: Cell, steps: int, rows: int, features: int, units: int) -> None:
    layer = build(cell, features, units)
    inputs, state = draw(layer, steps, rows)
    same(results(layer, inputs, state, True), results(layer, inputs, state, False))


@pytest.fixture
def _vectors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Code for narrower vectors than this processor has."""
    forced, own = VECTORS[request.param], this_host()
    if not own.triple.startswith("x86_64") or own.vector_bytes < forced.vector_bytes:
        pytest.skip(f"this processor has no {request.param}")
    monkeypatch.setattr(loop, "this_host", lambda: forced)
    compiled_step.cache_clear()
    yield
    compiled_step.cache_clear()


@pytest.mark.usefixtures("_vectors")
@pytest.mark.parametrize(
    ("_vectors", "dtype"), [("avx2", torch.float64), ("sse", torch.float32)], indirect=["_vectors"], ids=["avx2", "sse"]
)
def test_narrower_vectors(telling_cell: Cell, dtype: torch.dtype) -> None:
    layer = build(telling_cell, 5, 11, dtype)
    inputs, state = draw(layer, 4, 7)
    options = {"lengths": [4, 0, 3, 4, 1, 2, 4]}
    if dtype == torch.float64:
        same(results(layer, inputs, state, True, **options), results(layer, inputs, state, False, **options))
    elif type(telling_cell).__name__ != "Oddments":  # where mod jumps is a matter of the last bit
        as_good_as_torch(layer, inputs, state, **options)


def test_vectors_are_forced_by_an_environment_variable() -> None:
    program = "from cellwright.kernels.host import this_host; print(this_host().vector_bytes)"
    for name, width in {"sse": "16", "avx2": "32"}.items():
        forced = {**os.environ, "CELLWRIGHT_VECTORS": name}
        done = subprocess.run([sys.executable, "-c", program], env=forced, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == width


@pytest.mark.parametrize("rows", [2, 9])
def test_recomputing_gives_the_same(cell: Cell, rows: int) -> None:
    layer = build(cell, 3, 5, recompute=True)
    inputs, state = draw(layer, 6, rows)
    lengths = [6, 0, 3, 5, 1, 6, 2, 2, 4][:rows]
    resets = torch.rand(6, rows) < 0.3
    for options in ({}, {"lengths": lengths}, {"resets": resets}):
        same(results(layer, inputs, state, True, **options), results(layer, inputs, state, False, **options))


def test_recorded_signals_and_their_gradients(cell: Cell) -> None:
    layer = build(cell, 3, 5)
    record = tuple(layer.cell.program().named)
    inputs, state = draw(layer, 5, 9)
    for options in ({}, {"lengths": [5, 0, 3, 4, 1, 5, 2, 2, 4]}):
        options = {"record": record, **options}
        same(results(layer, inputs, state, True, **options), results(layer, inputs, state, False, **options))


@pytest.mark.parametrize(
    "wanted", [("input",), ("weight_hh_l0",), ("bias_ih_l0",), ("state",), ("weight_ih_l0", "state")]
)
def test_only_what_is_needed(cell: Cell, wanted: tuple[str, ...]) -> None:
    """Frozen weights, inputs that need no gradient: what is not asked for is neither computed nor written over."""
    layer = build(cell, 3, 5).requires_grad_(False)
    inputs, state = draw(layer, 4, 6)
    leaves = [layer.get_parameter(name) for name in wanted if name in dict(layer.named_parameters())]
    leaves += [inputs["input"]] if "input" in wanted else []
    leaves += state if "state" in wanted else []
    if not leaves:
        pytest.skip("this cell has no such tensor")
    for leaf in leaves:
        leaf.requires_grad_()
    found = []
    for on in (True, False):
        with kernels.switched(on):
            output, _ = layer(**inputs, state=state[0] if len(state) == 1 else state)
            if output.requires_grad:  # the interpreter's does not, where no memory leads from the state to it
                found.append(torch.autograd.grad(output.square().sum(), leaves, allow_unused=True))
            else:
                found.append((None,) * len(leaves))
    for k, (ours, theirs) in enumerate(zip(*found, strict=True)):
        if theirs is not None:
            assert ours is not None
            same({str(k): ours}, {str(k): theirs})


@pytest.mark.parametrize("scale", [1e-42, 1e-30, 50.0])
def test_denormal_numbers_and_saturated_gates(scale: float) -> None:
    layer = build(LSTM(), 3, 17, torch.float32)
    inputs, state = draw(layer, 5, 9, scale)
    with torch.no_grad():
        layer.weight_ih_l0.mul_(scale if scale > 1 else 1.0)
    ours, theirs = (results(layer, inputs, state, on) for on in (True, False))
    for name, truth in theirs.items():
        assert (ours[name] - truth).abs().max() <= 2e-6 * truth.abs().max() + 1e-40, name


@pytest.mark.parametrize("rows", [3, 6])
def test_lengths_and_resets_are_those_of_the_interpreter(cell: Cell, rows: int) -> None:
    layer = build(cell, 3, 5)
    inputs, state = draw(layer, 6, rows)
    lengths = [6, 0, 3, 5, 1, 6][:rows]
    resets = torch.rand(6, rows) < 0.3
    resets[0, 0] = True
    for options in ({"lengths": lengths}, {"resets": resets}, {"lengths": lengths, "resets": resets}):
        same(results(layer, inputs, state, True, **options), results(layer, inputs, state, False, **options))


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_masks_and_tensors_of_any_strides(name: str) -> None:
    """Transposed resets, expanded lengths, a sliced input, a state with a stride of 0."""
    layer = Recurrent(name, 3, 5, batch_first=True, dtype=torch.float64)
    x = torch.randn(6, 4, 7, dtype=torch.float64)[:, :, 2:5]
    resets = torch.rand(4, 6).lt(0.3).T
    size = (1, 6, 5)
    state = tuple(torch.randn(1, 1, 5, dtype=torch.float64).expand(size) for _ in layer.cell.states)
    for lengths in (None, torch.tensor([3]).expand(6), torch.tensor([4, 9, 0, 9, 2, 9, 3, 9, 1, 9, 4, 9])[::2]):
        options = {"lengths": lengths, "resets": resets}
        same(
            results(layer, {"input": x}, state, True, **options), results(layer, {"input": x}, state, False, **options)
        )


def as_good_as_torch(layer: Recurrent, inputs: dict, state: tuple, **options: object) -> None:
    """The error against float64 is at most twice the interpreter's, which is torch's own, and 1e-6."""
    ours, theirs = (results(layer, inputs, state, on, **options) for on in (True, False))
    wider = {name: tensor.double() for name, tensor in inputs.items()}
    exact = results(layer.double(), wider, tuple(s.double() for s in state), False, **options)
    for name, truth in exact.items():
        own, other = (
            float((r[name].double() - truth).abs().max() / truth.abs().max().clamp_min(1e-30)) for r in (ours, theirs)
        )
        assert own <= 2 * other + 1e-6, f"{name}: {own} against {other}"


def test_float32_is_as_good_as_torch(cell: Cell) -> None:
    layer = build(cell, 7, 19, torch.float32)
    inputs, state = draw(layer, 9, 5)
    if type(cell).__name__ == "Oddments":
        pytest.skip("mod is not continuous: where it jumps is a matter of the last bit")
    as_good_as_torch(layer, inputs, state)


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
