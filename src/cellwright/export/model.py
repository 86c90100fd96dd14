"""A model as a graph of calls: which modules and functions its forward calls, with what, on examples.

Models are traced by torch.fx, which calls forward once on stand-ins. Recurrent layers and torch's own modules are
calls of their own; everything else is looked into.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import fx, nn

from cellwright.errors import CellwrightError
from cellwright.kernels import switched
from cellwright.layers import GridRecurrent, MultidimensionalRecurrent, Recurrent, TreeRecurrent, replace
from cellwright.program.storage import size_of

Tensor = torch.Tensor
T = TypeVar("T")

NOT_IN_FILES = ("lengths",)
"""Arguments of forward that a file does not have: it is traced without them."""

_EXAMPLE_BATCH, _EXAMPLE_STEPS = 2, 5
_ALONE = "layer"


@dataclass(frozen=True, kw_only=True)
class Input:
    """A tensor that the model is called with.

    Attributes:
        name: in the file.
        place: which argument of the model's forward it belongs to.
        example: one of it.
        axes: for each dimension its name, ``batch`` or ``time``, where it may change; else "".
        optional: an initial state, which is zero where it is left out.
    """

    name: str
    place: str
    example: Tensor
    axes: tuple[str, ...]
    optional: bool = False

    def resized(self, sizes: Mapping[str, int]) -> Tensor:
        """The example with as many rows and steps as asked for: repeated, or cut off."""
        tensor = self.example
        for dimension, axis in enumerate(self.axes):
            if axis:
                size = tensor.shape[dimension]
                tensor = tensor.index_select(dimension, torch.arange(sizes[axis]) % size)
        return tensor


@dataclass(frozen=True, kw_only=True)
class Traced:
    """A model in evaluation mode, what its forward calls, and its inputs.

    Attributes:
        model: on the CPU; a copy.
        calls: nodes in order, each with its example result in ``meta["example"]``.
    """

    model: nn.Module
    calls: fx.Graph
    inputs: tuple[Input, ...]

    @property
    def layers(self) -> dict[str, Recurrent]:
        """The recurrent layers by their path in the model."""
        return {path: module for path, module in self.model.named_modules() if isinstance(module, Recurrent)}

    def run(self, tensors: Mapping[str, Tensor]) -> Any:
        """What forward returns for inputs by name. Those that are left out are None."""
        arguments = []
        for node in places(self.calls):
            own = [each for each in self.inputs if each.place == node.name]
            given = tuple(tensors[each.name] for each in own if each.name in tensors)
            is_tuple = isinstance(node.meta["example"], tuple)
            arguments.append((given if is_tuple else given[0]) if given else None if own else node.meta["example"])
        with torch.no_grad(), switched(False):  # compiling a kernel takes longer than a few calls
            return fx.Interpreter(fx.GraphModule(self.model, self.calls)).run(*arguments)


def places(calls: fx.Graph) -> list[fx.Node]:
    """The arguments of forward."""
    return [node for node in calls.nodes if node.op == "placeholder"]


_WHOLE = (Recurrent, MultidimensionalRecurrent, GridRecurrent)
"""Layers that are not looked into: they have a row in the table, or are named where they have none."""


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, _WHOLE) or super().is_leaf_module(m, module_qualified_name)


class _Examples(fx.Interpreter):
    """Runs the calls, and keeps what each returns."""

    def run_node(self, n: fx.Node) -> Any:
        n.meta["example"] = result = super().run_node(n)
        return result


def traced(module: nn.Module, example_inputs: Sequence[Any] | None) -> Traced:
    """Trace a model.

    Args:
        example_inputs: arguments of forward, in order; None where they can be made up.

    Raises:
        CellwrightError: it cannot be traced, or run on the examples; there are no examples and none can be made up; a
            layer is on a chip or in fixed point.
    """
    name = type(module).__name__
    try:
        own = copy.deepcopy(module).cpu()
    except Exception as error:
        raise CellwrightError(f"{name} cannot be copied to the CPU: {why(error)}") from error
    model = replace(own.eval().requires_grad_(False))
    _check_layers(model)
    if isinstance(model, Recurrent):
        calls, model = _call_of(model), nn.ModuleDict({_ALONE: model})
    else:
        calls = _calls_of(model, name)
    arguments = _arguments(model, calls, example_inputs, name)
    try:
        with torch.no_grad(), switched(False):
            _Examples(fx.GraphModule(model, calls)).run(*arguments)
    except Exception as error:
        raise CellwrightError(f"{name} does not run on the example inputs: {why(error)}") from error
    inputs = [each for node in places(calls) for each in _inputs(model, calls, node)]
    return Traced(model=model, calls=calls, inputs=tuple(inputs))


def leaves(value: Any, kind: type[T]) -> Iterator[T]:
    """What nested tuples, lists and dicts hold of a kind, in order."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item, kind)


