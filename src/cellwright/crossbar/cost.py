"""What a step costs on the chip, item by item, and what it would cost in digital logic.

Only the arrays are simulated; converters, sampling and digital logic are costed from published figures of merit. Every
number that goes in is a ``Constant`` with its source and its uncertainty. Left out, and so a lower bound: leakage,
clocks, control, the wires between blocks, and what the drivers burn between their supply and the read voltage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf, pi

import torch

from cellwright.crossbar.array import AnalogArray
from cellwright.crossbar.chip import Chip
from cellwright.crossbar.devices import find
from cellwright.errors import CellwrightError
from cellwright.layers import Recurrent
from cellwright.program import counts
from cellwright.units import area as square_metres
from cellwright.units import quantity


@dataclass(frozen=True)
class Constant:
    """A number that goes into a cost, in SI units.

    Attributes:
        source: where it was published; ``detail`` is what was read there, or assumed in the reading.
        factor: the true value is taken to lie within this factor.
    """

    name: str
    value: float
    unit: str
    source: str
    detail: str
    factor: float


_ISAAC = "Shafiee et al. 2016 (ISAAC), ISCA, pp. 14-26, table I, 32 nm"
_HOROWITZ = "Horowitz 2014, ISSCC, pp. 10-14, 45 nm at 0.9 V"
_ZIGZAG = "ZigZag-IMC (KU Leuven), cost model of its converters"

CONSTANTS: Mapping[str, Constant] = {
    constant.name: constant
    for constant in (
        Constant(
            "ADC energy at 8 bits", 16e-3 / 8 / 1.28e9, "J", _ISAAC,
            "8 converters of 8 bits, 16 mW, 1.28 GS/s; other resolutions as 2^bits, after Walden", 2,
        ),
        Constant("ADC time", 1 / 1.28e9, "s", _ISAAC, "1.28 GS/s in the text, 1.2 in the table", 2),
        Constant(
            "ADC area at 8 bits", 0.0096e-6 / 8, "m2", _ISAAC, "8 converters, 0.0096 mm2; other resolutions as 2^bits",
            2,
        ),
        Constant("DAC energy a bit", 50e-15, "J/V2", _ZIGZAG, "50 fJ a bit at 1 V, for SRAM macros", 3),
        Constant("supply", 0.9, "V", _HOROWITZ, "the supply of its figures; assumed for converters too", 1.1),
        Constant(
            "DAC area a level", 0.00017e-6 / 1024 / 2, "m2", _ISAAC,
            "1024 converters of 1 bit (2 levels), 0.00017 mm2; assumed to grow as 2^bits", 5,
        ),
        Constant("sample energy", 10e-6 / 1024 * 100e-9, "J", _ISAAC, "1024 circuits, 10 uW, 100 ns", 2),
        Constant("sample area", 0.00004e-6 / 1024, "m2", _ISAAC, "1024 circuits, 0.00004 mm2", 2),
        Constant("adder area", 0.00024e-6 / 4, "m2", _ISAAC, "4 shift-and-add units, 0.00024 mm2", 2),
        Constant("activation area", 0.0006e-6 / 2, "m2", _ISAAC, "2 sigmoid units, 0.0006 mm2", 5),
        Constant("digital clock", 1.2e9, "Hz", _ISAAC, "clock of its digital logic", 2),
        Constant("32-bit float product", 3.7e-12, "J", _HOROWITZ, "", 2),
        Constant("32-bit float addition", 0.9e-12, "J", _HOROWITZ, "", 2),
        Constant("8-bit product", 0.2e-12, "J", _HOROWITZ, "", 2),
        Constant("32-bit addition", 0.1e-12, "J", _HOROWITZ, "", 2),
        Constant("8 kB SRAM access", 10e-12, "J", _HOROWITZ, "64 bits; larger memories cost more", 2),
        Constant(
            "amplifier load", 1e-12, "F", "assumed", "a sample-and-hold and its line behind each amplifier", 3,
        ),
        Constant(
            "transconductance efficiency", 15.0, "1/V", "assumed",
            "of the amplifier's transistors, in moderate inversion; weak inversion has at most 27 at 300 K", 1.8,
        ),
    )
}  # fmt: skip
"""Every constant of the cost model by name."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """A part of the cost of one step; None where it has none. ``value`` shows how it comes about.

    ``outside_crossbar``: digital logic that a system without crossbars has as well.
    """

    name: str
    energy_j: float | None = None
    latency_s: float | None = None
    area_m2: float | None = None
    value: str = ""
    source: str = ""
    uncertainty: str = ""
    outside_crossbar: bool = False


@dataclass(frozen=True, kw_only=True)
class StepCost:
    """What one time step of the whole network costs, steps following one another without a pause.

    Attributes:
        latency_per_step_s: from the inputs of a step to its outputs; arrays wait for one another, tiles do not.
        area_m2: None where nobody says.
        items: of which it is the sum.
        source, uncertainty: for the whole; ``factor`` is the one within which the true value is taken to lie.
        constants: that went in.
    """

    name: str
    energy_per_step_j: float
    latency_per_step_s: float
    area_m2: float | None
    items: tuple[Item, ...]
    source: str
    factor: float
    uncertainty: str
    constants: tuple[Constant, ...]

    @property
    def power_w(self) -> float:
        return self.energy_per_step_j / self.latency_per_step_s


def step_cost(chip: Chip) -> StepCost:
    """Cost of a step on the chip, for the inputs that it has seen since the last ``reset``; the mean over its chips.

    Raises:
        CellwrightError: the chip has seen no inputs.
    """
    tally = _Tally(chip)
    tally.arrays()
    tally.input_converters()
    tally.amplifiers()
    tally.samples()
    tally.output_converters()
    tally.corrections()
    tally.pointwise()
    tally.devices()
    return tally.total("chip", "published figures from several process nodes; leakage and control are left out")


@dataclass(frozen=True, kw_only=True)
class ProgrammingCost:
    """What it takes to write a chip, or one of its arrays, once; the mean over the chips.

    Attributes:
        devices: of one chip.
        pulses: SET and RESET pulses in all.
        energy_j, time_s: of pulses and verifying reads, device after device.
        fraction_within: of the devices that ended within the tolerance.
        worn: largest part of its endurance that any device has used up.
    """

    devices: int
    pulses: float
    energy_j: float
    time_s: float
    fraction_within: float
    worn: float


def programming_cost(of: Chip | AnalogArray) -> ProgrammingCost:
    """What programming a chip took, of all its arrays, or one array alone."""
    arrays = (of,) if isinstance(of, AnalogArray) else of.arrays.values()
    written = [tile.programmed for array in arrays for tile in array.tiles]
    devices = [found.stuck[0].numel() for found in written]
    total = sum(devices)
    return ProgrammingCost(
        devices=total,
        pulses=sum(float(found.pulses.mean()) * count for found, count in zip(written, devices, strict=True)),
        energy_j=sum(float(found.energy.mean()) for found in written),
        time_s=sum(float(found.time.mean()) for found in written),
        fraction_within=sum(float(found.within.double().mean()) * n for found, n in zip(written, devices, strict=True))
        / total,
        worn=max(float(found.wear.max()) for found in written),
    )


def digital_cost(chip: Chip, bits: int = 8) -> StepCost:
    """Cost of the same step in digital logic beside SRAM, with a multiply-accumulate unit for each matrix column.

    Args:
        bits: 8 (weights of 8 bits, sums of 32) or 32 (floating point).

    Raises:
        CellwrightError: other widths; the chip has seen no inputs.
    """
    if bits not in (8, 32):
        raise CellwrightError(f"digital costs are known for 8 and 32 bits, got {bits}")
    tally = _Tally(chip)
    tally.multiply_accumulate(bits)
    tally.weights_from_memory(bits)
    tally.pointwise()
    found = tally.total(
        f"digital, {bits} bits", "arithmetic and weight reads alone, without control; no area is published"
    )
    return replace(found, area_m2=None)


class _Tally:
    """Adds up the items of a step on a chip that has seen inputs."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        steps = max(array.vectors for array in chip.arrays.values())
        if not steps:
            raise CellwrightError("the chip has seen no inputs: run it, then ask what it costs")
        # A dense layer behind a many-to-one network is used less than once a step.
        self.uses = [(array, array.vectors / steps) for array in chip.arrays.values()]
        self.items: list[Item] = []
        self.constants: dict[str, Constant] = {}

    def total(self, name: str, left_out: str) -> StepCost:
        sources = dict.fromkeys(constant.source for constant in self.constants.values())
        return StepCost(
            name=name,
            energy_per_step_j=sum(item.energy_j or 0.0 for item in self.items),
            latency_per_step_s=sum(item.latency_s or 0.0 for item in self.items),
            area_m2=sum(item.area_m2 or 0.0 for item in self.items),
            items=tuple(self.items),
            source="; ".join(sources),
            factor=_FACTOR,
            uncertainty=f"factor {_FACTOR:g}: {left_out}",
            constants=tuple(self.constants.values()),
        )

    def add(
        self, name: str, value: str, constants: tuple[str, ...], *, energy: float | None = None,
        latency: float | None = None, area: float | None = None, source: str = "", uncertainty: str = "",
        outside_crossbar: bool = False,
    ) -> None:  # fmt: skip
        used = [CONSTANTS[constant] for constant in constants]
        self.constants |= {constant.name: constant for constant in used}
        self.items.append(
            Item(
                name=name,
                energy_j=energy,
                latency_s=latency,
                area_m2=area,
                value=value,
                source="; ".join(dict.fromkeys([*([source] if source else []), *(c.source for c in used)])),
                uncertainty=uncertainty or (f"factor {max(c.factor for c in used):g}" if used else ""),
                outside_crossbar=outside_crossbar,
            )
        )

    def arrays(self) -> None:
        """The integral of V * I at the drivers, with the actual conductances, wires and inputs."""
        powers = [(array.drive_power().mean().item(), use) for array, use in self.uses]
        time = find(self.chip.settings.device).read.width
        watts = " + ".join(f"{quantity(power, 'W')}{_divided(use)}" for power, use in powers if use)
        self.add(
            "arrays, V I at the drivers",
            f"{watts}, {quantity(time, 's')} a read; {self._schedule()}",
            (),
            energy=sum(power * use * time for power, use in powers),
            latency=sum(use * time * array.conversions for array, use in self.uses),
            source="the solved networks, mean over chips and inputs; the read pulse of the device",
            uncertainty="factor 5 in time; a driver at a higher supply burns the difference besides",
        )

    def input_converters(self) -> None:
        bits = self.chip.settings.input_bits
        if bits is None:
            return self.add("input converters", "ideal, not costed", ())
        lines = sum(_word_lines(array) for array, _ in self.uses)
        encoding = self.chip.settings.input_encoding
        # A driver of one height has two levels; pulse after pulse or edge by edge it takes its bits one at a time.
        levels, each_bits = (2**bits, bits) if encoding == "amplitude" else (2, 1 if encoding == "bit-serial" else bits)
        each = _constant("DAC energy a bit") * each_bits * _constant("supply") ** 2
        return self.add(
            "input converters",
            f"{lines} of {bits} bits, {encoding}, one a word line; {self._terms(_driven)} conversions a step, "
            f"{quantity(each, 'J')} each",
            ("DAC energy a bit", "supply", "DAC area a level"),
            energy=sum(_driven(array) * use for array, use in self.uses) * each,
            area=lines * levels * _constant("DAC area a level"),
        )  # fmt: skip

    def amplifiers(self) -> None:
        """Two stages, each with the current that drives its load at the bandwidth: I = 2 pi B C / (gm / I)."""
        read_out = self.chip.settings.read_out
        if read_out is None or read_out.bandwidth == inf:
            return
        current = 2 * pi * read_out.bandwidth * _constant("amplifier load") / _constant("transconductance efficiency")
        power, time = 2 * current * _constant("supply"), find(self.chip.settings.device).read.width
        lines = sum(tile.shape[1] for array, _ in self.uses for tile in array.tiles)
        self.add(
            "amplifiers",
            f"{lines}, one a bit line, on while it is read: {self._terms(_sensed)} reads a step, "
            f"{quantity(power, 'W')} each; their area is left out",
            ("amplifier load", "transconductance efficiency", "supply"),
            energy=sum(_sensed(array) * use for array, use in self.uses) * power * time,
        )

    def samples(self) -> None:
        lines = sum(tile.place.shape[1] for array, _ in self.uses for tile in array.tiles)
        self.add(
            "sample and hold", f"{lines}, one a column; {self._terms(_conversions)} samples a step",
            ("sample energy", "sample area"),
            energy=self._conversions_a_step() * _constant("sample energy"), area=lines * _constant("sample area"),
        )  # fmt: skip

    def output_converters(self) -> None:
        bits = self.chip.settings.output_bits
        if bits is None:
            return self.add("output converters", "ideal, not costed", ())
        each = _constant("ADC energy at 8 bits") * 2.0 ** (bits - 8)
        count = self._tiles()
        return self.add(
            "output converters",
            f"{count} of {bits} bits, one a tile for all its columns; {self._terms(_conversions)} conversions a step, "
            f"{quantity(each, 'J')} each, {self._terms(_in_a_row)} one after another",
            ("ADC energy at 8 bits", "ADC time", "ADC area at 8 bits"),
            energy=self._conversions_a_step() * each,
            latency=sum(_in_a_row(array) * use for array, use in self.uses) * _constant("ADC time"),
            area=count * _constant("ADC area at 8 bits") * 2.0 ** (bits - 8),
        )  # fmt: skip

    def corrections(self) -> None:
        """The affine correction of every conversion and the digital sum of row tiles, as the conversions come in."""
        each = _constant("8-bit product") + 2 * _constant("32-bit addition")
        self.add(
            "correction and digital sums", f"{self._terms(_conversions)} a step, {quantity(each, 'J')} each",
            ("8-bit product", "32-bit addition", "adder area"), energy=self._conversions_a_step() * each,
            area=self._tiles() * _constant("adder area"),
        )  # fmt: skip

    def pointwise(self) -> None:
        """What stays digital in each step of the recurrent layers: activations, products, sums between signals."""
        found = _pointwise_counts(self.chip.model.modules())
        activations, products, additions = found["activations"], found["products"], found["additions"]
        self.add(
            "activations and products, digital",
            f"{activations} table look-ups of 32 bits, {products} products, {additions} additions; "
            f"{_CYCLES} cycles a layer",
            ("8 kB SRAM access", "32-bit float product", "32-bit float addition", "digital clock", "activation area"),
            energy=activations * _constant("8 kB SRAM access") / 2
            + products * _constant("32-bit float product")
            + additions * _constant("32-bit float addition"),
            latency=found["layers"] * _CYCLES / _constant("digital clock"),
            area=found["units"] * _constant("activation area"),
            outside_crossbar=True,
        )  # fmt: skip

    def devices(self) -> None:
        device = find(self.chip.settings.device)
        count = sum(tile.conductances[0].numel() for array, _ in self.uses for tile in array.tiles)
        self.add(
            "devices",
            f"{count} of {square_metres(device.area)}",
            (),
            area=count * device.area,
            source="assumed with the device",
            uncertainty="factor 10: the cell of a laboratory",
        )

    def multiply_accumulate(self, bits: int) -> None:
        names = ("8-bit product", "32-bit addition") if bits == 8 else ("32-bit float product", "32-bit float addition")
        cycles = sum(use * len(array.spec.with_bias) for array, use in self.uses)
        self.add(
            "multiply-accumulate", f"{self._terms(_weights)} a step, one unit a column", (*names, "digital clock"),
            energy=self._weights_a_step() * sum(_constant(name) for name in names),
            latency=cycles / _constant("digital clock"),
        )  # fmt: skip

    def weights_from_memory(self, bits: int) -> None:
        energy = self._weights_a_step() * _constant("8 kB SRAM access") * bits / 64
        value = f"{self._terms(_weights)} of {bits} bits a step"
        self.add("weights from memory", value, ("8 kB SRAM access",), energy=energy)

    def _schedule(self) -> str:
        """How often each array is read: ``l0 every step, dense every 5 steps``."""
        names: dict[float, list[str]] = {}
        for array, use in self.uses:
            names.setdefault(use, []).append(array.name)
        return ", ".join(f"{' and '.join(found)} {_how_often(use)}" for use, found in names.items())

    def _terms(self, number: Callable[[AnalogArray], int]) -> str:
        """A number a step as a reader can add it up: ``60 + 1/5`` is 60 every step and 1 every 5 steps."""
        totals: Counter[float] = Counter()
        for array, use in self.uses:
            totals[use] += number(array)
        return " + ".join(f"{total}{_divided(use)}" for use, total in totals.items() if use)

    def _weights_a_step(self) -> float:
        return sum(use * _weights(array) for array, use in self.uses)

    def _conversions_a_step(self) -> float:
        return sum(use * _conversions(array) for array, use in self.uses)

    def _tiles(self) -> int:
        return sum(len(array.tiles) for array, _ in self.uses)


