"""What blocks do, found out by ngspice: sweeps of each block alone, kept on disk, and the constants fitted to them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import blake2b
from io import BytesIO
from zipfile import BadZipFile

import numpy as np
from scipy.optimize import least_squares

from cellwright.circuit.blocks.block import Block, Ideal
from cellwright.circuit.blocks.pairs import PairConstants, Pairs, SigmaPair, TanhPair, Translinear
from cellwright.circuit.components import (
    GROUND,
    MIDDLE,
    SUPPLY,
    Behaviour,
    Component,
    Instance,
    Mosfet,
    Source,
    line,
    starts,
)
from cellwright.circuit.conditions import Conditions
from cellwright.circuit.design import Design
from cellwright.circuit.hold import clocks, hold
from cellwright.circuit.ngspice import find_ngspice, simulate
from cellwright.circuit.table import Table
from cellwright.errors import CellwrightError
from cellwright.files import write_atomically
from cellwright.kernels.cache import folder

SIGMA_REACH, VALUE_REACH = 0.4, 0.5
"""V to either side of the reference that the gates of pairs are swept over; beyond, the pairs are switched over."""

_STEP = 0.02


def bias_components(design: Design) -> list[Component]:
    """The two references: a current each, and the transistor that turns it into a gate voltage for all mirrors."""
    pair, opamp = design.pair, design.opamp
    return [
        Source("pair", "I", SUPPLY, "pair_bias", f"{design.pair_current:g}", "reference"),
        Mosfet("pair_bias", "n", "pair_bias", "pair_bias", GROUND, pair.mirror_width, pair.mirror_length),
        Source("opamp", "I", SUPPLY, "opamp_bias", f"{design.amplifier_current:g}", "reference"),
        Mosfet("opamp_bias", "n", "opamp_bias", "opamp_bias", GROUND, opamp.sink_width, opamp.length),
    ]


def swept(netlist: str, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Vectors of a simulation; the same netlist is simulated once and kept in the folder for caches.

    Models that a netlist includes lie in files whose names tell their content, so that other ones are another netlist.
    """
    version = find_ngspice().version
    key = blake2b(f"{version}\n{names}\n{netlist}".encode(), digest_size=16).hexdigest()
    kept = folder() / "circuit" / f"{key}.npz"
    with suppress(OSError, EOFError, ValueError, KeyError, BadZipFile), np.load(kept) as found:
        return {name: found[name] for name in names}
    done = simulate(netlist)
    vectors = {name: done[name] for name in names}
    packed = BytesIO()
    np.savez(packed, **vectors)  # type: ignore[arg-type]
    with suppress(OSError):  # a folder that cannot be written costs time, not results
        write_atomically(kept, packed.getvalue())
    return vectors