def why(error: BaseException) -> str:
    """An error in one line, without what torch.fx adds to it."""
    text = str(error).partition("\n\nWhile executing")[0].partition(". ")[0]
    return text if isinstance(error, CellwrightError) else f"{type(error).__name__}: {' '.join(text.split())}"


def _check_layers(model: nn.Module) -> None:
    """Refuse what computes in another way than the cell says."""
    for path, layer in model.named_modules():
        if isinstance(layer, TreeRecurrent):
            raise CellwrightError(
                "a TreeRecurrent cannot be exported: its levels differ from tree to tree, and a file has one graph"
            )
        if isinstance(layer, MultidimensionalRecurrent | GridRecurrent):
            raise CellwrightError(
                f"a {type(layer).__name__} cannot be exported: layers that walk grids have no form in ONNX here"
            )
        if not isinstance(layer, Recurrent):
            continue
        if layer.convolves:
            raise CellwrightError(
                f"{path or 'the model'} cannot be exported: it is a {type(layer).__name__}, and recurrent layers over "
                "maps have no form in ONNX here"
            )
        for index, suffix in layer.directions():
            if layer.group_functions(index, suffix) is not None or layer.arithmetic(index, suffix) is not None:
                raise CellwrightError(
                    f"the submodule {path} cannot be exported: it computes as a chip or in fixed point; export the "
                    "model that it was made from"
                )


def _call_of(layer: Recurrent) -> fx.Graph:
    """The call of a layer alone: with its input, its other sequences and its initial state."""
    calls = fx.Graph()
    x, *others = (calls.placeholder(name) for name in layer.cell.sequences)
    state = calls.placeholder("state", default_value=None)
    calls.output(calls.call_module(_ALONE, (x, state), {str(node.target): node for node in others}))
    return calls


def _calls_of(model: nn.Module, name: str) -> fx.Graph:
    left_out = {option: None for option in NOT_IN_FILES if option in inspect.signature(model.forward).parameters}
    try:
        return _without(left_out, _Tracer().trace(model, left_out))
    except Exception as error:
        raise CellwrightError(
            f"{name}.forward cannot be traced, as it looks at the values or shapes of tensors: export the parts of it "
            f"that do not ({why(error)})"
        ) from error


def _without(names: Collection[str], calls: fx.Graph) -> fx.Graph:
    """The calls without the arguments that tracing has set, and without the checks of them that it adds."""
    for node in list(calls.nodes):
        if node.op == "placeholder" and str(node.target).rpartition("_")[0] in names:
            for check in list(node.users):
                calls.erase_node(check)
            calls.erase_node(node)
    return calls


def _arguments(model: nn.Module, calls: fx.Graph, given: Sequence[Any] | None, name: str) -> list[Any]:
    """An example of each argument of forward: as given, made up, or its default."""
    nodes, examples = places(calls), [_plain(example) for example in given or ()]
    if len(examples) > len(nodes):
        takes = ", ".join(str(node.target) for node in nodes)
        raise CellwrightError(f"{name}.forward takes ({takes}), but {len(examples)} example inputs are given")
    batch = _EXAMPLE_BATCH
    floating = [tensor for tensor in leaves(examples, Tensor) if tensor.is_floating_point()]
    dtype = next((tensor.dtype for tensor in (*model.parameters(), *floating)), torch.float32)
    for node, example in zip(nodes, examples, strict=False):
        if isinstance(example, Tensor):
            if role(model, node)[1] == "x":
                check_batched(example)
            sizes = dict(zip(_axes(model, node, example), example.shape, strict=True))
            batch = sizes.get("batch", batch)
            break
    for node in nodes[len(examples) :]:
        made_up = _made_up(model, node, batch, dtype, with_input=given is None)
        if made_up is None and not node.args:
            raise CellwrightError(
                f"no example can be made up for the argument {node.target} of {name}.forward: "
                "pass example_inputs, a tuple of tensors"
            )
        examples.append(made_up)
    return examples