_FACTOR = 3.0  # assumed for a whole step, whose items have factors of their own
_CYCLES = 6  # from pre-activations to the new state, all units at once: look-up, product, sum, look-up, product, write


def _pointwise_counts(modules: Iterable[torch.nn.Module]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for layer in modules:
        if not isinstance(layer, Recurrent) or layer.convolves:
            continue
        for index in range(layer.num_layers):
            found = counts(layer.cell.program()).at(layer.layer_sizes(index))
            for kind, number in found.items():
                totals[_POINTWISE.get(kind, "")] += number * layer.num_directions
            totals["layers"] += 1
            totals["units"] += layer.hidden_size * layer.num_directions
    return totals


_POINTWISE = {
    **dict.fromkeys(("sigmoid", "tanh", "exp", "log", "sqrt", "log_sigmoid"), "activations"),
    **dict.fromkeys(("products", "scalings", "divisions"), "products"),
    **dict.fromkeys(("additions", "offsets", "comparisons", "selections"), "additions"),
}


def _how_often(use: float) -> str:
    if not use:
        return "never"
    return "every step" if use == 1 else f"every {1 / use:.4g} steps"


def _divided(use: float) -> str:
    return "" if use == 1 else f"/{1 / use:.4g}"


def _weights(array: AnalogArray) -> int:
    return array.spec.with_bias.numel()


def _constant(name: str) -> float:
    return CONSTANTS[name].value


def _word_lines(array: AnalogArray) -> int:
    return sum(tile.shape[0] for tile in array.tiles)


def _driven(array: AnalogArray) -> int:
    """Conversions at the word lines for one read, pulse by pulse."""
    return _word_lines(array) * array.conversions


def _sensed(array: AnalogArray) -> int:
    """Bit lines that are sensed for one read, pulse by pulse."""
    return sum(tile.shape[1] for tile in array.tiles) * array.conversions


def _conversions(array: AnalogArray) -> int:
    """At the columns for one read: one for each column of each tile, pulse by pulse."""
    return sum(tile.place.shape[1] for tile in array.tiles) * array.conversions


def _in_a_row(array: AnalogArray) -> int:
    """Conversions one after another: each tile has a converter of its own."""
    return max(tile.place.shape[1] for tile in array.tiles) * array.conversions