@dataclass(frozen=True)
class Laboratory:
    """Blocks of one design in one technology, measured one by one.

    Attributes:
        design, conditions: as they are while it is operated.
        designed: where the circuit was designed, if elsewhere: what was chosen there stays, as the references do.
    """

    design: Design
    conditions: Conditions
    designed: Laboratory | None = None

    def operated(self, conditions: Conditions) -> Laboratory:
        """The same blocks elsewhere: at another temperature or corner.

        Raises:
            CellwrightError: the technology is another one.
        """
        if conditions.technology is not self.conditions.technology:
            raise CellwrightError(
                f"a circuit designed in {self.conditions.technology.name} works in no other technology, "
                f"got {conditions.technology.name}"
            )
        ratio = conditions.kelvin / self.conditions.kelvin
        return Laboratory(self.design.operated(ratio), conditions, self)

    @cached_property
    def constants(self) -> PairConstants:
        """Fitted to the translinear block with both references at the middle."""
        a, b, current = self._pair_sweep(Translinear, 1, 1, {})
        inner = np.ix_(np.abs(a) < 0.2, np.abs(b) < 0.26)
        gate, value = np.meshgrid(a, b, indexing="ij")

        def errors(p: np.ndarray) -> np.ndarray:
            sigma = 1 / (1 + np.exp(-(gate - p[3]) / p[1]))
            return p[0] * sigma * np.tanh((value - p[4]) / p[2]) - current / self.design.pair_current

        fitted = least_squares(
            lambda p: errors(p)[inner].ravel(), (1, 0.033, 0.066, 0, 0), x_scale=(1, 0.01, 0.01, 1e-3, 1e-3)
        )
        amplitude, sigma_slope, tanh_slope, sigma_offset, tanh_offset = map(float, fitted.x)
        error = float(np.abs(errors(fitted.x)[inner]).max()) / amplitude
        return PairConstants(amplitude, sigma_slope, tanh_slope, sigma_offset, tanh_offset, error)

    @property
    def ideal(self) -> Ideal:
        """What blocks need in order to be the equations that they stand for."""
        return Ideal(self.constants, self.design.pair_current, self.conditions.technology.middle)

    @cached_property
    def references(self) -> dict[str, float]:
        """The reference voltages of pairs by the names of their nodes: half the supply less the pairs' own offsets.

        A pair whose signal stands at the other gate has the reference of that name with ``_flipped``.
        """
        if self.designed is not None:
            return self.designed.references
        middle, constants = self.conditions.technology.middle, self.constants
        return {
            "sigma_zero": middle - constants.sigma_offset,
            "sigma_zero_flipped": middle + constants.sigma_offset,
            "value_zero": middle - constants.tanh_offset,
            "value_zero_flipped": middle + constants.tanh_offset,
        }

    @cache  # noqa: B019
    def pair(self, block: type[Pairs], sign: int, direction: int) -> Table:
        """The current that a block draws, A, over the voltages of its signals against half the supply.

        Args:
            sign: -1 if the gate's signal stands at the pair's other transistor: 1 - sigma.
            direction: -1 if the value's signal does.
        """
        a, b, current = self._pair_sweep(block, sign, direction, self.references)
        grids = [(float(axis[0]), float(axis[-1])) for axis in (a, b) if len(axis) > 1]
        return Table(grids, current.squeeze())

    def _pair_sweep(
        self, block: type[Pairs], sign: int, direction: int, references: dict[str, float]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gate and value voltages (of one point where the block does not have them), and the current over both."""
        middle = self.conditions.technology.middle
        subject = self.design.paired(block)
        zeros = {
            name: references.get(name, middle)
            for name in ("sigma_zero", "sigma_zero_flipped", "value_zero", "value_zero_flipped")
        }
        components: list[Component] = [
            *bias_components(self.design),
            *(Source(name, "V", name, GROUND, f"{value:.9g}", "reference") for name, value in zeros.items()),
            Source("gate", "V", "gate", GROUND, f"{middle:g}", "input"),
            Source("value", "V", "value_in", GROUND, f"{middle:g}", "input"),
            Source("out", "V", MIDDLE, "out", "0", "measurement"),
            pair_instance("1", subject, "gate", sign, "value_in", direction, "out"),
        ]
        a = _grid(SIGMA_REACH) if "sigma" in subject.inputs else np.zeros(1)
        b = _grid(VALUE_REACH) if "value" in subject.inputs else np.zeros(1)
        sweeps = [
            f"V{name} {middle + axis[0]:g} {middle + axis[-1]:g} {_STEP:g}"
            for name, axis in (("value", b), ("gate", a))
            if len(axis) > 1
        ]
        netlist = "\n".join([
            *self.conditions.header(f"transfer of {subject.kind}"),
            subject.subcircuit(),
            *map(line, components),
            ".save i(Vout)",
            ".options reltol=1e-5",
            f".dc {' '.join(sweeps)}",
            ".end",
        ])  # fmt: skip
        return a, b, swept(netlist, ("i(vout)",))["i(vout)"].reshape(len(a), len(b))

    @cached_property
    def operating_points(self) -> dict[str, dict[str, float]]:
        """The voltages inside of blocks that are at rest, V, by the kind of the block and the name of the node."""
        middle = self.conditions.technology.middle
        pairs = (self.design.paired(kind) for kind in (SigmaPair, TanhPair, Translinear))
        blocks: list[Block] = [self.design.opamp, *pairs]
        components: list[Component] = bias_components(self.design)
        for block in blocks:
            ends = {SUPPLY: SUPPLY, "bias": "opamp_bias" if block is self.design.opamp else "pair_bias"}
            ends |= dict.fromkeys(("plus", "sigma", "sigma_reference", "value", "value_reference"), MIDDLE)
            out = MIDDLE if block is not self.design.opamp else "out"  # the amplifier follows, a pair gives a current
            nodes = tuple(ends.get(port, out) for port in block.ports)
            components.append(Instance(block.kind, block.name, nodes, {}))
        inside = {
            block.kind: sorted(
                {node for t in block.transistors for node in (t.drain, t.gate, t.source)} - {*block.ports, GROUND}
            )
            for block in blocks
        }
        names = tuple(f"v(x{kind}.{node})" for kind, nodes in inside.items() for node in nodes)
        netlist = "\n".join([
            *self.conditions.header("blocks at rest"),
            *(block.subcircuit() for block in blocks),
            *map(line, components),
            f".nodeset v(out)={middle:g}",
            ".save v(pair_bias) v(opamp_bias) " + " ".join(names),
            ".op",
            ".end",
        ])  # fmt: skip
        found = swept(netlist, (*names, "v(pair_bias)", "v(opamp_bias)"))
        points = {
            kind: {node: float(found[f"v(x{kind}.{node})"][0]) for node in nodes} for kind, nodes in inside.items()
        }
        return points | {"": {name: float(found[f"v({name})"][0]) for name in ("pair_bias", "opamp_bias")}}

    @cached_property
    def virtual_ground(self) -> Table:
        """The voltage by which an amplifier's minus input lies below half the supply, V.

        Over its output (V against half the supply) and the current that it gives (A).
        """
        middle = self.conditions.technology.middle
        shifted = f"v(out)-v(target)+{middle:g}"
        return self._amplifier(
            [
                Source("plus", "V", "plus", GROUND, f"{middle:g}", "reference"),
                Behaviour("minus", "V", "minus", GROUND, shifted),
            ],
            "v(plus)-v(minus)",
        )

    @cached_property
    def follower(self) -> Table:
        """The voltage by which a follower's output lies below its input, V; over its input and its current."""
        same = Behaviour("plus", "V", "plus", GROUND, "v(target)"), Behaviour("minus", "V", "minus", GROUND, "v(out)")
        return self._amplifier([*same], "v(plus)-v(minus)")

    @property
    def _swing(self) -> float:
        """How far amplifiers are measured, beside half the supply: some multipliers take a factor far above it."""
        multiplier = self.design.products
        return 0.65 if multiplier is None or "shifted" not in multiplier.factors else 0.85

    def _amplifier(self, feedback: list[Component], error: str) -> Table:
        middle, load = self.conditions.technology.middle, 0.8 * self.design.amplifier_current * self.design.opamp.drive
        reach, step = round(self._swing * middle / _AMPLIFIER_STEP) * _AMPLIFIER_STEP, load / 4
        components: list[Component] = [
            *bias_components(self.design),
            Source("target", "V", "target", GROUND, f"{middle:g}", "input"),
            *feedback,
            Instance("1", "opamp", ("plus", "minus", "out", "opamp_bias", SUPPLY), {}),
            Source("load", "I", "out", GROUND, "0", "input"),
            Behaviour("error", "V", "error", GROUND, error),
        ]
        sweep = f"{-load:.12g} {load:.12g} {step:.12g}"  # rounded further, ngspice leaves the last point out
        netlist = "\n".join([
            *self.conditions.header("error of an amplifier"),
            self.design.opamp.subcircuit(),
            *map(line, components),
            ".save v(error)",
            ".options reltol=1e-6",
            f".dc Vtarget {middle - reach:g} {middle + reach:g} {_AMPLIFIER_STEP:g} Iload {sweep}",
            ".end",
        ])  # fmt: skip
        values = swept(netlist, ("v(error)",))["v(error)"].reshape(9, -1).T
        return Table([(-reach, reach), (-load, load)], values)

    @cached_property
    def hold(self) -> Table:
        """What a hold makes of a state's voltage a step later, V, over that voltage; both against half the supply.

        Charge that the switches leave behind, leaks and the amplifiers' own errors are in it.
        """
        design, technology = self.design, self.conditions.technology
        reach = round(0.45 * technology.middle / _HOLD_STEP) * _HOLD_STEP
        levels = np.arange(-reach, reach + _HOLD_STEP / 2, _HOLD_STEP)
        steps = " ".join(
            f"{k * design.period + (k > 0) * design.edge:g} {technology.middle + level:g} "
            f"{(k + 1) * design.period:g} {technology.middle + level:g}"
            for k, level in enumerate(levels)
        )
        components: list[Component] = [
            *bias_components(design),
            *clocks(design, technology.supply),
            Source("level", "V", "level", GROUND, f"pwl({steps})", "input"),
            *hold("state", "level", "out", design, technology.middle),
        ]
        end = (len(levels) + 1) * design.period
        netlist = "\n".join([
            *self.conditions.header("a hold over its range"),
            design.opamp.subcircuit(),
            design.switch.subcircuit(),
            *map(line, components),
            *starts(components),
            ".save v(out)",
            ".options reltol=1e-5 method=gear",
            f".tran {design.period / 200:g} {end:g} 0 {design.period / 50:g}",
            ".end",
        ])  # fmt: skip
        found = swept(netlist, ("time", "v(out)"))
        read = (np.arange(len(levels)) + 1 + design.read_time) * design.period
        return Table([(-reach, reach)], np.interp(read, found["time"], found["v(out)"]) - technology.middle)


_AMPLIFIER_STEP = 0.05
_HOLD_STEP = 0.025


def pair_instance(name: str, block: Block, gate: str, sign: int, value: str, direction: int, out: str) -> Instance:
    """A pair's block between its signals, its references and the virtual ground."""
    gates = ("sigma_zero_flipped", gate) if sign < 0 else (gate, "sigma_zero")
    values = ("value_zero_flipped", value) if direction < 0 else (value, "value_zero")
    nodes = {"sigma": gates[0], "sigma_reference": gates[1], "value": values[0], "value_reference": values[1]}
    return Instance(name, block.name, (*(nodes[port] for port in block.inputs), out, "pair_bias", SUPPLY), {})


def _grid(reach: float) -> np.ndarray:
    return np.linspace(-reach, reach, round(2 * reach / _STEP) + 1)
