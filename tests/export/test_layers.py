"""The law of exported layers, over the whole catalogue: a file in onnxruntime computes what its module does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

import cellwright
from cellwright import Recurrent, to_onnx
from cellwright.cells import Cell
from cellwright.kernels import switched

SIZES = ((2, 7), (5, 3), (1, 1))
"""Batches and lengths."""


def drawn(shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0, above_zero: bool = False) -> Tensor:
    tensor = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (tensor.abs() + 0.1 if above_zero else tensor).to(dtype)


def layer_of(cell: Cell, positive: set[str], dtype: torch.dtype, **options: Any) -> Recurrent:
    """A layer in which every parameter matters: none is zero or one from the start."""
    projection = {"proj_size": 2} if cell.projects else {}
    layer = Recurrent(cell, 3, 6, dtype=dtype, **projection, **options)
    for name, parameter in layer.named_parameters():
        family = name.rpartition("_l")[0].removesuffix("_l0")
        parameter.data = 0.5 * drawn(parameter.shape, dtype, len(name), family in positive)
    return layer


def arguments_of(layer: Recurrent, positive: set[str], batch: int, steps: int) -> tuple[dict[str, Tensor], Any]:
    """Sequences by name, and the initial states by name."""
    dtype = next(layer.parameters()).dtype
    lead = (batch, steps) if layer.batch_first else (steps, batch)
    sequences = {
        name: drawn((*lead, *((3,) if axes else ())), dtype, seed, name in positive)
        for seed, (name, axes) in enumerate(layer.cell.sequences.items())
    }
    rows = layer.num_layers * layer.num_directions
    states = {
        name: drawn((rows, batch, size), dtype, len(name), name in positive)
        for name, size in layer.cell.state_sizes(layer.layer_sizes(0)).items()
    }
    return sequences, states


def returned(layer: Recurrent, sequences: dict[str, Tensor], states: dict[str, Tensor] | None) -> dict[str, Tensor]:
    x, others = sequences["x"], {name: tensor for name, tensor in sequences.items() if name != "x"}
    initial = None if states is None else tuple(states.values())
    with torch.no_grad(), switched(False):
        output, final = layer(x, initial, **others)
    final = final if isinstance(final, tuple) else (final,)
    names = layer.cell.state_axes()
    return {"output": output, **{f"final_{name}": state for name, state in zip(names, final, strict=True)}}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_a_file_computes_what_its_layer_does(
    any_cell: Cell, positive: set[str], dtype: torch.dtype, tmp_path: Path, run: Callable, close: Callable
) -> None:
    batch_first = dtype == torch.float32
    layer = layer_of(any_cell, positive, dtype, num_layers=2, bidirectional=True, batch_first=batch_first)
    path = tmp_path / "layer.onnx"
    sequences, states = arguments_of(layer, positive, 3, 4)
    exported = to_onnx(layer, path, (*sequences.values(), tuple(states.values())))
    assert exported.inputs == tuple(any_cell.sequences)
    assert exported.optional == tuple(f"initial_{name}" for name in states)
    for batch, steps in SIZES:
        sequences, states = arguments_of(layer, positive, batch, steps)
        given = {f"initial_{name}": state for name, state in states.items()}
        for initial, inputs in ((states, {**sequences, **given}), (None, sequences)):
            if initial is None and "n" in states:
                continue  # sLSTM divides by a state that begins at zero
            got, expected = run(path, inputs), returned(layer, sequences, initial)
            assert got.keys() == expected.keys()
            for name, tensor in expected.items():
                close(got[name], tensor, f"{name} of {batch} rows and {steps} steps")


@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"bidirectional": True}, {"num_layers": 3}], ids=str)
@pytest.mark.parametrize("name", ["cifg", "gru", "lstm1997", "lstmp"])
def test_every_stack_of_layers(
    name: str, options: dict[str, Any], tmp_path: Path, run: Callable, close: Callable
) -> None:
    layer = layer_of(cellwright.cells.find(name), set(), torch.float32, **options)
    to_onnx(layer, tmp_path / "layer.onnx")
    sequences, states = arguments_of(layer, set(), 4, 6)
    got = run(tmp_path / "layer.onnx", {**sequences, **{f"initial_{key}": state for key, state in states.items()}})
    for key, tensor in returned(layer, sequences, states).items():
        close(got[key], tensor, key)


@pytest.mark.parametrize("bias", [True, False], ids=["with bias", "without"])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_drop_in_computes_what_torch_does(
    kind: str, bias: bool, tmp_path: Path, run: Callable, close: Callable
) -> None:
    torch.manual_seed(0)
    theirs = getattr(nn, kind)(3, 5, 2, bias=bias, batch_first=True, bidirectional=True)
    exported = to_onnx(getattr(cellwright, kind).from_torch(theirs), tmp_path / "layer.onnx")
    assert exported.operators == {"layer": kind}
    x = torch.randn(4, 9, 3)
    with torch.no_grad():
        output, final = theirs(x)
    got = run(tmp_path / "layer.onnx", {"x": x})
    close(got["output"], output)
    close(got["final_h"], final[0] if kind == "LSTM" else final)


def test_the_states_carry_a_stream_on(tmp_path: Path, run: Callable, close: Callable) -> None:
    layer = layer_of(cellwright.cells.find("fgr"), set(), torch.float64)
    path = tmp_path / "layer.onnx"
    to_onnx(layer, path)
    x = drawn((10, 2, 3), torch.float64)
    whole, first = run(path, {"x": x}), run(path, {"x": x[:4]})
    states = {name.replace("final", "initial"): state for name, state in first.items() if name != "output"}
    second = run(path, {"x": x[4:], **states})
    close(torch.cat([first["output"], second["output"]]), whole["output"])
    for name in states:
        final = name.replace("initial", "final")
        close(second[final], whole[final], final)


def test_one_state_is_enough(tmp_path: Path, run: Callable, close: Callable) -> None:
    layer = layer_of(cellwright.cells.find("lstm"), set(), torch.float32)
    to_onnx(layer, tmp_path / "layer.onnx")
    sequences, states = arguments_of(layer, set(), 4, 6)
    expected = returned(layer, sequences, {**states, "h": torch.zeros_like(states["h"])})
    got = run(tmp_path / "layer.onnx", {**sequences, "initial_c": states["c"]})
    close(got["output"], expected["output"])


def test_without_initial_states_there_is_nothing_to_leave_out(tmp_path: Path, run: Callable, close: Callable) -> None:
    layer = layer_of(cellwright.cells.find("lstm"), set(), torch.float32)
    sequences, _ = arguments_of(layer, set(), 4, 6)
    exported = to_onnx(layer, tmp_path / "layer.onnx", (sequences["x"], None))
    assert exported.optional == ()
    assert [each.name for each in onnx.load(tmp_path / "layer.onnx").graph.input] == ["x"]
    expected = returned(layer, sequences, None)
    close(run(tmp_path / "layer.onnx", sequences)["output"], expected["output"])


def test_states_may_come_as_a_list(tmp_path: Path) -> None:
    layer = layer_of(cellwright.cells.find("lstm"), set(), torch.float32)
    sequences, states = arguments_of(layer, set(), 4, 6)
    exported = to_onnx(layer, tmp_path / "layer.onnx", [sequences["x"], [*states.values()]])
    assert exported.optional == ("initial_h", "initial_c")


@pytest.mark.parametrize("name", ["peephole", "gru", "fgr", "lnlstm"])
def test_another_reader_computes_the_same(name: str, tmp_path: Path, close: Callable) -> None:
    """ONNX's own reference, which is slow and shares nothing with onnxruntime."""
    layer = layer_of(cellwright.cells.find(name), set(), torch.float32)
    sequences, states = arguments_of(layer, set(), 4, 3)
    to_onnx(layer, tmp_path / "layer.onnx")
    given = {**sequences, **{f"initial_{key}": state for key, state in states.items()}}
    evaluator = ReferenceEvaluator(str(tmp_path / "layer.onnx"))
    results = evaluator.run(None, {key: tensor.numpy() for key, tensor in given.items()})
    for result, (key, tensor) in zip(results, returned(layer, sequences, states).items(), strict=True):
        close(torch.from_numpy(result), tensor, key)


def test_a_long_sequence(tmp_path: Path, run: Callable, close: Callable) -> None:
    torch.manual_seed(1)
    layer = Recurrent("peephole", 3, 16)
    to_onnx(layer, tmp_path / "layer.onnx")
    x = torch.randn(2000, 2, 3)
    with torch.no_grad():
        close(run(tmp_path / "layer.onnx", {"x": x})["output"], layer(x)[0])


@pytest.mark.parametrize("opset", [18, 20, 21, 23])
@pytest.mark.parametrize("name", ["lstm", "lnlstm"])
def test_every_version_of_the_operators(name: str, opset: int, tmp_path: Path, run: Callable, close: Callable) -> None:
    layer = layer_of(cellwright.cells.find(name), set(), torch.float32)
    to_onnx(layer, tmp_path / "layer.onnx", opset=opset)
    sequences, _ = arguments_of(layer, set(), 4, 6)
    close(run(tmp_path / "layer.onnx", sequences)["output"], returned(layer, sequences, None)["output"])