def _plain(example: Any) -> Any:
    """Tensors without history on the CPU, lists as tuples."""
    if isinstance(example, (tuple, list)):
        return tuple(_plain(each) for each in example)
    return example.detach().cpu() if isinstance(example, Tensor) else example


def check_batched(example: Tensor) -> None:
    """A file takes batches: of one sequence, (1, time, features)."""
    if example.ndim != 3:
        raise CellwrightError(
            f"the input of a recurrent layer has the shape {tuple(example.shape)}: a file takes batches of sequences, "
            "with three dimensions"
        )


def role(model: nn.Module, node: fx.Node) -> tuple[Recurrent | None, str]:
    """The recurrent layer that reads an argument of forward as it is, and as what: ``x``, ``state``, ...; or none."""
    found: list[tuple[Recurrent, str]] = []
    for user in node.users:
        layer = model.get_submodule(str(user.target)) if user.op == "call_module" else None
        if isinstance(layer, Recurrent):
            named = {**dict(zip(("x", "state"), user.args, strict=False)), **user.kwargs}
            found += [(layer, _OWN_NAMES.get(key, key)) for key, value in named.items() if value is node]
    if any(what == "state" for _, what in found) and len(found) < len(node.users):
        return None, ""
    return found[0] if found else (None, "")


_OWN_NAMES = {"input": "x", "hx": "state"}
"""Names of arguments of a layer's forward that are not those of its cell."""


def _made_up(model: nn.Module, node: fx.Node, batch: int, dtype: torch.dtype, *, with_input: bool) -> Any:
    """Random numbers for what a recurrent layer reads; None if it is something else."""
    layer, what = role(model, node)
    if layer is None:
        return None
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(dtype)

    if what == "state":
        rows = layer.num_layers * layer.num_directions
        sizes = layer.cell.state_sizes(layer.layer_sizes(0))
        states = tuple(drawn(rows, batch, size) for size in sizes.values())
        return states if len(states) > 1 else states[0]
    if what not in layer.cell.sequences or not with_input:
        return None
    features = size_of(layer.cell.sequences[what], layer.layer_sizes(0))
    leading = (batch, _EXAMPLE_STEPS) if layer.batch_first else (_EXAMPLE_STEPS, batch)
    return drawn(*leading, *features)


def _axes(model: nn.Module, node: fx.Node, example: Tensor) -> tuple[str, ...]:
    """Which dimensions of an argument may change.

    What a recurrent layer reads says so. Of others it is the first two, of (batch, features) and (batch,) the first.
    """
    layer, what = role(model, node)
    fixed = ("",) * example.ndim
    if what == "state":
        return ("", "batch", "")
    layers = [layer] if layer else [module for module in model.modules() if isinstance(module, Recurrent)]
    leading: tuple[str, ...] = ("time", "batch") if layers and not layers[0].batch_first else ("batch", "time")
    is_sequence = layer is not None or example.ndim > 2 or (example.ndim == 2 and not example.is_floating_point())
    leading = leading if is_sequence else ("batch",)
    return (*leading, *fixed[len(leading) :])[: example.ndim]


def _inputs(model: nn.Module, calls: fx.Graph, node: fx.Node) -> list[Input]:
    """The tensors of one argument of forward: several where it is a tuple, none where it is not given."""
    example = node.meta["example"]
    tensors = example if isinstance(example, tuple) else (example,)
    if not all(isinstance(tensor, Tensor) for tensor in tensors):
        return []
    (layer, what), name = role(model, node), str(node.target)
    names = [name] if len(tensors) == 1 else [f"{name}_{place}" for place in range(len(tensors))]
    if layer is not None and what == "state":
        is_only = [role(model, place)[1] for place in places(calls)].count("state") == 1
        names = [f"{'initial' if is_only else name}_{state}" for state in layer.cell.state_axes()]
    return [
        Input(
            name=own,
            place=node.name,
            example=tensor,
            axes=_axes(model, node, tensor),
            optional=what == "state" and bool(node.args) and node.args[0] is None,
        )
        for own, tensor in zip(names, tensors, strict=True)
    ]
