"""In which order a compiled step computes its values: levels, and what has to be kept in memory between them.

A step alternates products and passes, in which the values that are ready are computed unit by unit. A value belongs to
a level: that of its arguments, and one more behind a product or a reduction over the units. What a later level, the
next step or the reverse program needs is stored; all else lives in registers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cellwright.program import Value
from cellwright.program.operators import OPERATORS
from cellwright.program.values import Axes, named_axes

REDUCTIONS = ("sum", "mean", "maximum_over")
CONDITIONS = ("less", "equal")


class UnsupportedError(Exception):
    """What a kernel cannot do; the message ends the sentence "it is interpreted, because ..."."""


@dataclass(frozen=True)
class Source:
    """Where a value is read from: the sum of buffers of the same axes.

    ``kind`` is plain, ``current`` or ``next`` (a state before and after the step) or ``seed`` (the cotangent of a
    state: what later steps and what the output of this step bring).
    """

    keys: tuple[str, ...]
    axes: Axes
    kind: str = "plain"


@dataclass(frozen=True, eq=False)
class Target:
    """Where a computed value goes.

    ``kind`` is ``store``, ``visible`` (stored, and zero where a sequence has ended), ``state``, ``carry`` (the
    cotangent of a state, to the step before), ``accumulate`` (over rows and steps), or the name of a reduction over
    the last axis. ``value`` is None for zero.
    """

    kind: str
    key: str
    value: Value | None


@dataclass(frozen=True)
class Product:
    """Rows from ``source`` times the packed matrix, into ``target`` or added to what is there.

    ``ahead`` products read a sequence alone and are done for several steps at once.
    """

    source: Source
    matrix: str
    target: str
    add: bool
    ahead: bool = False


@dataclass(frozen=True)
class Pass:
    """One turn over the units of some axes (none: one number a row) in which ``targets`` are computed."""

    level: int
    axes: Axes
    targets: tuple[Target, ...]


@dataclass(frozen=True, eq=False)
class Kernel:
    """A loop over time: what happens at each step in order, and where values are found.

    Attributes:
        memory: where values are read, by serial, with the level at which they are there in ``levels``.
        stored: values kept in memory by the key of their buffer.
        states: names of the states, the output first.
    """

    name: str
    actions: tuple[Product | Pass, ...]
    memory: dict[int, Source]
    levels: dict[int, int]
    stored: dict[str, Value]
    states: tuple[str, ...]

    @property
    def backward(self) -> bool:
        """Whether it runs from the last step to the first."""
        return self.name == "backward"


def lanes(value: Value) -> Axes:
    """The axes along which a value is computed unit by unit; none for one number a row.

    Raises:
        UnsupportedError: there are more than two.
    """
    axes = named_axes(value.axes)
    if len(axes) > 2:
        raise UnsupportedError(f"a value has the axes {', '.join(axes)}")
    return axes


def check_fits(axes: Axes, into: Axes) -> None:
    """Whether values of some axes can be read in a pass over others.

    Raises:
        UnsupportedError: they cannot.
    """
    if axes not in ((), into, into[:1], into[1:]):
        raise UnsupportedError(f"values of the axes {', '.join(axes)} and {', '.join(into) or 'none'} meet")


@dataclass
class Scheduler:
    """Assigns values to levels and finds out what has to be stored.

    Attributes:
        memory: what is found in memory, by serial, with ``levels`` at which it is there (-1: before the step).
        key: the key of the buffer for a value that is to be kept.
    """

    memory: dict[int, Source]
    levels: dict[int, int]
    key: Callable[[Value], str]
    stored: dict[str, Value] = field(default_factory=dict)
    targets: dict[tuple[int, Axes], list[Target]] = field(default_factory=dict)

    def level(self, value: Value) -> int:
        if value.serial not in self.levels:
            before = [self.level(argument) for argument in value.arguments]
            self.levels[value.serial] = max([0, *before]) + (value.operator in REDUCTIONS)
        return self.levels[value.serial]

    def compute(self, kind: str, key: str, value: Value | None, axes: Axes, level: int = 0) -> None:
        """Compute a value at its level, in a pass over axes, and send it to a target.

        Raises:
            UnsupportedError: one number a row goes anywhere but to memory, or a condition does.
        """
        if not axes and kind not in ("store", "visible"):
            raise UnsupportedError(f"a {kind} is one number a row")
        if value is not None:
            if value.operator in CONDITIONS:
                raise UnsupportedError("a condition is stored")
            level = max(level, self.level(value))
            self.require(value, level, axes)
        self.targets.setdefault((level, axes), []).append(Target(kind, key, value))

    def in_memory(self, value: Value) -> None:
        """See to it that a value can be read from memory as an operand of a product."""
        if value.serial not in self.memory or value.operator == "linear":
            self.store(value)

    def require(self, value: Value, level: int, axes: Axes) -> None:
        """See to it that a value can be computed in a pass of a level over axes."""
        if value.operator in ("constant", "reciprocal_size"):
            return
        own = lanes(value)
        check_fits(own, axes)
        if value.serial in self.memory:
            return
        if value.operator in REDUCTIONS:
            self._reduce(value)
        elif own and value.operator not in CONDITIONS and self.level(value) < level:
            self.store(value)
        elif value.operator == "spread":
            self.require(value.arguments[0], level, axes)
        elif value.operator in OPERATORS:
            for argument in value.arguments:
                self.require(argument, level, axes)
        else:
            raise UnsupportedError(f"it contains the operator {value.operator!r}")

    def keep(self, value: Value) -> None:
        """See to it that a value lies in its buffer, for other loops to read."""
        if value.serial in self.memory and value.operator != "linear":
            return
        if value.operator in REDUCTIONS:
            self._reduce(value)
        else:
            self.store(value)

    def store(self, value: Value) -> None:
        """Store a value at its level."""
        key = self.key(value)
        if key in self.stored:
            return
        self.stored[key] = value
        self.compute("store", key, value, lanes(value), self.level(value))
        if value.operator != "linear":
            self.memory[value.serial] = Source((key,), lanes(value))

    def _reduce(self, value: Value) -> None:
        (argument,), key = value.arguments, self.key(value)
        axes = lanes(argument)
        if not axes or axes[-1] != value.attributes["axis"] or lanes(value) != axes[:-1]:
            raise UnsupportedError(f"it reduces over {value.attributes['axis']}")
        self.stored[key] = value
        self.memory[value.serial] = Source((key,), lanes(value))
        self.compute(value.operator, key, argument, axes)

    def kernel(self, name: str, products: list[tuple[int, Product]], states: tuple[str, ...]) -> Kernel:
        """Products of a level first, then what is computed at that level, fewer axes first."""
        actions: list[Product | Pass] = []
        for level in sorted({level for level, _ in products} | {level for level, _ in self.targets}):
            actions += [product for at, product in products if at == level]
            passes = sorted((axes for at, axes in self.targets if at == level), key=lambda axes: (len(axes), axes))
            actions += [Pass(level, axes, tuple(self.targets[level, axes])) for axes in passes]
        return Kernel(name, tuple(actions), self.memory, self.levels, self.stored, states)
