"""A schematic with numbers: which conductances stand for the weights, how many blocks a product takes, which resistor
turns each sum of currents into a voltage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from cellwright.circuit.blocks.multiplier import Multiplier
from cellwright.circuit.blocks.pairs import PairConstants, Pairs, SigmaPair, TanhPair, Translinear
from cellwright.circuit.design import Design
from cellwright.circuit.parameters import parts_of
from cellwright.circuit.products import Multiplication
from cellwright.circuit.schematic import Gated, Multiplied, Schematic, Signal, Sum, Weights
from cellwright.errors import CellwrightError
from cellwright.program.values import Value

Tensor = torch.Tensor

TRIM = Signal("trim", "", "voltage", Value("constant", (), (), "trim"))
FINE_TRIM = Signal("fine_trim", "", "voltage", Value("constant", (), (), "fine_trim"))
"""On the lines of the devices that trim sums: ones, and ones at a fraction of the read voltage."""


@dataclass(frozen=True)
class Row:
    """Memristors between the two lines of a signal and the columns of a sum.

    Attributes:
        signal: on the lines; None for the lines of ones.
        conductance: signed, (units of the sum, units of the signal), or (units,) where it hangs unit by unit: that of
            the pair's one device above the least conductance, positive where it stands for a positive weight, S.
        elementwise: it hangs unit by unit, as every bias does.
    """

    signal: Signal | None
    conductance: Tensor
    elementwise: bool


@dataclass(frozen=True)
class Product:
    """Blocks that draw current from the virtual grounds of a sum, one a unit.

    Attributes:
        block: with as many copies as the sum's current takes.
        gate, value: their signals, the first and the second factor of a multiplier; None where the block has no such
            port.
        sign, direction: -1 where gate or value stands at the other transistor of its pair; of a multiplier direction
            is that of its current.
        gate_ratio, value_ratio: of the dividers before the ports; 1 without.
    """

    block: Pairs | Multiplier
    gate: Signal | None
    value: Signal | None
    sign: int
    direction: int
    gate_ratio: float
    value_ratio: float


@dataclass(frozen=True)
class Node:
    """A sum as it is built: everything that meets at its virtual grounds.

    Attributes:
        out: the signal that it makes.
        size: units.
        volts: V that the signal has for a one. shift: V that it has for a zero.
        current: A that arrive for a one.
        rows, products: where they come from.
        gain: factor of the feedback that a trimmed amplifier has; a number, or a tensor whose last axis are the units.
    """

    out: Signal
    size: int
    volts: float
    current: float
    rows: tuple[Row, ...]
    products: tuple[Product, ...]
    shift: float = 0.0
    gain: Tensor | float = 1.0

    @property
    def feedback(self) -> Tensor | float:
        """The resistor of its amplifier, ohm; a trimmed one for each unit."""
        return self.volts / self.current * self.gain


@dataclass(frozen=True)
class Wiring:
    """A step with numbers.

    Attributes:
        schematic: that it was made from.
        sizes: of the program's axes.
        nodes: in order of evaluation.
        multiplication: what its multipliers do; None without them.
    """

    schematic: Schematic
    sizes: Mapping[str, int]
    nodes: tuple[Node, ...]
    multiplication: Multiplication | None = None

    def size(self, signal: Signal) -> int:
        """Units of a signal."""
        return self.sizes[signal.axis] if signal.axis else 1

    def check_inputs(self, inputs: Mapping[str, Tensor | np.ndarray]) -> None:
        """See that inputs are those that the circuit reads, (steps, ..., features) each.

        Raises:
            CellwrightError: one is missing or is none of the circuit's; it has another shape, or nothing in it.
        """
        expected = {signal.name: self.size(signal) for signal in self.schematic.inputs}
        if inputs.keys() != expected.keys():
            raise CellwrightError(f"the circuit reads {', '.join(expected)}, got {', '.join(inputs) or 'no input'}")
        for name, value in inputs.items():
            if value.ndim < 2 or value.shape[-1] != expected[name] or 0 in value.shape:
                raise CellwrightError(
                    f"the input {name} has the shape {tuple(value.shape)}: expected (steps, ..., {expected[name]}) "
                    "with one step or more"
                )

    def ratios(self, signal: Signal) -> tuple[float, ...]:
        """The dividers' ratios that others read a signal at, descending."""
        found = {
            ratio
            for node in self.nodes
            for product in node.products
            for read, ratio in ((product.gate, product.gate_ratio), (product.value, product.value_ratio))
            if read is signal and ratio != 1
        }
        return tuple(sorted(found, reverse=True))

    def scaled(self, ratio: float) -> Wiring:
        """The same components where a one is so many times its voltage and its current."""
        nodes = (replace(node, volts=node.volts * ratio, current=node.current * ratio) for node in self.nodes)
        return replace(self, nodes=tuple(nodes))

    @property
    def currents(self) -> dict[str, float]:
        """The current that stands for a one in each sum, A, by the name of its signal."""
        return {node.out.name: node.current for node in self.nodes}

    @cached_property
    def rows(self) -> tuple[Signal | None, ...]:
        """The signals that have a pair of lines, None for that of ones."""
        read = [row.signal for node in self.nodes for row in node.rows]
        taken = [
            product.value
            for node in self.nodes
            for product in node.products
            if isinstance(product.block, Multiplier) and product.block.takes_turned
        ]
        return tuple(dict.fromkeys(read + taken))


