"""Where a model keeps its matrices: what can become an array, what stays digital, and what is refused."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Protocol

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from cellwright.crossbar.array import Matrix
from cellwright.errors import CellwrightError
from cellwright.layers import Recurrent
from cellwright.program import GroupFunction, LinearGroup, Value, families, linear_groups, linear_terms, merge_sums
from cellwright.program.storage import size_of

Tensor = torch.Tensor
Replace = Callable[[str, nn.Module], None]


class Multiplies(Protocol):
    """An array, or what stands for one."""

    @property
    def chips(self) -> int: ...

    @property
    def outputs(self) -> int: ...

    def __call__(self, inputs: Tensor) -> Tensor: ...


class Site(ABC):
    """A matrix of a model that an array can hold."""

    @property
    @abstractmethod
    def matrix(self) -> Matrix:
        """The matrix as the model's parameters have it now, with their gradients."""

    @abstractmethod
    def record(self, seen: list[Tensor]) -> None:
        """From now on, keep what the matrix, as it is now, is multiplied by; until the next ``record``."""

    @abstractmethod
    def install(self, array: Multiplies, rows: Rows) -> None:
        """Put an array in the place of the matrix."""


class LinearSite(Site):
    """A ``torch.nn.Linear``, at every path where the model holds it."""

    def __init__(self, module: nn.Linear, paths: Sequence[str], replace: Replace) -> None:
        self._module, self._paths, self._replace = module, paths, replace
        self._recording: RemovableHandle | None = None

    @property
    def matrix(self) -> Matrix:
        module = self._module
        groups = (("x", module.in_features),), (("y", module.out_features),)
        return Matrix(self._paths[0] or "linear", module.weight, module.bias, *groups)

    def record(self, seen: list[Tensor]) -> None:
        if self._recording is not None:
            self._recording.remove()
        self._recording = self._module.register_forward_pre_hook(_Kept(seen))

    def install(self, array: Multiplies, rows: Rows) -> None:
        analog = AnalogLinear(array, rows)
        for path in self._paths:
            self._replace(path, analog)


