"""The table of operators in ONNX, beside the program's own table."""

import onnx
import onnxruntime
import pytest
import torch
from onnx import helper

from cellwright.export.graph import Graph, element_type
from cellwright.export.operators import CONDITIONS, POINTWISE, REDUCTIONS
from cellwright.program.operators import OPERATORS, STRUCTURAL

ONLY_IN_REVERSE_PROGRAMS = {"linear_transposed", "outer", "matrix", "spread", "reciprocal_size"}

ONLY_OVER_MAPS = {"convolution", "convolution_transposed", "correlation"}
"""Of layers that are refused as a whole."""


def test_every_operator_of_programs_has_a_row() -> None:
    assert POINTWISE.keys() == OPERATORS.keys()
    assert {*REDUCTIONS, "linear", *ONLY_IN_REVERSE_PROGRAMS, *ONLY_OVER_MAPS} == STRUCTURAL.keys()


def grid(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Pairs of numbers: small and large, of both signs, ties, and no zero on the right."""
    left = torch.tensor([-88.0, -7.5, -2.0, -1.0, -1e-3, 0.0, 1e-3, 0.5, 1.0, 3.0, 7.25, 88.0], dtype=dtype)
    right = torch.tensor([-3.0, -1.0, -0.3, 0.3, 1.0, 2.5], dtype=dtype)
    return tuple(tensor.flatten() for tensor in torch.meshgrid(left, right, indexing="ij"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_computes_what_ours_does(operator: str, dtype: torch.dtype) -> None:
    arguments = [*grid(dtype)]
    evaluate = OPERATORS[operator].evaluate
    count = POINTWISE_ARGUMENTS.get(operator, 1)
    if operator == "where":
        arguments = [arguments[0] < arguments[1], *arguments]
    if operator in ("log", "sqrt"):
        arguments[0] = arguments[0].abs() + 1e-3
    arguments = arguments[:count]
    graph = Graph(dtype)
    names = [graph.name(f"argument {place}") for place in range(count)]
    result = POINTWISE[operator](graph, names)
    types = [
        onnx.TensorProto.BOOL if tensor.dtype == torch.bool else element_type(tensor.dtype) for tensor in arguments
    ]
    expected = evaluate(*arguments)
    output = onnx.TensorProto.BOOL if operator in CONDITIONS else element_type(dtype)
    body = helper.make_graph(
        graph.nodes,
        "one_operator",
        [helper.make_tensor_value_info(name, kind, ["n"]) for name, kind in zip(names, types, strict=True)],
        [helper.make_tensor_value_info(result, output, ["n"])],
        list(graph.initializers.values()),
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {name: tensor.numpy() for name, tensor in zip(names, arguments, strict=True)})
    # Of each value, but for sums that cancel: log(sigmoid) near zero comes from sums near one.
    torch.testing.assert_close(
        torch.from_numpy(got), expected, rtol=4e-6 if dtype == torch.float32 else 1e-14, atol=torch.finfo(dtype).eps
    )


POINTWISE_ARGUMENTS = {
    **dict.fromkeys(("add", "subtract", "multiply", "divide", "maximum", "minimum", "mod", "floor_divide"), 2),
    **dict.fromkeys(("less", "equal"), 2),
    "where": 3,
}