def wire(
    schematic: Schematic,
    stored: Mapping[str, Tensor],
    sizes: Mapping[str, int],
    design: Design,
    constants: PairConstants,
    multiplication: Multiplication | None = None,
    currents: Mapping[str, float] | None = None,
) -> Wiring:
    """Give a schematic its numbers.

    Args:
        stored: the parameters by family, as a layer has them (``weight_ih``, ...); gradients reach them.
        sizes: of the axes ``feature``, ``unit``, ...
        constants: of the pairs in the technology.
        multiplication: what the design's multiplier does in it, if it has one.
        currents: of another wiring, for other weights in a circuit that is built already: conductances that would be
            larger than the largest are clipped to it. By default the largest weight of each sum has that one.

    Raises:
        CellwrightError: parameters are missing or of another shape; weights are NaN or infinite, or too large for the
            current of the blocks that share a column with them.
    """
    wirer = _Wirer(design, constants, multiplication, sizes, parts_of(schematic.whole, stored, sizes), currents)
    return Wiring(schematic, dict(sizes), tuple(wirer.node(each) for each in schematic.sums), multiplication)


@dataclass(frozen=True)
class _Wirer:
    design: Design
    constants: PairConstants
    multiplication: Multiplication | None
    sizes: Mapping[str, int]
    parts: Mapping[str, Tensor]
    currents: Mapping[str, float] | None

    def node(self, total: Sum) -> Node:
        size = self.sizes[total.out.axis] if total.out.axis else 1
        weights = [(part, self._matrix(part, size)) for part in total.parts if isinstance(part, Weights)]
        gated = [part for part in total.parts if isinstance(part, Gated)]
        multiplied = [part for part in total.parts if isinstance(part, Multiplied)]
        block = self._block_current(bool(gated), bool(multiplied))
        current = self._current(total, weights, block) if self.currents is None else self.currents[total.out.name]
        rows = [
            Row(part.signal, self._conductance(matrix, current), part.elementwise or part.signal is None)
            for part, matrix in _added(weights)
        ]
        products = [self._product(total, part, current) for part in gated]
        products += [self._multiplied(total, part, current) for part in multiplied]
        volts, shift, constant = self._volts(total.out), 0.0, 0.0
        if self.multiplication is not None:
            shift = self.multiplication.shift if total.out.reader == "shifted" else 0.0
            offsets = (self.multiplication.offsets[p.direction] * p.block.copies for p in products[len(gated) :])
            constant = shift / volts * current - sum(offsets)
        if constant:
            rows = _with_constant(rows, constant / self.design.scale, size)
        return Node(total.out, size, volts, current, tuple(rows), tuple(products), shift)

    def _block_current(self, gated: bool, multiplied: bool) -> float | None:
        """The current of a one from a single block of those that meet at a sum, A."""
        if multiplied and self.multiplication is not None:
            return self.multiplication.current
        return self.design.pair_current * self.constants.amplitude if gated else None

    def _volts(self, signal: Signal) -> float:
        slopes = {"sigma": self.constants.sigma_slope, "tanh": self.constants.tanh_slope}
        if signal.reader in ("factor", "shifted") and self.multiplication is not None:
            return self.multiplication.unit
        return slopes.get(signal.reader, self.design.scale)

    def _matrix(self, part: Weights, size: int) -> Tensor:
        if part.parameter is None:
            return torch.full((size,), part.factor, dtype=torch.float64)
        own = self.parts[part.parameter.name] * part.factor
        if part.signal is None or part.elementwise:
            return own.reshape(-1).expand(size)
        return own.reshape(size, -1)

    def _conductance(self, matrix: Tensor, current: float) -> Tensor:
        least, most = self.design.conductances
        signed = matrix * (current / self.design.scale)
        return signed if self.currents is None else signed.clamp(least - most, most - least)

    def _current(self, total: Sum, weights: list[tuple[Weights, Tensor]], block: float | None) -> float:
        """The current of a one: what the largest weight allows, in multiples of the blocks' where there are any."""
        least, most = self.design.conductances
        sizes = [float(matrix.detach().abs().max()) for _, matrix in _added(weights)]
        if not np.isfinite(sizes).all():
            raise CellwrightError(f"weights of {total.out.name} are NaN or infinite: train the network anew")
        largest = max(sizes, default=0.0)
        limit = self.design.scale * (most - least) / (largest or 1.0)
        if block is None:
            return limit
        multiple = int(min(limit / block, 4) + 1e-9) if largest > 0 else 1
        if multiple < 1:
            raise CellwrightError(
                f"a weight of {largest:.3g} beside the products of {total.out.name} needs more than "
                f"{most:g} S: allow larger conductances, or train with smaller weights"
            )
        return block * multiple

    def _product(self, total: Sum, part: Gated, current: float) -> Product:
        block = self.design.pair_current * self.constants.amplitude
        linear = part.value is not None and not part.squashed
        copies = abs(part.factor) * current / block / (self.design.linear_range if linear else 1)
        if not _is_whole(copies):
            raise CellwrightError(
                f"{total.out.name} takes {copies:.4g} blocks for a product: only whole numbers can be built; choose a "
                "linear_range of 1/2, 1/3, 1/4, ..."
            )
        kind = TanhPair if part.gate is None else SigmaPair if part.value is None else Translinear
        made = self.design.paired(kind, round(copies))
        direction = -1 if part.factor < 0 else 1
        return Product(
            made, part.gate, part.value, part.sign, direction, self._gate_ratio(part.gate), self._value_ratio(part)
        )

    def _multiplied(self, total: Sum, part: Multiplied, current: float) -> Product:
        assert self.multiplication is not None
        copies = abs(part.factor) * current / self.multiplication.current
        if not _is_whole(copies):
            raise CellwrightError(f"{total.out.name} takes {copies:.4g} multipliers: only whole numbers can be built")
        ratios = (
            self.multiplication.unit / self.design.scale if wanted == "factor" and signal.reader == "voltage" else 1.0
            for signal, wanted in zip((part.first, part.second), self.multiplication.multiplier.factors, strict=True)
        )
        made = replace(self.multiplication.multiplier, copies=round(copies))
        return Product(made, part.first, part.second, 1, -1 if part.factor < 0 else 1, *ratios)

    def _gate_ratio(self, gate: Signal | None) -> float:
        if gate is None or gate.reader == "sigma":
            return 1.0
        return self.constants.sigma_slope / self.design.scale

    def _value_ratio(self, part: Gated) -> float:
        if part.value is None or part.value.reader == "tanh":
            return 1.0
        reach = 1.0 if part.squashed else self.design.linear_range
        ratio = reach * self.constants.tanh_slope / self.design.scale
        if ratio > 1:  # beyond 1 the divider would have a negative resistor, with which the circuit is not stable
            raise CellwrightError(
                f"a tanh pair takes {reach * self.constants.tanh_slope:.3g} V for a one, more than {part.value.name} "
                f"has: choose a scale of at least that, got {self.design.scale:g}"
            )
        return ratio


