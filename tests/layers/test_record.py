"""Every gate, state and signal on request by name, and none of them wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cellwright import LSTM, Recurrent
from cellwright.errors import CellwrightError
from cellwright.program import evaluate


def by_hand(layer: Recurrent, inputs: dict, state: tuple, index: int, suffix: str) -> dict[str, torch.Tensor]:
    """Every named value of one layer and direction: the cell's program evaluated step after step, in plain order."""
    cell, sizes = layer.cell, layer.layer_sizes(index // layer.num_directions)
    program, axes = cell.program(), cell.state_axes()
    stored = {name.removesuffix(suffix): p for name, p in layer.named_parameters() if name.endswith(suffix)}
    states = {
        name: tensor[index].reshape(*tensor.shape[1:-1], *(sizes[axis] for axis in axes[name]))
        for name, tensor in zip(axes, state, strict=True)
    }
    if suffix.endswith("reverse"):  # what leads to a step comes from the step after it
        timing = layer.cell.timing
        inputs = {n: t.roll(-1, 0) if timing.get(n) == "interval" else t for n, t in inputs.items()}
    steps: dict[str, list[torch.Tensor]] = {name: [] for name in program.named}
    times = range(inputs["x"].shape[0])
    for time in reversed(times) if suffix.endswith("reverse") else times:
        now = {name: tensor[time] for name, tensor in inputs.items()}
        values = evaluate(program, {**now, **states}, stored, sizes, program.named)
        states = {name: values[name] for name in axes}
        for name, kept in steps.items():
            value = values[name] if "batch" in program.named[name].axes else values[name].expand(len(now["x"]), -1)
            kept.append(value.reshape(len(now["x"]), -1))
    return {name: torch.stack(kept[::-1] if suffix.endswith("reverse") else kept) for name, kept in steps.items()}


def test_every_signal_is_that_of_a_step_by_hand(laws, workbench, cell) -> None:
    layer = workbench.layer(cell, num_layers=2, bidirectional=True)
    inputs, state = workbench.inputs(cell, 4, 3), workbench.state(layer, 3)
    names = tuple(cell.program().named)
    output, _, recorded = layer(**inputs, state=state if len(state) > 1 else state[0], record=names)
    assert recorded.keys() == {name + suffix for name in names for _, suffix in layer.directions()}
    seen = {"x" if name == "input" else name: tensor for name, tensor in inputs.items()}
    first_state = next(iter(cell.state_axes()))
    for level in range(2):
        expected = {}
        for offset, suffix in enumerate((f"_l{level}", f"_l{level}_reverse")):
            values = by_hand(layer, seen, state, 2 * level + offset, suffix)
            expected |= {name + suffix: tensor for name, tensor in values.items()}
        laws.same({name: recorded[name] for name in expected}, expected)
        seen["x"] = torch.cat([expected[f"{first_state}_l{level}"], expected[f"{first_state}_l{level}_reverse"]], -1)
    laws.same(output, seen["x"])


def test_the_lstms_gates_are_those_of_its_equations() -> None:
    """Written as Keras documents it, with its names and order of gates (i, f, c, o), in NumPy."""
    torch.manual_seed(1)
    layer = LSTM(3, 4, dtype=torch.float64)
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    output, (h_n, c_n), recorded = layer(x, record=("i", "f", "g", "o", "c", "h"))

    def sigma(z: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-z))

    kernel = layer.weight_ih_l0.detach().numpy().T
    recurrent_kernel = layer.weight_hh_l0.detach().numpy().T
    bias = (layer.bias_ih_l0 + layer.bias_hh_l0).detach().numpy()
    h, c = np.zeros((2, 4)), np.zeros((2, 4))
    for time in range(7):
        z = x[time].numpy() @ kernel + h @ recurrent_kernel + bias
        i, f, candidate, o = sigma(z[:, :4]), sigma(z[:, 4:8]), np.tanh(z[:, 8:12]), sigma(z[:, 12:])
        c = f * c + i * candidate
        h = o * np.tanh(c)
        for name, value in {"i": i, "f": f, "g": candidate, "o": o, "c": c, "h": h}.items():
            np.testing.assert_allclose(recorded[f"{name}_l0"][time].detach().numpy(), value, rtol=0, atol=1e-14)
    np.testing.assert_allclose(output[-1].detach().numpy(), h, rtol=0, atol=1e-14)
    np.testing.assert_allclose(h_n[0].detach().numpy(), h, rtol=0, atol=1e-14)
    np.testing.assert_allclose(c_n[0].detach().numpy(), c, rtol=0, atol=1e-14)


def test_recording_changes_nothing(laws, workbench, cell) -> None:
    """In one layer: what is recorded is compiled anew for each name, and for each size of the input."""
    layer = workbench.layer(cell, bidirectional=True)
    inputs = workbench.inputs(cell, 5, 2)
    plain = layer(**inputs)
    for name in cell.program().named:
        output, state, recorded = layer(**inputs, record=name)
        laws.same([output, state], list(plain))
        assert set(recorded) == {name + suffix for _, suffix in layer.directions()}
        assert all(signal.shape[:2] == (5, 2) and signal.ndim == 3 for signal in recorded.values())


def test_gradients_flow_through_what_is_recorded(workbench, smooth_cell) -> None:
    layer = workbench.layer(smooth_cell)
    inputs = workbench.inputs(smooth_cell, 3, 2)
    inputs["input"].requires_grad_()
    leaves = [inputs["input"], *layer.parameters()]
    for name, signal in layer(**inputs, record=tuple(smooth_cell.program().named))[2].items():
        touched = torch.autograd.grad(signal.square().sum(), leaves, allow_unused=True, retain_graph=True)
        assert any(gradient is not None and gradient.any() for gradient in touched), name


def test_one_sequence_and_batch_first_are_laid_out_as_the_input(laws) -> None:
    torch.manual_seed(0)
    layer = LSTM(3, 4, bidirectional=True, batch_first=True, dtype=torch.float64)
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    _, _, recorded = layer(x, record=("g", "c"))
    assert {tuple(signal.shape) for signal in recorded.values()} == {(2, 5, 4)}
    _, _, alone = layer(x[1], record=["g", "c"])
    laws.same(alone, {name: signal[1] for name, signal in recorded.items()})


def test_an_unknown_name_is_refused_with_those_that_exist() -> None:
    with pytest.raises(CellwrightError, match=r"no signal 'forget' to record; it has: .*f.*"):
        LSTM(3, 4)(torch.zeros(2, 1, 3), record=("i", "forget"))


def test_a_name_given_twice_is_recorded_once() -> None:
    """Gates that are states, too, are asked for twice by who asks for all of both."""
    layer = Recurrent("lstm1997", 1, 2)
    x = torch.ones(3, 1, 1)
    once, twice = layer(x, record=("i", "h"))[2], layer(x, record=("i", "h", "i"))[2]
    assert once.keys() == twice.keys()
    assert all(torch.equal(once[name], twice[name]) for name in once)
