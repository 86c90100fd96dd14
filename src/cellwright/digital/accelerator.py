"""What a step of a network asks of a digital accelerator, and what it costs there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod

from torch import nn

from cellwright.cells import Cell
from cellwright.digital.arithmetic import FixedPoint
from cellwright.errors import CellwrightError
from cellwright.layers import GridRecurrent, MultidimensionalRecurrent, Recurrent
from cellwright.program import Value, counts, linear_groups, linear_terms, merge_sums
from cellwright.program.storage import size_of
from cellwright.program.values import named_axes


@dataclass(frozen=True)
class Constant:
    """A number of a cost model, in SI units. ``source`` begins with "assumed" where nobody published it."""

    value: float
    unit: str
    source: str

    @property
    def is_assumed(self) -> bool:
        return self.source.startswith("assumed")


@dataclass(frozen=True)
class Product:
    """A matrix of one gate times a vector."""

    rows: int
    columns: int

    @property
    def multiplications(self) -> int:
        return self.rows * self.columns


@dataclass(frozen=True)
class Pointwise:
    """So many operations on vectors of one length: ``number`` is negative where a sum of n terms takes n - 1."""

    number: int
    length: int


@dataclass(frozen=True, kw_only=True)
class Work:
    """One step of one layer.

    Attributes:
        products: of matrices with vectors, one a gate; biases are where their sums begin.
        pointwise: operations between signals and activations, as ``cellwright.program.counts`` tallies them.
    """

    products: tuple[Product, ...]
    pointwise: tuple[Pointwise, ...] = ()

    @property
    def multiplications(self) -> int:
        """In the matrix products; one for each weight."""
        return sum(product.multiplications for product in self.products)

    @property
    def operations(self) -> int:
        """A multiplication and an addition for each weight, and one for each pointwise operation."""
        return 2 * self.multiplications + sum(item.number * item.length for item in self.pointwise)

    @classmethod
    def of_cell(cls, cell: Cell, sizes: Mapping[str, int]) -> Work:
        """A step of a cell at given sizes of its axes (``cell.sizes(inputs, units)``).

        Raises:
            CellwrightError: the size of an axis is missing.
        """
        program = cell.program()
        return cls(
            products=tuple(
                product
                for group in linear_groups(merge_sums(program))
                for node in group.nodes
                for product in _products(node, sizes)
            ),
            pointwise=tuple(
                Pointwise(number, prod(size_of(axes, sizes)))
                for kind, tally in counts(program).tallies.items()
                if kind not in _STORED
                for axes, number in tally.items()
            ),
        )


def _products(node: Value, sizes: Mapping[str, int]) -> tuple[Product, ...]:
    """What a linear value takes: a product for each place along the axes that its matrices do not read."""
    out = node.attributes["out"]
    read = sum(prod(size_of(weight.attributes["columns"], sizes)) for weight in linear_terms(node)[1])
    places = prod(size_of(tuple(axis for axis in named_axes(node.axes) if axis not in out), sizes))
    return (Product(prod(size_of(out, sizes)), read),) * places


_STORED = ("weights", "biases", "elementwise weights", "addends")  # no operations, or counted already


def work_of(model: nn.Module) -> tuple[Work, ...]:
    """A step of every recurrent layer, direction and ``torch.nn.Linear`` of a model, each used once a step.

    A step of a grid is one of its points, in every direction and at every depth.

    Raises:
        CellwrightError: the model has none.
    """
    found = tuple(_work_of(model))
    if not found:
        raise CellwrightError("the model has no torch.nn.Linear and no recurrent layer of Cellwright to cost")
    return found


def _work_of(model: nn.Module) -> Iterator[Work]:
    for module in model.modules():
        if isinstance(module, Recurrent):
            if module.convolves:
                raise CellwrightError(f"{module.cell} convolves maps: what a convolution costs there is not modelled")
            yield from (Work.of_cell(module.cell, module.layer_sizes(layer)) for layer, _ in module.directions())
        elif isinstance(module, MultidimensionalRecurrent):
            yield from (Work.of_cell(module.cell, module.sizes) for _ in module.directions)
        elif isinstance(module, GridRecurrent):
            yield Work(products=tuple(Product(*projection.shape) for projection in module.projections.values()))
            yield from (Work.of_cell(module.cell, module.sizes) for _ in range(module.depth))
        elif isinstance(module, nn.Linear):
            yield Work(products=(Product(module.out_features, module.in_features),))


@dataclass(frozen=True, kw_only=True)
class AcceleratorCost:
    """One step of a network on an accelerator, its layers one after another.

    Attributes:
        operations: of the network, not of the hardware.
        peak: operations a cycle with every unit at work.
        power_w: while it computes; None where it is not known. area_m2: likewise.
        constants: that went in, by name.
    """

    name: str
    operations: int
    cycles: int
    clock_hz: float
    peak: int
    power_w: float | None
    area_m2: float | None
    constants: Mapping[str, Constant]

    @property
    def latency_s(self) -> float:
        return self.cycles / self.clock_hz

    @property
    def throughput(self) -> float:
        """Operations a second."""
        return self.operations / self.latency_s

    @property
    def utilisation(self) -> float:
        """The part of the peak that the network uses."""
        return self.operations / (self.cycles * self.peak)

    @property
    def energy_per_step_j(self) -> float | None:
        return None if self.power_w is None else self.power_w * self.latency_s

    @property
    def efficiency(self) -> float | None:
        """Operations a joule, which is operations a second and watt."""
        return None if self.power_w is None else self.throughput / self.power_w


@dataclass(frozen=True, kw_only=True)
class Accelerator(ABC):
    """A digital machine for recurrent networks.

    Attributes:
        citation: what its constants are from, in full.
        clock: in hertz. power: in watts, while it computes. area: in square metres.
        arithmetic: how it computes, for ``fixed_point``.
    """

    name: str
    citation: str
    clock: Constant
    power: Constant | None = None
    area: Constant | None = None
    arithmetic: FixedPoint

    @property
    @abstractmethod
    def peak(self) -> int:
        """Operations a cycle with every unit at work; a multiplication with its addition counts two."""

    @abstractmethod
    def cycles(self, work: Work) -> int:
        """Of one layer's step."""

    @property
    @abstractmethod
    def constants(self) -> Mapping[str, Constant]:
        """Every number of the model by name."""

    @property
    def peak_throughput(self) -> float:
        """Operations a second with every unit at work."""
        return self.peak * self.clock.value

    def step_cost(self, network: nn.Module | Work | Sequence[Work]) -> AcceleratorCost:
        """What a step costs, for a model, a layer's work or that of several layers.

        Raises:
            CellwrightError: the model has no layer that could be costed.
        """
        if isinstance(network, nn.Module):
            network = work_of(network)
        works = (network,) if isinstance(network, Work) else tuple(network)
        return AcceleratorCost(
            name=self.name,
            operations=sum(work.operations for work in works),
            cycles=sum(self.cycles(work) for work in works),
            clock_hz=self.clock.value,
            peak=self.peak,
            power_w=None if self.power is None else self.power.value,
            area_m2=None if self.area is None else self.area.value,
            constants=self.constants,
        )


def pointwise_cycles(work: Work, lanes: int) -> int:
    """Cycles of the pointwise operations, so many numbers at a time."""
    return sum(max(item.number, 0) * ceil(item.length / lanes) for item in work.pointwise)