def _is_whole(copies: float) -> bool:
    """Whether so many blocks can be built: one or more, and no part of one."""
    return abs(copies - round(copies)) <= 1e-6 * copies and round(copies) >= 1


def _with_constant(rows: list[Row], conductance: float, size: int) -> list[Row]:
    """The rows with a constant among the biases, which share the devices of the row of ones."""
    before = sum((row.conductance for row in rows if row.signal is None), torch.zeros(size, dtype=torch.float64))
    return [*(row for row in rows if row.signal is not None), Row(None, before + conductance, True)]


def _added(weights: list[tuple[Weights, Tensor]]) -> list[tuple[Weights, Tensor]]:
    """Weights of the same signal, or biases, are one pair of devices: two bias vectors, say."""
    found: dict[Signal | None, tuple[Weights, Tensor]] = {}
    for part, matrix in weights:
        if part.signal not in found:
            found[part.signal] = part, matrix
            continue
        before, sum_before = found[part.signal]
        # Weights that multiply unit by unit stand on the diagonal of a matrix of the same signal.
        both = [each if each.ndim == matrix.ndim == sum_before.ndim else _square(each) for each in (sum_before, matrix)]
        found[part.signal] = (before if sum_before.ndim > 1 else part), both[0] + both[1]
    return list(found.values())


def _square(matrix: Tensor) -> Tensor:
    return torch.diag(matrix) if matrix.ndim == 1 else matrix
