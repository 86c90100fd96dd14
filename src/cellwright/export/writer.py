"""The calls of a traced model as an ONNX graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from cellwright.errors import CellwrightError
from cellwright.export.graph import Graph
from cellwright.export.model import Input, Traced, check_batched, leaves, why
from cellwright.export.modules import FUNCTIONS, MODULES, Call, Operand
from cellwright.export.recurrent import add_recurrent
from cellwright.layers import Recurrent

Tensor = torch.Tensor

_LIBRARIES = ("torch", "_operator", "operator", "builtins")
"""Where functions come from that go by their names."""


class Writer:
    """Adds the nodes of every call to a graph."""

    def __init__(self, graph: Graph, model: Traced) -> None:
        self.graph, self.model = graph, model
        self._results: dict[fx.Node, Any] = {}
        self._final: dict[str, str] = {}
        for each in model.inputs:
            self.graph.name(each.name)

    def outputs(self) -> list[str]:
        """Add all nodes; the names of the outputs: ``output``, and ``final_h``, ... for the states of layers."""
        for node in self.model.calls.nodes:
            if node.op == "placeholder":
                self._results[node] = self._argument(node)
            elif node.op == "output":
                returned = fx.map_arg(node.args[0], lambda each: self._results[each])
                return [self._output(operand) for operand in leaves(returned, Operand)]
            else:
                self._results[node] = self._call(node)
        raise CellwrightError("the model's forward returns nothing")

    def _argument(self, node: fx.Node) -> Any:
        own = [each for each in self.model.inputs if each.place == node.name]
        if not own:
            return node.meta["example"]
        operands = tuple(Operand(self._given(each), each.example) for each in own)
        return operands if isinstance(node.meta["example"], tuple) else operands[0]

    def _given(self, each: Input) -> str:
        """An input; an initial state is spread over the batch, as the zeros that stand for it have one row."""
        if not each.optional:
            return each.name
        source = next(other for other in self.model.inputs if "batch" in other.axes and not other.optional)
        place = source.axes.index("batch")
        batch = self.graph.add("Shape", source.name, start=place, end=place + 1)
        rows, _, size = each.example.shape
        shape = self.graph.concat([self.graph.integers([rows]), batch, self.graph.integers([size])], 0)
        return self.graph.add("Expand", each.name, shape)

    def _output(self, operand: Operand) -> str:
        return self.graph.add("Identity", operand.name, name=self._final.get(operand.name, "output"))

    def _call(self, node: fx.Node) -> Any:
        try:
            added = self._added(node)
        except Exception as error:  # a row may meet arguments that nobody has thought of
            raise CellwrightError(f"{_described(node)} cannot be exported: {why(error)}") from error
        return _operands(added, node.meta["example"])

    def _added(self, node: fx.Node) -> Any:
        if node.op == "get_attr":
            tensor = node.meta["example"]
            return self.graph.constant(tensor, str(node.target))
        module = self.model.model.get_submodule(str(node.target)) if node.op == "call_module" else None
        arguments: Any = fx.map_arg(node.args, lambda argument: self._results[argument])
        options: Any = fx.map_arg(node.kwargs, lambda argument: self._results[argument])
        call = Call(self.graph, tuple(arguments), dict(options), node.meta["example"], module)
        if isinstance(module, Recurrent):
            return self._recurrent(call)
        if module is not None:
            if type(module) not in MODULES:
                known = ", ".join(kind.__name__ for kind in MODULES)
                raise CellwrightError(f"there is no row for {type(module).__name__}; there are Recurrent, {known}")
            return MODULES[type(module)](call)
        name = _function_name(node)
        if name == "getitem" and isinstance(arguments[0], tuple):
            return _names(arguments[0][arguments[1]])
        if name not in FUNCTIONS:
            raise CellwrightError(f"there is no row for it; there are {', '.join(FUNCTIONS)}")
        return FUNCTIONS[name](call)

    def _recurrent(self, call: Call) -> Any:
        layer = call.module
        state = call.option("state", 1) or call.options.get("hx")
        options = {name: given for name, given in call.options.items() if name not in ("input", "state", "hx")}
        own = {name: options.pop(name).name for name in [*layer.cell.sequences][1:] if name in options}
        if unknown := [name for name, given in options.items() if given is not None and given != ()]:
            raise CellwrightError(f"{', '.join(unknown)}: a file has neither lengths nor resets nor recorded signals")
        x = call.option("input", 0)
        check_batched(x.example)
        initial = None if state is None else [operand.name for operand in leaves(state, Operand)]
        output, final = add_recurrent(self.graph, layer, {"x": x.name, **own}, initial)
        self._final |= {state: f"final_{name}" for state, name in zip(final, layer.cell.state_axes(), strict=True)}
        return output, final[0] if len(final) == 1 else final


def _operands(names: Any, example: Any) -> Any:
    if isinstance(names, tuple):
        return tuple(_operands(name, each) for name, each in zip(names, example, strict=True))
    return Operand(names, example)


def _names(operands: Any) -> Any:
    return tuple(_names(each) for each in operands) if isinstance(operands, tuple) else operands.name


def _function_name(node: fx.Node) -> str:
    if isinstance(node.target, str):
        return node.target
    home = str(getattr(node.target, "__module__", "")).partition(".")[0]
    return node.target.__name__ if home in _LIBRARIES or home == "None" else ""


def _described(node: fx.Node) -> str:
    if node.op == "call_module":
        return f"the submodule {node.target}"
    return f"the call of {getattr(node.target, '__name__', node.target)}"
