"""An ONNX graph in the making: nodes, constants, and names that are unique in the whole file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import torch

from cellwright.errors import CellwrightError

Tensor = torch.Tensor

DTYPES = {torch.float32: "FLOAT", torch.float64: "DOUBLE", torch.int64: "INT64", torch.int32: "INT32"}
"""The dtypes that a file may hold, with ONNX's names for them."""


def element_type(dtype: torch.dtype) -> int:
    """ONNX's number of a dtype.

    Raises:
        CellwrightError: a dtype that no exported graph has.
    """
    from onnx import TensorProto

    if dtype not in DTYPES:
        raise CellwrightError(f"a tensor of {dtype} cannot be exported: known are {', '.join(map(str, DTYPES))}")
    return int(getattr(TensorProto, DTYPES[dtype]))


_SMALL = 8
"""Elements up to which a constant is looked up among those that the file has already."""


class Graph:
    """Nodes in order of evaluation, and the constants that they read.

    A body (of a Scan) shares names and constants with the graph around it, whose values it may read.

    Attributes:
        dtype: of the numbers that are computed with.
    """

    def __init__(self, dtype: torch.dtype, around: Graph | None = None) -> None:
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {} if around is None else around.initializers
        self._small: dict[tuple[torch.dtype, tuple[int, ...], bytes], str] = {} if around is None else around._small
        self._taken: set[str] = set() if around is None else around._taken

    def body(self) -> Graph:
        """An empty graph inside of this one."""
        return Graph(self.dtype, self)

    def name(self, wanted: str) -> str:
        """A name that nothing in the file has yet: the one wanted, or with a number."""
        plain = re.sub(r"\W", "_", wanted)  # ONNX's names are identifiers
        numbered = (f"{plain}_{count}" for count in itertools.count(1))
        found = next(name for name in itertools.chain((plain,), numbered) if name not in self._taken)
        self._taken.add(found)
        return found

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """A node of one result, whose name is returned; ``name`` is what to call it."""
        return self.add_many(operator, inputs, (name or operator.lower(),), **attributes)[0]

    def add_many(self, operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> list[str]:
        """A node of several results, whose names are returned. An input that is left out is an empty name."""
        from onnx import helper

        names = [self.name(output) for output in outputs]
        node_name = self.name(f"{operator} {names[0]}")
        self.nodes.append(helper.make_node(operator, list(inputs), names, name=node_name, **attributes))
        return names

    def constant(self, tensor: Tensor, name: str) -> str:
        """A tensor that the file holds; small ones are held once."""
        from onnx import numpy_helper

        array = tensor.detach().cpu().contiguous().numpy()
        key = (tensor.dtype, tuple(tensor.shape), array.tobytes() if array.size <= _SMALL else b"")
        if key[2] and key in self._small:
            return self._small[key]
        unique = self.name(name)
        self.initializers[unique] = numpy_helper.from_array(array, unique)
        self._small[key] = unique
        return unique

    def number(self, value: float) -> str:
        """A number of the graph's dtype."""
        return self.constant(torch.tensor(value, dtype=self.dtype), "number")

    def integers(self, values: Sequence[int]) -> str:
        """A vector of whole numbers: a shape, axes, sizes."""
        return self.constant(torch.tensor(list(values), dtype=torch.int64), "integers")

    def reshape(self, value: str, shape: Sequence[int]) -> str:
        """Another shape; 0 keeps the dimension in that place, -1 is what is left."""
        return self.add("Reshape", value, self.integers(shape))

    def transpose(self, value: str, order: Sequence[int]) -> str:
        return self.add("Transpose", value, perm=list(order))

    def squeeze(self, value: str, axis: int) -> str:
        return self.add("Squeeze", value, self.integers([axis]))

    def unsqueeze(self, value: str, axes: Sequence[int]) -> str:
        return self.add("Unsqueeze", value, self.integers(axes))

    def concat(self, values: Sequence[str], axis: int) -> str:
        """Side by side; a single one as it is."""
        return values[0] if len(values) == 1 else self.add("Concat", *values, axis=axis)

    def split(self, value: str, sizes: Sequence[int], axis: int, names: Sequence[str] = ()) -> list[str]:
        """In pieces of the given sizes; a single piece is the value itself."""
        if len(sizes) == 1:
            return [value]
        hints = names or ["part"] * len(sizes)
        return self.add_many("Split", (value, self.integers(sizes)), hints, axis=axis)

    def total(self, values: Sequence[str]) -> str:
        """The sum of values."""
        result = values[0]
        for value in values[1:]:
            result = self.add("Add", result, value)
        return result
