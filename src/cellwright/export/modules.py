"""What a model does around its recurrent layers, in ONNX: a row for each of torch's modules and functions.

Functions and methods go by their name in torch (``torch.sigmoid`` and ``tensor.sigmoid`` are one row).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import nn

from cellwright.errors import CellwrightError
from cellwright.export.graph import Graph

Tensor = torch.Tensor


@dataclass(frozen=True)
class Operand:
    """A tensor in the graph: its name, and an example of it, for its rank and dtype."""

    name: str
    example: Tensor


@dataclass(frozen=True)
class Call:
    """A call of a module or function: its arguments with operands in the place of tensors, and its example result."""

    graph: Graph
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    result: Any
    module: Any = None

    def tensor(self, place: int = 0) -> str:
        """An argument in the graph; a number becomes a constant."""
        given = self.arguments[place]
        if isinstance(given, Operand):
            return given.name
        if isinstance(given, (int, float)):
            return self.graph.number(float(given))
        raise CellwrightError(f"its argument {place + 1} is no tensor but {given!r}")

    def option(self, name: str, place: int, default: Any = None) -> Any:
        """An argument that may be given by name."""
        return self.arguments[place] if len(self.arguments) > place else self.options.get(name, default)

    def axis(self, name: str = "dim", place: int = 1, default: Any = None) -> int:
        """A dimension, counted from the front."""
        given = self.option(name, place, default)
        if not isinstance(given, int):
            raise CellwrightError(f"its argument {name} is one dimension here, got {given!r}")
        return given % self.arguments[0].example.ndim if given < 0 else given


Added: TypeAlias = Any
"""The name of a result in the graph, or a tuple of names."""
Row: TypeAlias = Callable[[Call], Added]


def _called(operator: str, operands: int = 1) -> Row:
    """A function of its operands alone."""

    def row(call: Call) -> Added:
        if len(call.arguments) != operands or any(call.options.values()):
            options = ", ".join(call.options) or "arguments"
            raise CellwrightError(f"it is called with more than its {operands} operand(s): {options}")
        return call.graph.add(operator, *(call.tensor(place) for place in range(operands)))

    return row


def _same(call: Call) -> Added:
    return call.tensor()


def _linear(call: Call) -> Added:
    product = call.graph.add("MatMul", call.tensor(), call.graph.constant(call.module.weight.T, "weight of dense"))
    if call.module.bias is None:
        return product
    return call.graph.add("Add", product, call.graph.constant(call.module.bias, "bias of dense"))


def _normalised(call: Call) -> Added:
    module = call.module
    like = torch.empty(module.normalized_shape, dtype=call.graph.dtype)
    weight = torch.ones_like(like) if module.weight is None else module.weight
    bias = torch.zeros_like(like) if module.bias is None else module.bias
    return call.graph.add(
        "LayerNormalization",
        call.tensor(),
        call.graph.constant(weight, "gain of normalisation"),
        call.graph.constant(bias, "offset of normalisation"),
        axis=-len(module.normalized_shape),
        epsilon=module.eps,
    )


def _embedded(call: Call) -> Added:
    return call.graph.add("Gather", call.graph.constant(call.module.weight, "embedding"), call.tensor(), axis=0)


def _over_axis(operator: str) -> Row:
    """Softmax as a module, which knows its axis, or as a function."""

    def row(call: Call) -> Added:
        axis = call.axis() if call.module is None else call.module.dim
        return call.graph.add(operator, call.tensor(), axis=axis)

    return row


def _reduced(operator: str) -> Row:
    def row(call: Call) -> Added:
        keep = bool(call.option("keepdim", 2, False))
        return call.graph.add(operator, call.tensor(), call.graph.integers([call.axis()]), keepdims=int(keep))

    return row


def _joined(call: Call) -> Added:
    operands = call.arguments[0]
    axis = call.option("dim", 1, 0) % operands[0].example.ndim
    return call.graph.concat([operand.name for operand in operands], axis)


def _chunks(call: Call) -> Added:
    axis = call.axis("dim", 2, 0)
    sizes = [piece.shape[axis] for piece in call.result]
    return tuple(call.graph.split(call.tensor(), sizes, axis))


def _transposed(call: Call) -> Added:
    order = list(range(call.arguments[0].example.ndim))
    first, second = call.axis("dim0", 1), call.axis("dim1", 2)
    order[first], order[second] = order[second], order[first]
    return call.graph.transpose(call.tensor(), order)


def _flattened(call: Call) -> Added:
    """All dimensions but the first as one."""
    start, stop, rank = call.axis("start_dim", 1, 0), call.option("end_dim", 2), call.arguments[0].example.ndim
    if start != 1 or (stop is not None and stop not in (-1, rank - 1)):
        raise CellwrightError("only what comes after the first dimension is flattened")
    return call.graph.add("Flatten", call.tensor(), axis=1)


def _squeezed(call: Call) -> Added:
    axis = call.axis()
    is_one = call.arguments[0].example.shape[axis] == 1
    return call.graph.squeeze(call.tensor(), axis) if is_one else call.tensor()


def _unsqueezed(call: Call) -> Added:
    given = call.option("dim", 1)
    return call.graph.unsqueeze(call.tensor(), [given])


def _taken(call: Call) -> Added:
    """``tensor[...]`` with whole numbers, slices, None and an ellipsis."""
    source, index = call.arguments
    index = index if isinstance(index, tuple) else (index,)
    if Ellipsis in index:
        place = index.index(Ellipsis)
        named = sum(item is not None and item is not Ellipsis for item in index)
        index = (*index[:place], *[slice(None)] * (source.example.ndim - named), *index[place + 1 :])
    if not all(item is None or isinstance(item, (int, slice)) for item in index):
        raise CellwrightError("it is indexed by tensors: only whole numbers, slices, None and ... have a row")
    return _unsqueeze_none(call.graph, _indexed(call.graph, source.name, index), index)


def _indexed(graph: Graph, name: str, index: tuple[Any, ...]) -> str:
    items = [item for item in index if item is not None]
    for axis, item in reversed(list(enumerate(items))):
        if isinstance(item, int):
            name = graph.add("Gather", name, graph.constant(torch.tensor(item), f"index {item}"), axis=axis)
        elif item != slice(None):
            stop = torch.iinfo(torch.int64).max if item.stop is None else item.stop
            bounds = [graph.integers([bound]) for bound in (item.start or 0, stop, axis, item.step or 1)]
            name = graph.add("Slice", name, *bounds)
    return name


def _unsqueeze_none(graph: Graph, name: str, index: tuple[Any, ...]) -> str:
    kept = [item for item in index if not isinstance(item, int)]
    new = [place for place, item in enumerate(kept) if item is None]
    return graph.unsqueeze(name, new) if new else name


FUNCTIONS: Mapping[str, Row] = {
    "abs": _called("Abs"),
    "add": _called("Add", 2),
    "amax": _reduced("ReduceMax"),
    "cat": _joined,
    "chunk": _chunks,
    "concat": _joined,
    "contiguous": _same,
    "div": _called("Div", 2),
    "dropout": _same,
    "exp": _called("Exp"),
    "flatten": _flattened,
    "getitem": _taken,
    "log": _called("Log"),
    "log_softmax": _over_axis("LogSoftmax"),
    "mean": _reduced("ReduceMean"),
    "mul": _called("Mul", 2),
    "neg": _called("Neg"),
    "relu": _called("Relu"),
    "sigmoid": _called("Sigmoid"),
    "softmax": _over_axis("Softmax"),
    "sqrt": _called("Sqrt"),
    "squeeze": _squeezed,
    "sub": _called("Sub", 2),
    "sum": _reduced("ReduceSum"),
    "tanh": _called("Tanh"),
    "transpose": _transposed,
    "truediv": _called("Div", 2),
    "unsqueeze": _unsqueezed,
}

MODULES: Mapping[type[nn.Module], Row] = {
    nn.Dropout: _same,
    nn.Embedding: _embedded,
    nn.Identity: _same,
    nn.LayerNorm: _normalised,
    nn.Linear: _linear,
    nn.LogSoftmax: _over_axis("LogSoftmax"),
    nn.ReLU: _called("Relu"),
    nn.Sigmoid: _called("Sigmoid"),
    nn.Softmax: _over_axis("Softmax"),
    nn.Tanh: _called("Tanh"),
}
