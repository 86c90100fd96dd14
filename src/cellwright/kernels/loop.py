"""The compiled time loops of a cell at given sizes: memory for them, and the calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from typing import Any, TypeAlias

import numpy as np
import torch

from cellwright.kernels.cache import function
from cellwright.kernels.host import Host, this_host
from cellwright.kernels.loop_ir import print_loop
from cellwright.kernels.plan import Group, Kernel, LoopPlan, axes_of, is_given
from cellwright.kernels.product_ir import BLOCK, Shape, print_sum
from cellwright.kernels.vector_ir import FLOAT32, FLOAT64
from cellwright.program import Family, Value, families
from cellwright.program.storage import size_of
from cellwright.program.values import BATCH, Axes, named_axes

Tensor: TypeAlias = torch.Tensor

_ALIGNMENT = 64
_WORTH_A_CALL = 1_000_000


@dataclass(frozen=True)
class Place:
    """Where a buffer lies: at ``offset`` numbers into a tensor, with strides in numbers."""

    tensor: str
    offset: int
    time: int = 0
    row: int = 0


@dataclass(frozen=True, eq=False)
class Template:
    """The arguments of a call but for the addresses of tensors.

    Attributes:
        numbers: integers, and offsets in bytes where ``owners`` is not 0 but the number of a tensor, from 1.
        sizes: of the tensors that the call brings itself.
    """

    numbers: np.ndarray[Any, np.dtype[np.int64]]
    owners: np.ndarray[Any, np.dtype[np.int64]]
    tensors: tuple[str, ...]
    sizes: Mapping[str, int]
    places: Mapping[str, Place]


class _Layout:
    """Hands out memory in named tensors."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.places: dict[str, Place] = {}

    def put(self, key: str, tensor: str, count: int, time: int = 0, row: int = 0) -> None:
        start = self.sizes.get(tensor, 0)
        self.places[key] = Place(tensor, start, time, row)
        self.sizes[tensor] = start + -(-count // _ALIGNMENT) * _ALIGNMENT


class CompiledLoop:
    """The loops of one plan for one dtype and given axis sizes; any number of steps and rows.

    Attributes:
        names: of the tensors that a call reads: what is ready, inputs, parameters by family, and initial states.
    """

    def __init__(self, plan: LoopPlan, sizes: Mapping[str, int], dtype: torch.dtype, host: Host | None = None) -> None:
        self.plan, self.sizes, self.dtype = plan, dict(sizes), dtype
        self._units: dict[Axes, int] = {}
        self._sum: Callable[[int], None] | None = None
        self.host = host or this_host()
        self.shape: Shape = self.host.shape(FLOAT32 if dtype == torch.float32 else FLOAT64)
        self.families: Mapping[str, Family] = families(plan.program, sizes)
        self.parts = {part.name: (f, part) for f in self.families.values() for part in f.parts}
        self.axes = {axis: size_of((axis,), sizes)[0] for axis in axes_of(plan.program) if axis in sizes}
        self.states = {v.name: self.units(v) for v in plan.program.inputs_with_role("state")}
        self.output = next(iter(self.states))
        self.ready = {group.ready: group for group in plan.groups if group.ready is not None}
        used = [w for group in plan.groups for term in group.weights for w in term]
        used += [b for group in plan.groups for biases in group.biases for b in biases]
        self.read = tuple(dict.fromkeys(self.parts[p.name][0].name for p in (*used, *plan.parameters)))
        self.template = lru_cache(maxsize=64)(self._template)
        self.widths = {group.index: [self.units(node) for node in group.nodes] for group in plan.groups}
        self.whole = {
            (group.index, kind, k): self._family_of(parameters)
            for group in plan.groups
            for kind, columns in (("weight", group.weights), ("bias", _columns(group.biases)))
            for k, parameters in enumerate(columns)
        }

    def units(self, value: Value) -> int:
        """How many numbers a row of a value has."""
        if value.axes not in self._units:
            self._units[value.axes] = prod(size_of(named_axes(value.axes), self.sizes))
        return self._units[value.axes]

    def _family_of(self, parameters: Sequence[Value]) -> str | None:
        """The stored tensor whose parts these are, all of them in order, if there is one."""
        family, _ = self.parts[parameters[0].name]
        return family.name if [p.name for p in parameters] == [part.name for part in family.parts] else None

    @cached_property
    def names(self) -> tuple[str, ...]:
        return (*self.ready, *(value.name for value in self.plan.inputs), *self.read, *self.states)

    # Compiled functions

    @cached_property
    def _forward(self) -> tuple[Callable[[int], None], tuple[str, ...]]:
        return self._compiled(self.plan.forward)

    @cached_property
    def _training(self) -> tuple[Callable[[int], None], tuple[str, ...]]:
        return self._compiled(self.plan.training)

    @cached_property
    def _backward(self) -> tuple[Callable[[int], None], tuple[str, ...]]:
        return self._compiled(self.plan.backward)

    def _compiled(self, kernel: Kernel) -> tuple[Callable[[int], None], tuple[str, ...]]:
        printed = print_loop(self.plan, kernel, self.shape)
        return function(printed.text, printed.name, self.host), printed.arguments

    # Calls

    def forward(
        self, tensors: Mapping[str, Tensor], valid: Tensor | None, resets: Tensor | None, training: bool
    ) -> tuple[Tensor, dict[str, Tensor], Tensor | None]:
        """Run over time.

        Args:
            tensors: contiguous, by ``names``: (time, batch, ...), parameters, and initial states (batch, size).
            valid, resets: masks (time, batch).

        Returns:
            the output (time, batch, size), the final states, and what the reverse loop needs (with ``training``).
        """
        initial = tensors[self.output]
        rows, steps = initial.shape[0], self._steps(tensors)
        call, _ = self._training if training else self._forward
        template = self.template(
            "training" if training else "forward", steps, rows, valid is not None, resets is not None
        )
        output = initial.new_empty(steps, rows, self.states[self.output])
        own = {name: initial.new_empty(size) for name, size in template.sizes.items()}
        if training:
            own.setdefault("@saved", initial.new_empty(0))
        self._call(call, template, {**tensors, **own, "@output": output}, valid, resets)
        finals = {self.output: output[-1].clone()}
        for name, units in self.states.items():
            if name != self.output:
                place = template.places[f"state {name}"]
                last = place.offset + ((steps - 1) * place.time if training else ((steps - 1) & 1) * place.time)
                finals[name] = own[place.tensor][last : last + rows * units].view(rows, units).clone()
        return output, finals, own.get("@saved")

    def backward(
        self,
        tensors: Mapping[str, Tensor],
        output: Tensor,
        saved: Tensor,
        d_output: Tensor | None,
        d_finals: Mapping[str, Tensor | None],
        valid: Tensor | None,
        resets: Tensor | None,
        needed: Collection[str],
    ) -> dict[str, Tensor | None]:
        """The cotangents of the tensors that ``forward`` read, by name; of inputs only those ``needed``."""
        steps, rows = output.shape[:2]
        template = self.template("backward", steps, rows, valid is not None, resets is not None, d_output is not None)
        own = {name: output.new_empty(size) for name, size in template.sizes.items() if name != "@saved"}
        for name in ("@carry", "@d_sum"):
            if name in own:
                own[name].zero_()
        if d_output is None:
            d_output = output.new_zeros(self.states[self.output])
        carry = own["@carry"]
        for name, cotangent in d_finals.items():
            if cotangent is not None:
                start, count = template.places[f"carry {name}"].offset, rows * self.states[name]
                carry[start : start + count].view(rows, self.states[name]).copy_(cotangent)
        call, _ = self._backward
        everything = {**tensors, **own, "@saved": saved, "@output": output, "@d_output": d_output.contiguous()}
        self._call(call, template, everything, valid, resets)
        return self._cotangents(template, everything, steps, rows, resets, needed)

    def _steps(self, tensors: Mapping[str, Tensor]) -> int:
        names = (*self.ready, *(value.name for value in self.plan.inputs if BATCH in value.axes))
        return tensors[names[0]].shape[0]

    def _call(
        self,
        call: Callable[[int], None],
        template: Template,
        tensors: Mapping[str, Tensor],
        valid: Tensor | None,
        resets: Tensor | None,
    ) -> None:
        masks = {"@valid": _ONE if valid is None else valid, "@resets": _ZERO if resets is None else resets}
        tensors = {**tensors, **masks}
        addresses = np.array([0, *[tensors[name].data_ptr() for name in template.tensors]], np.int64)
        numbers = template.numbers + addresses[template.owners]
        call(numbers.ctypes.data)

    # Memory

    def _template(
        self, kind: str, steps: int, rows: int, valid: bool, resets: bool, d_output: bool = False
    ) -> Template:
        kernel: Kernel = getattr(self.plan, kind)
        arguments = getattr(self, f"_{kind}")[1]
        layout = _Layout()
        numbers: dict[str, int] = {"steps": steps, "rows": rows, "has_resets": int(resets)}
        numbers |= {f"size {axis}": size for axis, size in self.axes.items()}
        self._put_given(layout, rows)
        self._put_masks(layout, rows, valid, resets)
        self._put_states(layout, numbers, kind, steps, rows, d_output)
        self._put_values(layout, kind, kernel, steps, rows)
        self._put_products(layout, numbers, kind, steps, rows)
        if kind == "backward":
            for group in self.plan.groups:
                layout.sizes[f"d_product {group.index}"] = steps * rows * sum(self.units(node) for node in group.nodes)
            for value in self.plan.inputs:
                layout.sizes[f"d_input {value.name}"] = steps * rows * self.units(value) * (BATCH in value.axes)
        bytes_ = self.shape.precision.bytes
        owners: list[str] = []
        values = []
        for argument in arguments:
            key, _, what = argument.rpartition(".")
            is_address = argument not in numbers and what == "address"
            owners.append(layout.places[key].tensor if is_address else "")
            if is_address:
                values.append(layout.places[key].offset * bytes_)
            else:
                values.append(numbers[argument] if argument in numbers else getattr(layout.places[key], what))
        tensors = tuple(dict.fromkeys(owner for owner in owners if owner))
        index = np.array([tensors.index(owner) + 1 if owner else 0 for owner in owners])
        return Template(np.array(values, np.int64), index, tensors, layout.sizes, layout.places)

    def _put_given(self, layout: _Layout, rows: int) -> None:
        """Inputs and parameters: tensors of the caller."""
        for value in self.plan.inputs:
            units = self.units(value)
            strides = (rows * units, units) if BATCH in value.axes else (0, 0)
            layout.places[f"input {value.name}"] = Place(value.name, 0, *strides)
            layout.places[f"d_input {value.name}"] = Place(f"d_input {value.name}", 0, *strides)
        biases = [bias for group in self.plan.groups for of_node in group.biases for bias in of_node]
        for value in (*self.plan.parameters, *biases):
            family, part = self.parts[value.name]
            layout.places[f"parameter {value.name}"] = Place(family.name, part.rows.start)
        for group in self.plan.groups:
            widths = [self.units(node) for node in group.nodes]
            for n in range(len(widths)):
                place = (sum(widths[:n]), rows * sum(widths), sum(widths))
                if group.ready is not None:
                    layout.places[f"ready {group.index}.{n}"] = Place(group.ready, *place)
                layout.places[f"d_product {group.index}.{n}"] = Place(f"d_product {group.index}", *place)

    def _put_masks(self, layout: _Layout, rows: int, valid: bool, resets: bool) -> None:
        for name, given in (("valid", valid), ("resets", resets)):
            layout.places[name] = Place(f"@{name}", 0, *((rows, 1) if given else (0, 0)))

    def _put_states(
        self, layout: _Layout, numbers: dict[str, int], kind: str, steps: int, rows: int, d_output: bool
    ) -> None:
        for name, units in self.states.items():
            key, count = f"state {name}", rows * units
            layout.places[f"{key}.initial"] = Place(name, 0)
            if name == self.output:
                layout.places[key] = Place("@output", 0, count, units)
                numbers[f"{key}.mask"] = -1
            elif kind == "forward":
                layout.put(key, "@scratch", 2 * count, count, units)
                numbers[f"{key}.mask"] = 1
            else:
                layout.put(key, "@saved", steps * count, count, units)
                numbers[f"{key}.mask"] = -1
            if kind == "backward":
                layout.put(f"carry {name}", "@carry", 2 * count, count, units)
            else:
                layout.put(f"{key}.entered", "@scratch", count)
        if kind == "backward":
            units = self.states[self.output]
            layout.places["d_output"] = Place("@d_output", 0, *((rows * units, units) if d_output else (0, 0)))

    def _put_values(self, layout: _Layout, kind: str, kernel: Kernel, steps: int, rows: int) -> None:
        """Values that the loop keeps: over all steps for the reverse loop, otherwise for one."""
        kept = {} if kind == "forward" else self.plan.saved
        for key, value in kept.items():
            units = self.units(value)
            layout.put(key, "@saved", steps * rows * units, rows * units, units)
        for key, value in kernel.stored.items():
            if key not in layout.places:
                units = self.units(value)
                layout.put(key, "@scratch", rows * units, 0, units)
        if kind == "backward":
            for targets in self.plan.sums.values():
                for target in targets:
                    if target.key not in layout.places:
                        layout.put(target.key, "@d_sum", self.axes[str(target.axis)])

    def _put_products(self, layout: _Layout, numbers: dict[str, int], kind: str, steps: int, rows: int) -> None:
        panel, width, bytes_ = self.shape.columns, self.shape.width, self.shape.precision.bytes
        for group in self.plan.groups:
            nodes = [self.units(node) for node in group.nodes]
            for k, (term, weights) in enumerate(zip(group.terms, group.weights, strict=True)):
                matrix, depth = f"matrix {group.index}.{k}", self.units(term)
                padded = [-(-node // width) * width for node in nodes] if kind != "backward" else [depth]
                inner = depth if kind != "backward" else sum(nodes)
                panels = -(-sum(padded) // panel)
                layout.put(matrix, "@scratch", panels * panel * inner)
                numbers[f"{matrix}.bytes"] = panels * panel * inner * bytes_
                numbers[f"{matrix}.depth"], numbers[f"{matrix}.panels"] = inner, panels
                for n, weight in enumerate(weights):
                    part = f"{matrix}.{n}"
                    family, stored = self.parts[weight.name]
                    layout.places[part] = Place(family.name, stored.rows.start * depth)
                    forward = (depth, 1, nodes[n], depth, sum(padded[:n]), 0)
                    reverse = (1, depth, depth, nodes[n], 0, sum(nodes[:n]))
                    names = ("column_stride", "depth_stride", "columns", "depth", "first_column", "first_depth")
                    chosen = reverse if kind == "backward" else forward
                    numbers |= {f"{part}.{name}": number for name, number in zip(names, chosen, strict=True)}
                if kind == "backward":
                    layout.put(f"product {group.index}.{k}", "@scratch", rows * panels * panel, 0, panels * panel)
            if kind != "backward":
                self._put_columns(layout, group.index, [-(-node // width) * width for node in nodes], rows)

    def _put_columns(self, layout: _Layout, group: int, padded: Sequence[int], rows: int) -> None:
        row = -(-sum(padded) // self.shape.columns) * self.shape.columns
        layout.put(f"product {group}.0", "@scratch", rows * row, 0, row)
        start = layout.places[f"product {group}.0"].offset
        for n in range(1, len(padded)):
            layout.places[f"product {group}.{n}"] = Place("@scratch", start + sum(padded[:n]), 0, row)

    # Cotangents
    # (what the loop leaves to products over all steps at once)

    def _cotangents(
        self,
        template: Template,
        tensors: Mapping[str, Tensor],
        steps: int,
        rows: int,
        resets: Tensor | None,
        needed: Collection[str],
    ) -> dict[str, Tensor | None]:
        found: dict[str, Tensor | None] = {}
        for name, units in self.states.items():
            start = template.places[f"carry {name}"].offset + (steps & 1) * rows * units
            found[name] = tensors["@carry"][start : start + rows * units].view(rows, units)
        for value in self.plan.inputs:
            if value.name in self.plan.sums:
                found[value.name] = self._accumulated(template, tensors, value.name)
            elif value.name in self.plan.with_cotangent:
                shape = tensors[value.name].shape
                found[value.name] = tensors[f"d_input {value.name}"][: prod(shape)].view(shape)
        of_family: dict[str, dict[str, Tensor]] = {name: {} for name in self.read}
        for value in self.plan.parameters:
            if value.name in self.plan.sums:
                of_family[self.parts[value.name][0].name][value.name] = self._accumulated(template, tensors, value.name)
        self._matrix_cotangents(template, tensors, steps, rows, resets, found, of_family, needed)
        for name, parts in of_family.items():
            if name not in found:
                found[name] = self._joined(self.families[name], parts, tensors[name])
        return found

    def _accumulated(self, template: Template, tensors: Mapping[str, Tensor], name: str) -> Tensor:
        target = self.plan.sums[name][0]
        start = template.places[target.key].offset
        return tensors["@d_sum"][start : start + self.axes[str(target.axis)]]

    def _matrix_cotangents(
        self,
        template: Template,
        tensors: Mapping[str, Tensor],
        steps: int,
        rows: int,
        resets: Tensor | None,
        found: dict[str, Tensor | None],
        of_family: dict[str, dict[str, Tensor]],
        needed: Collection[str],
    ) -> None:
        for group in self.plan.groups:
            widths = self.widths[group.index]
            cotangent = tensors[f"d_product {group.index}"][: steps * rows * sum(widths)].view(steps, rows, sum(widths))
            if group.ready is not None:
                found[group.ready] = cotangent
            flat = cotangent.view(steps * rows, sum(widths))
            for k, (term, weights) in enumerate(zip(group.terms, group.weights, strict=True)):
                if is_given(term) and term.name in needed:
                    product = (flat @ self._stacked(weights, tensors)).view(tensors[term.name].shape)
                    known = found.get(term.name)
                    found[term.name] = product if known is None else known + product
                total = self._outer(flat, term, template, tensors, resets, steps, rows)
                self._distribute(total, (group.index, "weight", k), weights, widths, found, of_family)
            if any(group.biases):
                self._bias_cotangents(group, flat.sum(0), found, of_family)

    def _bias_cotangents(
        self,
        group: Group,
        total: Tensor,
        found: dict[str, Tensor | None],
        of_family: dict[str, dict[str, Tensor]],
    ) -> None:
        widths = self.widths[group.index]
        columns = _columns(group.biases)
        for k, biases in enumerate(columns):  # each its own copy: gradients are added to in place
            own = total if k == len(columns) - 1 else total.clone()
            self._distribute(own, (group.index, "bias", k), biases, widths, found, of_family)
        if not columns:
            for of_node, part in zip(group.biases, total.split(widths), strict=True):
                for bias in of_node:
                    of_family[self.parts[bias.name][0].name][bias.name] = part

    def _distribute(
        self,
        total: Tensor,
        key: tuple[int, str, int],
        parameters: Sequence[Value],
        widths: Sequence[int],
        found: dict[str, Tensor | None],
        of_family: dict[str, dict[str, Tensor]],
    ) -> None:
        """Give the rows of a cotangent to the parameters that they belong to."""
        if (name := self.whole[key]) is not None:
            found[name] = total.view(self.families[name].shape)
            return
        for parameter, part in zip(parameters, total.split(list(widths)), strict=True):
            of_family[self.parts[parameter.name][0].name][parameter.name] = part

    def _outer(
        self,
        flat: Tensor,
        term: Value,
        template: Template,
        tensors: Mapping[str, Tensor],
        resets: Tensor | None,
        steps: int,
        rows: int,
    ) -> Tensor:
        """The sum over steps and rows of cotangent times operand."""
        units = self.units(term)
        if term.operator == "input" and term.name in self.states:
            initial = tensors[term.name]
            before = self._over_time(f"state {term.name}", template, tensors, steps, rows, units)[: steps - 1]
            if resets is not None:
                entered = torch.cat([initial.unsqueeze(0), before]).masked_fill(resets.unsqueeze(-1), 0.0)
                return self._sum_of_products(flat, entered.view(-1, units))
            first = flat[:rows].T @ initial
            if steps == 1:
                return first
            return self._sum_of_products(flat[rows:], before.reshape(-1, units)).add_(first)
        if term.operator == "input":
            return self._sum_of_products(flat, tensors[term.name].reshape(-1, units))
        source = self.plan.backward.memory.get(term.serial)
        key = source.keys[0] if source is not None else self._saved_key(term)
        return self._sum_of_products(
            flat, self._over_time(key, template, tensors, steps, rows, units).reshape(-1, units)
        )

    def _sum_of_products(self, left: Tensor, right: Tensor) -> Tensor:
        """left.T @ right; by our own product where that is worth a call."""
        (count, rows), columns = left.shape, right.shape[1]
        panel = self.shape.columns
        padded = -(-columns // panel) * panel
        if count * rows * columns < _WORTH_A_CALL or 2 * columns < padded:
            return left.T @ right
        if self._sum is None:
            self._sum = function(print_sum(self.shape), "sum_of_products", self.host)
        packed, result = left.new_zeros(BLOCK, padded), left.new_empty(rows, padded)
        addresses = (left.data_ptr(), rows, right.data_ptr(), columns, packed.data_ptr(), result.data_ptr(), padded, 0)
        self._sum(np.array((count, *addresses), np.int64).ctypes.data)
        return result if padded == columns else result[:, :columns].contiguous()

    def _stacked(self, weights: Sequence[Value], tensors: Mapping[str, Tensor]) -> Tensor:
        """The rows of several matrices below one another."""
        if (name := self._family_of(weights)) is not None:
            return tensors[name]
        owners = [self.parts[weight.name] for weight in weights]
        return torch.cat([tensors[family.name][part.rows] for family, part in owners])

    def _saved_key(self, term: Value) -> str:
        return next(key for key, value in self.plan.saved.items() if value is term)

    def _over_time(
        self, key: str, template: Template, tensors: Mapping[str, Tensor], steps: int, rows: int, units: int
    ) -> Tensor:
        place = template.places[key]
        if place.tensor == "@output":
            return tensors["@output"]
        return tensors[place.tensor][place.offset : place.offset + steps * rows * units].view(steps, rows, units)

    def _joined(self, family: Family, parts: Mapping[str, Tensor], like: Tensor) -> Tensor | None:
        """The cotangent of a stored tensor from those of its parts."""
        if not parts:
            return None
        if parts.keys() == {part.name for part in family.parts}:
            pieces = [parts[part.name] for part in family.parts]
            return torch.cat([piece.reshape(-1, *like.shape[1:]) for piece in pieces])
        total = torch.zeros_like(like)
        for part in family.parts:
            if part.name in parts:
                total[part.rows] = parts[part.name].reshape(total[part.rows].shape)
        return total


def _columns(biases: Sequence[Sequence[Value]]) -> tuple[tuple[Value, ...], ...]:
    """The biases of all nodes by their order in a node; none where nodes have different numbers of them."""
    same = len({len(of_node) for of_node in biases}) == 1
    return tuple(zip(*biases, strict=True)) if same else ()


_ONE = torch.ones(1, dtype=torch.uint8)
_ZERO = torch.zeros(1, dtype=torch.uint8)