@dataclass
class Rows:
    """Where the rows of all chips lie in the present run: every array and recurrent layer of a chip asks here.

    Attributes:
        count: chips * batch; None before the first run.
        batch_dimension: of the inputs, and of all else where the sizes of several axes agree.
        probing: only shapes are looked at: arrays answer zeros, draw nothing and count nothing.
        seen: shapes and the axis that was taken for the rows, in the order of the run.
    """

    count: int | None = None
    batch_dimension: int = 0
    probing: bool = False
    seen: list[tuple[tuple[int, ...], int]] = field(default_factory=list)

    def begin(self, count: int, batch_dimension: int) -> None:
        self.count, self.batch_dimension, self.seen = count, batch_dimension, []

    def find(self, shape: Sequence[int]) -> int:
        """Which axis of a tensor holds the rows.

        Raises:
            CellwrightError: none has that size.
        """
        if self.count is None:
            return min(self.batch_dimension, len(shape) - 1)
        found = [axis for axis, size in enumerate(shape) if size == self.count]
        if not found:
            raise CellwrightError(
                f"no dimension of {tuple(shape)} holds the {self.count} rows of all chips: name the dimension of the "
                "batch with batch_dimension=, and keep the batch a dimension of its own inside the model"
            )
        axis = self.batch_dimension if self.batch_dimension in found else found[0]
        self.seen.append((tuple(shape), axis))
        return axis

    def read(self, array: Multiplies, inputs: Tensor) -> Tensor:
        """(rows, ..., inputs) to (rows, ..., outputs)."""
        folded = inputs.reshape(array.chips, -1, inputs.shape[-1])
        outputs = folded.new_zeros(*folded.shape[:-1], array.outputs) if self.probing else array(folded)
        return outputs.reshape(*inputs.shape[:-1], array.outputs)

    def check_layer(self, layer: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        """A hook before a recurrent layer: its batch is all rows. Else a chip would go on where another one ended.

        Raises:
            CellwrightError: it is not.
        """
        x = arguments[0] if arguments else keywords.get("input")
        if self.count is None or not isinstance(x, Tensor):
            return
        axis, used = batch_axis(layer), self.batch_dimension
        if x.ndim == 2:
            raise CellwrightError(
                f"a recurrent layer on a chip takes a batch, and this is one sequence: call chip(x.unsqueeze({axis}))"
            )
        if x.ndim != 3:
            return  # the layer itself says what it expects
        if x.shape[axis] != self.count:
            order = "batch first" if axis == 0 else "time first"
            reason = f"this model is {order}" if axis != used else "this model moves its batch to another dimension"
            raise CellwrightError(
                f"a recurrent layer sees a batch of {x.shape[axis]}, not the {self.count} rows of all chips: "
                f"{reason}: call chip(x, batch_dimension={axis if axis != used else 1 - used})"
            )
        self.seen.append((tuple(x.shape[:2]), axis))


def is_recurrent(module: nn.Module) -> bool:
    """Does the module go through time? torch's own layers may be left digital."""
    return isinstance(module, Recurrent | nn.RNNBase)


def batch_axis(layer: nn.Module) -> int:
    """Of the input of a recurrent layer."""
    return 0 if layer.batch_first else 1


class AnalogLinear(nn.Module):
    """What stands in for a ``torch.nn.Linear``."""

    def __init__(self, array: Multiplies, rows: Rows) -> None:
        super().__init__()
        self.array, self.rows = array, rows

    def forward(self, input: Tensor) -> Tensor:
        axis = self.rows.find(input.shape[:-1])
        return self.rows.read(self.array, input.movedim(axis, 0)).movedim(0, axis)


@dataclass(frozen=True)
class _Kept:
    """A hook that keeps what a linear layer is given; no function, so that modules with it can be pickled."""

    seen: list[Tensor]

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self.seen.append(inputs[0].detach().reshape(-1, inputs[0].shape[-1]))


class GroupSite(Site):
    """A linear group of a recurrent layer: W x + U h + b of all gates."""

    def __init__(self, path: str, layer: Recurrent, index: int, suffix: str, group: LinearGroup, alone: bool) -> None:
        self._layer, self._place, self._group = layer, (index, suffix), group
        sizes = layer.layer_sizes(index)
        self._outputs = [prod(size_of(node.attributes["out"], sizes)) for node in group.nodes]
        self._name = (path + suffix if alone else f"{path}{suffix} ({group.name})").lstrip("_")

    @property
    def matrix(self) -> Matrix:
        index, suffix = self._place
        stored = self._layer.stored(index, suffix)
        parts = {
            name: view
            for family in families(self._layer.cell.program(), self._layer.layer_sizes(index)).values()
            for name, view in family.views(stored[family.name]).items()
        }
        return _matrix(self._name, self._group, parts, self._outputs)

    def record(self, seen: list[Tensor]) -> None:
        matrix = self.matrix
        bias = None if matrix.bias is None else matrix.bias.detach()
        self._evaluate(_Recorded(matrix.weights.detach(), bias, self._outputs, seen))

    def install(self, array: Multiplies, rows: Rows) -> None:
        self._evaluate(_OnChips(array, self._outputs, rows))

    def _evaluate(self, function: GroupFunction) -> None:
        _functions_of(self._layer).setdefault(self._place, {})[self._group.name] = function


def _matrix(name: str, group: LinearGroup, parts: Mapping[str, Tensor], outputs: Sequence[int]) -> Matrix:
    blocks = [
        torch.cat([parts[weight.name].reshape(rows, -1) for weight in linear_terms(node)[1]], -1)
        for node, rows in zip(group.nodes, outputs, strict=True)
    ]
    weights = torch.cat(blocks)
    biases = [
        sum((parts[bias.name].flatten() for bias in linear_terms(node)[2]), weights.new_zeros(rows))
        for node, rows in zip(group.nodes, outputs, strict=True)
    ]
    widths = [parts[weight.name].reshape(outputs[0], -1).shape[1] for weight in linear_terms(group.nodes[0])[1]]
    labels = [value.name or value.operator for value in group.inputs]
    return Matrix(
        name,
        weights,
        torch.cat(biases) if group.has_bias else None,
        tuple(zip(labels, widths, strict=True)),
        tuple((_gate_of(node), rows) for node, rows in zip(group.nodes, outputs, strict=True)),
    )


def _gate_of(node: Value) -> str:
    return str(linear_terms(node)[1][0].attributes["part"])


@dataclass
class _Functions:
    """What evaluates the linear groups of a layer, by layer and direction and by group."""

    by_layer: dict[tuple[int, str], dict[str, GroupFunction]] = field(default_factory=dict)

    def __call__(self, layer: int, suffix: str) -> Mapping[str, GroupFunction]:
        return self.by_layer[layer, suffix]


def _functions_of(layer: Recurrent) -> dict[tuple[int, str], dict[str, GroupFunction]]:
    installed = layer.__dict__.get("group_functions")
    if not isinstance(installed, _Functions):
        installed = _Functions()
        layer.__dict__["group_functions"] = installed
    return installed.by_layer


@dataclass(frozen=True)
class _Recorded:
    """The group in software, which keeps its inputs."""

    weights: Tensor
    bias: Tensor | None
    outputs: list[int]
    seen: list[Tensor]

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        joined = torch.cat(list(inputs), -1)
        self.seen.append(joined.detach().reshape(-1, joined.shape[-1]))
        return nn.functional.linear(joined, self.weights, self.bias).split(self.outputs, -1)


@dataclass(frozen=True)
class _OnChips:
    """The group on every chip; its inputs have chips * batch rows."""

    array: Multiplies
    outputs: list[int]
    rows: Rows

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        return self.rows.read(self.array, torch.cat(list(inputs), -1)).split(self.outputs, -1)


def find_sites(model: nn.Module, replace: Replace, allow_digital: Sequence[str] = ()) -> tuple[list[Site], list[str]]:
    """The matrices of a model, and the names of what stays digital because it is allowed to.

    Args:
        replace: puts a module at a path of the model.
        allow_digital: names of modules, classes or parameters.

    Raises:
        CellwrightError: there are weights that no array can hold and nobody allowed to be digital.
    """
    search = _Search(model, replace, allow_digital)
    search.visit("", model)
    return search.finish()


def needs_digital(model: nn.Module) -> tuple[str, ...]:
    """What ``allow_digital`` must name to program a model: its classes and parameters that no array holds."""
    search = _Search(model, lambda path, module: None, (), ask=False)
    search.visit("", model)
    return tuple(dict.fromkeys(search.needed))


class _Search:
    def __init__(self, model: nn.Module, replace: Replace, allow_digital: Sequence[str], *, ask: bool = True) -> None:
        self.replace = replace
        self.allowed = tuple(allow_digital)
        self.ask = ask
        self.needed: list[str] = []
        self.sites: list[Site] = []
        self.digital: list[str] = []
        self.used: set[str] = set()
        self.visited: set[int] = set()
        self.paths: dict[int, list[str]] = {}
        for path, module in model.named_modules(remove_duplicate=False):
            self.paths.setdefault(id(module), []).append(path)

    def visit(self, path: str, module: nn.Module) -> None:
        if id(module) in self.visited:
            return
        self.visited.add(id(module))
        if self._may_stay((path, type(module).__name__)):
            self.digital += [f"{path}.{name}".lstrip(".") for name, _ in module.named_parameters()]
        elif isinstance(module, Recurrent) and not module.convolves:
            self._recurrent(path, module)
        elif isinstance(module, nn.Linear) and type(module).forward is nn.Linear.forward:
            self.sites.append(LinearSite(module, self.paths[id(module)], self.replace))
        else:
            self._other(path, module)
            for name, child in module.named_children():
                self.visit(f"{path}.{name}".lstrip("."), child)

    def _recurrent(self, path: str, layer: Recurrent) -> None:
        program = merge_sums(layer.cell.program())
        groups = linear_groups(program)
        held = {v.name for group in groups for node in group.nodes for terms in linear_terms(node)[1:] for v in terms}
        for index, suffix in layer.directions():
            for group in groups:
                self.sites.append(GroupSite(path, layer, index, suffix, group, len(groups) == 1))
            for family in dict.fromkeys(p.attributes["family"] for p in program.parameters if p.name not in held):
                name = f"{path}.{family}{suffix}".lstrip(".")
                if not self._may_stay((name, family)):
                    self._refuse(
                        family,
                        f"{name} acts elementwise or between arrays, where no array can hold it: pass "
                        f"allow_digital=[{family!r}] to leave it digital",
                    )
                self.digital.append(name)

    def _other(self, path: str, module: nn.Module) -> None:
        """A module that is neither: its own parameters, if any, have no place on the chip."""
        for name, _ in module.named_parameters(recurse=False):
            full = f"{path}.{name}".lstrip(".")
            if self._may_stay((full, name)):
                self.digital.append(full)
                continue
            kind = type(module).__name__
            advice = (
                "swap it with cellwright.replace(model) first"
                if isinstance(module, nn.RNNBase)
                else f"convolutions stay digital, pass allow_digital=[{path or kind!r}]"
                if isinstance(module, Recurrent)
                else f"pass allow_digital=[{path or kind!r}] to leave it digital"
            )
            self._refuse(
                kind,
                f"{full} belongs to a {kind}, which no array holds (they hold torch.nn.Linear and Cellwright's "
                f"recurrent layers): {advice}",
            )

    def _refuse(self, name: str, reason: str) -> None:
        self.needed.append(name)
        if self.ask:
            raise CellwrightError(reason)

    def _may_stay(self, names: Sequence[str]) -> bool:
        matching = [name for name in names if name and name in self.allowed]
        self.used.update(matching)
        return bool(matching)

    def finish(self) -> tuple[list[Site], list[str]]:
        if unused := [name for name in self.allowed if name not in self.used]:
            raise CellwrightError(f"allow_digital names {', '.join(unused)}, which the model does not have")
        if not self.sites:
            raise CellwrightError("the model has no torch.nn.Linear and no recurrent layer of Cellwright to program")
        return self.sites, self.digital
