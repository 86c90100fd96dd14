"""Files in onnxruntime beside the modules that they were made from."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from cellwright.cells import LSTM, Cell, catalogue

HARD_CELLS = Path(__file__).parents[1] / "program" / "hard_cells.py"


def _hard_cells():
    spec = importlib.util.spec_from_file_location("hard_cells_to_export", HARD_CELLS)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.HARD


HARD = _hard_cells()
BLOCKS = {"memory blocks": LSTM(cells_per_block=3, peepholes=True, gate_recurrence="gates")}
CELLS: dict[str, Cell] = {**catalogue("sequence"), **{name: hard.cell for name, hard in HARD.items()}, **BLOCKS}
POSITIVE = {name for hard in HARD.values() for name in hard.positive}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``any_cell``: the catalogue, and the cells that are hardest on a program."""
    if "any_cell" in metafunc.fixturenames:
        metafunc.parametrize("any_cell", CELLS.values(), ids=CELLS)


@pytest.fixture
def positive() -> set[str]:
    """Names of inputs and parameters of the hard cells that make sense only above zero."""
    return POSITIVE


@pytest.fixture
def run() -> Callable[..., dict[str, Tensor]]:
    """Runs a file on inputs by name; outputs by name."""

    def in_runtime(path: Path, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        results = session.run(names, {name: tensor.detach().numpy() for name, tensor in inputs.items()})
        return {name: torch.from_numpy(np.array(result)) for name, result in zip(names, results, strict=True)}

    return in_runtime


@pytest.fixture
def close() -> Callable[..., None]:
    """Asserts equality to a part of the expected tensor's largest value: 1e-5 in float32, 1e-12 in float64."""

    def check(got: Tensor, expected: Tensor, what: str = "") -> None:
        assert got.shape == expected.shape, f"{what}: {tuple(got.shape)} instead of {tuple(expected.shape)}"
        assert got.dtype == expected.dtype
        tolerance = {torch.float32: 1e-5, torch.float64: 1e-12}[got.dtype]
        error, largest = (got - expected).abs().max(), expected.abs().max()
        assert error <= tolerance * largest, f"{what}: off by {error:.1e} where the largest value is {largest:.1e}"

    return check


@pytest.fixture
def nodes() -> Callable[[Path], dict[str, list[dict[str, object]]]]:
    """The nodes of a file: the attributes of each by operator."""

    def read(path: Path) -> dict[str, list[dict[str, object]]]:
        found: dict[str, list[dict[str, object]]] = {}
        for node in onnx.load(path).graph.node:
            attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
            found.setdefault(node.op_type, []).append(attributes)
        return found

    return read
