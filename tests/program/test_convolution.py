"""Convolutions as loops write them, their adjoints, and what the passes make of a step that convolves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.cells import Cell, affine, convolution, find, sigmoid, tanh
from cellwright.cells.convolutional import ConvLSTM
from cellwright.errors import CellwrightError
from cellwright.program import counts, equations, families, linear_groups, merge_sums, split_stages
from cellwright.program.convolution import convolve, convolve_transposed, correlate

MAP = ("row", "column")


class Blocks(Cell):
    """Maps whose channels have two axes, a distance of 2 between neighbours, and a kernel in a family of its own."""

    sequences = {"x": ("feature", *MAP)}  # noqa: RUF012

    def step(self, x, h):
        offsets = ("row offset", "column offset")
        inner = tanh(convolution("inner", x, ("block", "cell"), offsets=offsets, dilation=2, bias=True))
        gate = sigmoid(convolution("gate", inner, offsets=offsets, family="inner"))
        return gate * h + convolution("h", h, offsets=offsets, dilation=2)

    def state_axes(self):
        return {"h": ("unit", *MAP)}


def by_loops(source, kernel, dilation):
    """y[o, p] = sum of kernel[o, i, q] x[i, p + dilation (q - centre)], zeros beyond the border; one sample."""
    out = np.zeros((kernel.shape[0], *source.shape[1:]))
    centre = [size // 2 for size in kernel.shape[2:]]
    for place in np.ndindex(*source.shape[1:]):
        for offset in np.ndindex(*kernel.shape[2:]):
            seen = tuple(p + dilation * (q - c) for p, q, c in zip(place, offset, centre, strict=True))
            if all(0 <= at < size for at, size in zip(seen, source.shape[1:], strict=True)):
                out[(slice(None), *place)] += kernel[(..., *offset)] @ source[(slice(None), *seen)]
    return out


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_convolution_is_its_loops(dimensions, dilation, close):
    generator = np.random.default_rng(0)
    source = generator.normal(size=(2, *(4, 3, 5)[:dimensions]))
    kernel = generator.normal(size=(3, 2, *(3, 1, 5)[:dimensions]))
    got = convolve(torch.from_numpy(source), torch.from_numpy(kernel), None, dilation)
    close(got, torch.from_numpy(by_loops(source, kernel, dilation)))


@settings(max_examples=30)
@given(
    offsets=st.lists(st.sampled_from([1, 3, 5]), min_size=1, max_size=3),
    dilation=st.integers(1, 3),
    lead=st.sampled_from([(), (2,), (2, 3)]),
    sizes=st.lists(st.integers(1, 4), min_size=3, max_size=3),
)
def test_adjoints(offsets, dilation, lead, sizes):
    """<y, K * x> = <K^T * y, x> = <y correlated with x, K>, in every size, also of maps smaller than the kernel."""
    space = sizes[: len(offsets)]
    draw = torch.Generator().manual_seed(0)
    x, y = (torch.randn(*lead, channels, *space, generator=draw, dtype=torch.float64) for channels in (2, 3))
    kernel = torch.randn(3, 2, *offsets, generator=draw, dtype=torch.float64)
    forward = (convolve(x, kernel, None, dilation) * y).sum()
    backward = (convolve_transposed(y, kernel, dilation) * x).sum()
    weights = (correlate(y, x, tuple(offsets), dilation) * kernel).sum()
    largest = (x.abs().max() * y.abs().max() * kernel.abs().max()) * x.numel() * kernel.numel()
    assert max(abs(forward - backward), abs(forward - weights)) <= 1e-14 * largest


def test_a_kernel_of_even_size_has_no_centre():
    with pytest.raises(CellwrightError, match="a kernel has odd sizes, so that it has a centre; got 2"):
        convolve(torch.ones(1, 4), torch.ones(1, 1, 2))


def test_channels_of_two_axes_dilation_and_families(draw, close):
    values = draw(Blocks(), (2,))
    parts, x, h = values.parameters, values.inputs["x"], values.inputs["h"]

    def convolved(source, kernel, dilation):
        samples = [by_loops(sample, kernel, dilation) for sample in source.numpy()]
        return torch.from_numpy(np.stack(samples))

    first = parts["weight_ih.inner"].reshape(6, 3, 3, 5).numpy()
    inner = torch.tanh(convolved(x, first, 2) + parts["bias_ih.inner"].reshape(6, 1, 1))
    gate = torch.sigmoid(convolved(inner, parts["weight_inner.gate"].reshape(4, 6, 3, 5).numpy(), 1))
    close(values.evaluate()["h"], gate * h + convolved(h, parts["weight_hh.h"].numpy(), 2))
    assert values.families["weight_inner"].shape == (4, 6, 3, 5)


def test_kernels_are_stored_as_torch_stores_them(sizes):
    stored = families(find("convlstm").program(), sizes)
    assert {name: family.shape for name, family in stored.items()} == {
        "weight_ih": (16, 3, 3, 3),
        "bias_ih": (16,),
        "weight_hh": (16, 4, 3, 5),
    }
    assert [part.name for part in stored["weight_hh"].parts] == [f"weight_hh.{gate}" for gate in "ifgo"]


def test_the_convlstm_as_in_the_paper():
    lines = equations(find("convlstm-peephole").program())
    assert [line.unicode for line in lines][:2] == [
        "iₜ = σ(W_i ∗ xₜ + U_i ∗ hₜ₋₁ + b_i + p_i ⊙ cₜ₋₁)",
        "fₜ = σ(W_f ∗ xₜ + U_f ∗ hₜ₋₁ + b_f + p_f ⊙ cₜ₋₁)",
    ]
    assert lines[4].latex.startswith(r"o_{t} = \sigma\left(W_{o} * x_{t} + U_{o} * h_{t-1} + b_{o} + p_{o} \odot c_{t}")
    assert "<mo>∗</mo>" in lines[0].mathml


def test_what_a_step_costs(sizes):
    found = counts(find("convlstm").program())
    assert found.polynomial("weights") == "4·M·N·kH'·kW' + 4·M²·kH·kW"
    assert found.polynomial("kernel products") == "4·M·N·kH'·kW'·H·W + 4·M²·kH·kW·H·W"
    at = found.at(sizes)
    assert at["weights"] == 4 * 4 * (3 * 9 + 4 * 15)
    assert at["kernel products"] == at["weights"] * 3 * 4
    assert at["sigmoid"] == 3 * 4 * 3 * 4


def test_four_gates_are_one_convolution_of_each_input():
    program = merge_sums(find("convlstm").program())
    assert linear_groups(program) == ()  # no crossbar
    (group,) = linear_groups(program, ("convolution",))
    assert (group.name, len(group.nodes), group.has_bias) == ("x, h", 4, True)


def test_what_depends_on_the_input_alone_leaves_the_loop():
    stages = split_stages(find("convlstm").program())
    for program in (stages.hoisted, stages.recurrent):
        assert [value.operator for value in program.values].count("convolution") == 4


def test_the_text_of_a_program_tells_dilations_apart():
    near, far = (str(ConvLSTM(dilation=dilation).program()) for dilation in (1, 2))
    assert near != far
    assert far.replace(" dilation=2", "") == near


def test_sums_of_a_convolution_and_a_matrix_stay_apart():
    class Both(Cell):
        sequences = {"x": ("feature", *MAP)}  # noqa: RUF012

        def step(self, x, h):
            seen = convolution("h", x, ("unit",), offsets=("row offset", "column offset"))
            return tanh(seen + affine("h", h, out=("unit", *MAP), bias=False))

        def state_axes(self):
            return {"h": ("unit", *MAP)}

    kinds = [value.operator for value in merge_sums(Both().program()).values]
    assert [kinds.count(kind) for kind in ("convolution", "linear", "add")] == [1, 1, 1]


class Flat(Cell):
    def step(self, x, h):
        return tanh(convolution("h", x, offsets=("row offset",)))


class Tangled(Cell):
    sequences = {"x": ("feature", *MAP)}  # noqa: RUF012

    def step(self, x, h):
        offsets = ("row offset", "column offset")
        return convolution("h", x, offsets=offsets) + convolution("h", x, offsets=offsets, dilation=2)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (
            Flat,
            r"convolution\('h'\) reads maps of 1 dimension\(s\) with channels; the value has the axes \(batch, feature",
        ),
        (Tangled, "'weight_ih.h' is used as a matrix .* give one of them another name"),
    ],
)
def test_what_cannot_be_convolved(cell, message):
    with pytest.raises(CellwrightError, match=message):
        cell().program()


def test_only_values_of_the_step_are_convolved():
    with pytest.raises(CellwrightError, match=r"convolution\('h', ...\) reads a value of the step, got 1.0"):
        convolution("h", 1.0, offsets=("row offset",))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own forward mode
def test_vmap_and_forward_mode(draw, close):
    values = draw(find("convlstm"), (2,))

    def h(x):
        return values.evaluate(inputs={**values.inputs, "x": x})["h"]

    x, direction = values.inputs["x"], torch.ones_like(values.inputs["x"])
    _, tangent = torch.func.jvp(h, (x,), (direction,))
    step = 1e-6
    difference = (h(x + step * direction) - h(x - step * direction)) / (2 * step)
    close(tangent, difference, tolerance=1e-8)
    stacked = torch.func.vmap(h)(torch.stack([x, 2 * x]))
    close(stacked, torch.stack([h(x), h(2 * x)]))
