"""From a cell's program to its schematic: which signals are voltages, and which currents add up to each.

A signal is a vector of voltages, one a unit, each the output of an amplifier. It stands for a value of the program at
so many volts a unit, and arises at a virtual ground, where currents meet: of memristors between row and column, and of
blocks that stand for products and activations. Additions cost nothing: they are wires.

Nothing here is about a particular cell: a product needs one factor that is a gate, sigma(z) or 1 - sigma(z), as in
every cell of the LSTM and GRU families. Where products are translinear, sigma and product are one block; a multiplier
takes both factors as signals, and one of four quadrants takes any.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from cellwright.cells import Cell
from cellwright.circuit.blocks.multiplier import Factor, Multiplier
from cellwright.errors import CellwrightError
from cellwright.program import Program
from cellwright.program.values import Value, carried_axes, linear_terms, named_axes

Reader: TypeAlias = Literal["sigma", "tanh"] | Factor
"""What a signal is scaled for: the common scale of all voltages, the slope of the one pair that reads it, or a factor
of a multiplier."""


@dataclass(frozen=True, eq=False)
class Signal:
    """A value as voltages.

    Attributes:
        name: what begins the names of its nodes.
        axis: along which it has one voltage a unit.
        reader: what it is scaled for.
        value: of the program.
    """

    name: str
    axis: str
    reader: Reader
    value: Value


@dataclass(frozen=True)
class Weights:
    """Current through memristors: weights times a signal, or a bias where there is none.

    Attributes:
        parameter: of the program: a matrix, a vector that multiplies unit by unit, or a bias; None for a constant.
        signal: on the rows; None for the row of ones.
        elementwise: the weights multiply unit by unit.
        factor: of everything; the constant itself where there is no parameter.
    """

    parameter: Value | None
    signal: Signal | None
    elementwise: bool
    factor: float


@dataclass(frozen=True)
class Gated:
    """Current of a translinear block: factor * sigma(sign * gate) * f(value).

    Attributes:
        gate: what sigma is taken of; None for a block whose gate is open.
        sign: 1, or -1 for 1 - sigma.
        value: its other factor; None for the gate alone.
        squashed: f is tanh, else (nearly) the identity.
        factor: -1 or 1, or another whole number.
    """

    gate: Signal | None
    sign: int
    value: Signal | None
    squashed: bool
    factor: float


@dataclass(frozen=True)
class Multiplied:
    """Current of a multiplier: factor * first * second."""

    first: Signal
    second: Signal
    factor: float


Part: TypeAlias = "Weights | Gated | Multiplied"


@dataclass(frozen=True)
class Sum:
    """Currents that meet at a virtual ground, and the signal that they make."""

    out: Signal
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Schematic:
    """A step as a circuit.

    Attributes:
        program: that it was lowered from.
        whole: the cell's own, by which its parameters are stored.
        inputs: signals from outside.
        states: the held signal of each state, by its name.
        sums: in order of evaluation.
        results: the new signal of each state, by its name.
    """

    program: Program
    whole: Program
    inputs: tuple[Signal, ...]
    states: dict[str, Signal]
    sums: tuple[Sum, ...]
    results: dict[str, Signal]

    @property
    def rows(self) -> tuple[Signal, ...]:
        """The signals that stand on rows of memristors."""
        read = (p.signal for each in self.sums for p in each.parts if isinstance(p, Weights) and p.signal is not None)
        return tuple(dict.fromkeys(read))


def schematic(cell: Cell, program: Program | None = None, multiplier: Multiplier | None = None) -> Schematic:
    """The schematic of one step of a cell.

    Args:
        program: a pass over the cell's own, such as ``from_zero_states`` of it; by default the cell's.
        multiplier: that products are built with; by default they are translinear.

    Raises:
        CellwrightError: the cell walks something else than a sequence, has an operator without a block, or a product of
            which no factor is a gate, where that is needed.
    """
    if cell.topology != "sequence":
        raise CellwrightError(f"a circuit walks sequences: {type(cell).__name__} walks a {cell.topology}")
    whole = cell.program()
    program = program or whole
    trial = _Lowering(program, whole, multiplier)
    trial.schematic()
    common = frozenset(serial for serial, reader in trial.made if reader == "voltage")
    return _Lowering(program, whole, multiplier, common).schematic()


@dataclass
class _Lowering:
    """One walk.

    Attributes:
        multiplier: that takes both factors of a product as signals.
        common: serials of values that somebody reads at the common scale: others share them through a divider.
        made: signals by the serial of their value and what they are scaled for.
    """

    program: Program
    whole: Program
    multiplier: Multiplier | None = None
    common: frozenset[int] = frozenset()
    sums: list[Sum] = field(default_factory=list)
    made: dict[tuple[int, Reader], Signal] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def schematic(self) -> Schematic:
        outside: dict[str, list[Signal]] = {"sequence": [], "state": []}
        for value in self.program.inputs:
            role = value.attributes["role"]
            if role not in outside:
                raise CellwrightError(
                    f"the input {value.name} is a {role}: a circuit has rows for sequences and states"
                )
            signal = self._named(value, "voltage", value.name if role == "sequence" else f"{value.name}_held")
            self.made[value.serial, "voltage"] = signal
            outside[role].append(signal)
        states = {signal.value.name: signal for signal in outside["state"]}
        results = {name: self.signal(value, "voltage") for name, value in self.program.outputs.items()}
        return Schematic(self.program, self.whole, tuple(outside["sequence"]), states, tuple(self.sums), results)

    def signal(self, value: Value, reader: Reader, served: str = "") -> Signal:
        """A value as voltages; a signal that was made for other readers already is shared through a divider.

        Args:
            served: the name of what it is an argument of.
        """
        reader = "voltage" if value.serial in self.common and reader != "shifted" else reader
        for known in (reader, "voltage") if reader != "shifted" else (reader,):
            if (value.serial, known) in self.made:
                return self.made[value.serial, known]
        parts = self._apart(tuple(self.parts(value, 1.0)))
        results = {result.serial: name for name, result in self.program.outputs.items()}
        name = value.name or results.get(value.serial) or (f"{served}_in" if served else f"sum{len(self.sums)}")
        signal = self._named(value, reader, name)
        self.made[value.serial, reader] = signal
        self.sums.append(Sum(signal, parts))
        return signal

    def _apart(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """Activations beside products come from amplifiers of their own: the two blocks' currents are not multiples."""
        if not any(isinstance(part, Multiplied) for part in parts):
            return parts
        return tuple(self._amplified(part) if isinstance(part, Gated) else part for part in parts)

    def _amplified(self, part: Gated) -> Weights:
        read = part.gate or part.value
        assert read is not None
        name = f"{read.name.removesuffix('_in')}_out"
        signal = self._named(read.value, "voltage", name)
        self.sums.append(Sum(signal, (replace(part, factor=1.0),)))
        return Weights(None, signal, True, part.factor)

    def _named(self, value: Value, reader: Reader, name: str) -> Signal:
        axes = named_axes(value.axes)
        if len(axes) > 1:
            raise CellwrightError(f"{name} has the axes {', '.join(axes)}: a circuit has one voltage a unit")
        plain = "".join(letter if letter.isalnum() else "_" for letter in name)
        unique = plain if plain not in self.names else f"{plain}_{reader}"
        self.names.add(unique)
        return Signal(unique, axes[0] if axes else "", reader, value)

    def parts(self, value: Value, factor: float) -> Iterable[Part]:
        """The currents that add up to a value times a factor."""
        operator, arguments = value.operator, value.arguments
        if operator == "add":
            yield from (part for argument in arguments for part in self.parts(argument, factor))
        elif operator == "subtract" and self.multiplier and factor > 0 and (gate := _gate(value)) is not None:
            yield Gated(self.signal(gate[0].arguments[0], "sigma", gate[0].name), gate[1], None, False, factor)
        elif operator == "subtract":
            yield from self.parts(arguments[0], factor)
            yield from self.parts(arguments[1], -factor)
        elif operator == "negative":
            yield from self.parts(arguments[0], -factor)
        elif operator == "linear":
            yield from self._linear(value, factor)
        elif operator in ("parameter", "constant"):
            yield self._bias(value, factor)
        elif operator == "multiply":
            yield from self._product(value, factor)
        elif operator == "sigmoid":
            yield Gated(self.signal(arguments[0], "sigma", value.name), 1, None, False, factor)
        elif operator == "tanh":
            yield Gated(None, 1, self.signal(arguments[0], "tanh", value.name), True, factor)
        elif operator == "input":
            yield Gated(None, 1, self.signal(value, "voltage"), False, factor)
        else:
            raise CellwrightError(
                f"the operator {operator} has no block: a circuit has sums, products, sigmoid, tanh and matrices"
            )

    def _bias(self, value: Value, factor: float) -> Weights:
        if value.operator == "constant":
            return Weights(None, None, True, factor * float(value.attributes["value"]))
        return Weights(value, None, True, factor)

    def _linear(self, value: Value, factor: float) -> Iterable[Part]:
        inputs, weights, biases = linear_terms(value)
        for read, weight in zip(inputs, weights, strict=True):
            if set(carried_axes(read, weight)) - {"batch"}:
                raise CellwrightError(
                    f"{weight.name} serves several predecessors: a circuit has a column for each unit"
                )
            yield Weights(weight, self.signal(read, "voltage"), False, factor)
        yield from (Weights(bias, None, True, factor) for bias in biases)

    def _product(self, value: Value, factor: float) -> Iterable[Part]:
        first, second = value.arguments
        for one, other in ((first, second), (second, first)):
            if one.operator == "constant":
                yield from self.parts(other, factor * float(one.attributes["value"]))
                return
            if one.operator == "parameter":
                yield Weights(one, self.signal(other, "voltage"), True, factor)
                return
        for one, other in ((first, second), (second, first)):
            if (gate := _gate(one)) is not None:
                yield self._multiplied(one, other, factor) if self.multiplier else self._gated(*gate, other, factor)
                return
        if self.multiplier and self.multiplier.four_quadrant:
            yield self._multiplied(first, second, factor)
            return
        raise CellwrightError(
            f"the product {value.name or 'of ' + ' and '.join(a.name or a.operator for a in value.arguments)} has no "
            "factor sigma(z) or 1 - sigma(z), by which this design multiplies: in Python Design(multiplier='gilbert') "
            "takes any factor"
        )

    def _multiplied(self, one: Value, other: Value, factor: float) -> Multiplied:
        assert self.multiplier is not None
        while other.operator == "negative":
            other, factor = other.arguments[0], -factor
        first, second = (self.signal(*each) for each in zip((one, other), self.multiplier.factors, strict=True))
        return Multiplied(first, second, factor)

    def _gated(self, sigmoid: Value, sign: int, other: Value, factor: float) -> Gated:
        gate = self.signal(sigmoid.arguments[0], "sigma", sigmoid.name)
        while other.operator == "negative":
            other, factor = other.arguments[0], -factor
        if other.operator == "tanh":
            return Gated(gate, sign, self.signal(other.arguments[0], "tanh", other.name), True, factor)
        return Gated(gate, sign, self.signal(other, "voltage"), False, factor)


def _gate(value: Value) -> tuple[Value, int] | None:
    """The sigmoid and the sign of a value that is sigma(z) or 1 - sigma(z)."""
    if value.operator == "sigmoid":
        return value, 1
    if value.operator == "subtract" and value.arguments[1].operator == "sigmoid":
        one = value.arguments[0]
        if one.operator == "constant" and one.attributes["value"] == 1:
            return value.arguments[1], -1
    return None
