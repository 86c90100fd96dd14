"""Where a model keeps its matrices: what can become an array, what stays digital, and what is refused."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import torch
from torch import nn

from cellwright.crossbar.array import AnalogArray, Matrix
from cellwright.errors import CellwrightError
from cellwright.layers import Recurrent
from cellwright.program import GroupFunction, LinearGroup, Value, families, linear_groups, linear_terms, merge_sums
from cellwright.program.storage import size_of

Tensor = torch.Tensor
Replace = Callable[[str, nn.Module], None]


class Site(ABC):
    """A matrix of a model that an array can hold."""

    matrix: Matrix

    @abstractmethod
    def record(self, seen: list[Tensor]) -> None:
        """From now on, keep what the matrix is multiplied by; until ``install``."""

    @abstractmethod
    def install(self, array: AnalogArray) -> None:
        """Put the array in the place of the matrix."""


class LinearSite(Site):
    """A ``torch.nn.Linear``, at every path where the model holds it."""

    def __init__(self, module: nn.Linear, paths: Sequence[str], replace: Replace) -> None:
        self._module, self._paths, self._replace = module, paths, replace
        rows, columns = module.in_features, module.out_features
        self.matrix = Matrix(paths[0] or "linear", module.weight, module.bias, (("x", rows),), (("y", columns),))

    def record(self, seen: list[Tensor]) -> None:
        width = self._module.in_features
        self._module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().reshape(-1, width)))

    def install(self, array: AnalogArray) -> None:
        analog = AnalogLinear(array)
        for path in self._paths:
            self._replace(path, analog)


class AnalogLinear(nn.Module):
    """What stands in for a ``torch.nn.Linear``.

    Attributes:
        rows: chips * batch, the rows of the present batch; None takes the first dimension.
        batch_dimension: where the rows lie, in case that several dimensions have that size.
    """

    def __init__(self, array: AnalogArray) -> None:
        super().__init__()
        self.array = array
        self.rows: int | None = None
        self.batch_dimension = 0

    def forward(self, input: Tensor) -> Tensor:
        rows = input.shape[0] if self.rows is None else self.rows
        dimension = dimension_of_rows(input.shape[:-1], rows, self.batch_dimension)
        first = input.movedim(dimension, 0)
        outputs = self.array(first.reshape(self.array.chips, -1, input.shape[-1]))
        return outputs.reshape(*first.shape[:-1], outputs.shape[-1]).movedim(0, dimension)


def dimension_of_rows(shape: Sequence[int], rows: int, preferred: int) -> int:
    """Which dimension holds the chips * batch rows.

    Raises:
        CellwrightError: none has that size.
    """
    found = [dimension for dimension, size in enumerate(shape) if size == rows]
    if not found:
        raise CellwrightError(
            f"no dimension of {tuple(shape)} holds the {rows} rows of all chips: name the dimension of the batch with "
            "batch_dimension=, and keep the batch a dimension of its own inside the model"
        )
    return preferred if preferred in found else found[0]


class GroupSite(Site):
    """A linear group of a recurrent layer: W x + U h + b of all gates."""

    def __init__(self, path: str, layer: Recurrent, index: int, suffix: str, group: LinearGroup, alone: bool) -> None:
        self._layer, self._place, self._group = layer, (index, suffix), group.name
        sizes = layer.layer_sizes(index)
        stored = layer.stored(index, suffix)
        parts = {
            name: view
            for family in families(layer.cell.program(), sizes).values()
            for name, view in family.views(stored[family.name]).items()
        }
        self._outputs = [prod(size_of(node.attributes["out"], sizes)) for node in group.nodes]
        name = path + suffix if alone else f"{path}{suffix} ({group.name})"
        self.matrix = _matrix(name.lstrip("_"), group, parts, self._outputs)

    def record(self, seen: list[Tensor]) -> None:
        self._evaluate(_Recorded(self.matrix.weights, self.matrix.bias, self._outputs, seen))

    def install(self, array: AnalogArray) -> None:
        self._evaluate(_OnChips(array, self._outputs))

    def _evaluate(self, function: GroupFunction) -> None:
        _functions_of(self._layer).setdefault(self._place, {})[self._group] = function


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

    array: AnalogArray
    outputs: list[int]

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        joined = torch.cat(list(inputs), -1)
        result = self.array(joined.reshape(self.array.chips, -1, joined.shape[-1]))
        return result.reshape(*joined.shape[:-1], -1).split(self.outputs, -1)


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
        elif isinstance(module, Recurrent):
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
                if isinstance(module, nn.LSTM)
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
