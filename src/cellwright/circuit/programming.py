"""Write and verify in SPICE: devices of a small array are pulsed, read, and pulsed again until all are near targets.

A passive array is written in the V/2 scheme: half of a pulse lies on the chosen word line, the other half with the
opposite sign on the chosen bit line, all other lines at 0 V. So half of it falls on every other device of the two
lines, which may move, too: ``Written.disturb`` says how far. With select transistors (1T1R) the whole pulse lies on the
bit line, and the transistors of the chosen word line alone conduct. Reads put a voltage on one word line, all else at
0 V.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cellwright.circuit.memristors import Memristor
from cellwright.circuit.ngspice import Simulation, simulate
from cellwright.errors import CellwrightError

_EDGE = 20e-9
"""s: how long a pulse takes to rise and to fall."""
_READ = 1e-6
"""s: how long a word line is read."""
_OPTIONS = (".options reltol=1e-5 abstol=1e-14 vntol=1e-9",)
_OFF = 1e9
"""Ohm: of a select transistor that is off."""
_LEAST = 1e-12
"""S: what counts as not conducting."""
_SLOWEST = 1e-3
"""Ohm: the least that a pulse counts as having moved."""
_DAMPED = 0.8
"""Of the way to the target that is left, what a pulse is to go: all of it would overshoot half of the time."""


@dataclass(frozen=True)
class Scheme:
    """How an array is written.

    Attributes:
        write: V over the chosen device.
        read: V at the word line that is read, far below thresholds.
        tolerance: within which a conductance counts as written, of its target.
        rounds: after which it ends.
        first: width of a device's first pulse in each direction, s; later ones follow from what the last one did.
        shortest, longest: widths, s.
        select: ohm in series with each device when its word line is selected: a transistor, as an ideal switch that
            is a gigaohm when off. What is read, and verified, includes it. None for a passive array.
    """

    write: float = 1.0
    read: float = 0.1
    tolerance: float = 0.02
    rounds: int = 40
    first: float = 2e-6
    shortest: float = 50e-9
    longest: float = 100e-6
    select: float | None = None


@dataclass(frozen=True)
class Written:
    """What writing left; arrays are (word lines, bit lines).

    Attributes:
        reads: (rounds + 1, word lines, bit lines), S: what was read at first and after each round.
        states: of the devices.
        within: which are within the tolerance of their targets.
        pulses: that each device got.
        disturb: the sum of how far each device's state moved, up or down, while others were pulsed or read.
        time: s, of all pulses and reads.
    """

    reads: np.ndarray
    states: np.ndarray
    within: np.ndarray
    pulses: np.ndarray
    disturb: np.ndarray
    time: float

    @property
    def conductances(self) -> np.ndarray:
        """As the last reads measured them, S."""
        return self.reads[-1]


@dataclass(frozen=True)
class _Pulse:
    row: int
    column: int
    voltage: float
    width: float


@dataclass
class _Lines:
    """Voltages of word lines and bit lines over time, put together slot by slot."""

    rows: int
    columns: int
    selected: bool
    time: float = 0.0
    points: dict[str, list[str]] = field(default_factory=dict)

    def slot(self, levels: dict[str, float], width: float) -> tuple[float, float]:
        """Hold lines at levels for a width, then all at 0 for as long as an edge: beginning and end."""
        start = self.time
        flat, over = start + _EDGE, start + _EDGE + width
        for name, level in levels.items():
            edges = ((start, 0.0), (flat, level), (over, level), (over + _EDGE, 0.0))
            self.points.setdefault(name, []).extend(f"{time:.12g} {volts:.9g}" for time, volts in edges)
        self.time = over + 2 * _EDGE
        return start, self.time

    def pulse(self, pulse: _Pulse) -> tuple[float, float]:
        """One over the chosen device: V/2 at its word line and -V/2 at its bit line; -V there where it is selected."""
        word, bit, half = f"w{pulse.row}", f"b{pulse.column}", pulse.voltage / 2
        if self.selected:
            return self.slot({f"g{pulse.row}": 1.0, bit: -pulse.voltage}, pulse.width)
        return self.slot({word: half, bit: -half}, pulse.width)

    def read(self, row: int, voltage: float) -> tuple[float, float]:
        """A word line at a voltage, and selected."""
        gate = {f"g{row}": 1.0} if self.selected else {}
        return self.slot({f"w{row}": voltage, **gate}, _READ)

    def sources(self) -> list[str]:
        """A source for each line."""
        names = [f"{kind}{row}" for kind in ("wg" if self.selected else "w") for row in range(self.rows)]
        names += [f"b{column}" for column in range(self.columns)]
        values = {name: f"PWL({' '.join(points)})" for name, points in self.points.items()}
        return [f"V{name} {name} 0 {values.get(name, '0')}" for name in names]


def write_verify(
    device: Memristor | np.ndarray, targets: np.ndarray, start: float | np.ndarray, scheme: Scheme | None = None
) -> Written:
    """Write an array of devices to target conductances, by ngspice.

    Each round is one transient analysis: a pulse for each device that reads outside of the tolerance, one after the
    other, then a read of every word line. A pulse's width follows from how far the last one in its direction moved the
    resistance; nothing else of the device's law is used.

    Args:
        device: of every crossing, or an array (word lines, bit lines) of devices.
        targets: (word lines, bit lines), S.
        start: state at the beginning, of all or of each.

    Raises:
        CellwrightError: targets are no matrix, or one is 0 or outside of its device's window; devices have another
            shape; a state is none from 0 to 1; a pulse of the scheme does not move a device; what ``simulate`` refuses.
    """
    scheme = scheme or Scheme()
    array = _Array(device, targets, start, scheme)
    pulses, disturb = np.zeros(targets.shape, dtype=int), np.zeros(targets.shape)
    speeds = np.full(
        (2, *targets.shape), np.nan
    )  # ohm a second: of pulses that raise the conductance, and that lower it
    reads = [array.round([], disturb)]
    while (wrong := abs(reads[-1] / targets - 1) > scheme.tolerance).any() and len(reads) <= scheme.rounds:
        before, falling = reads[-1], (reads[-1] > targets).astype(int)
        widths = _widths(_resistance(before) - _resistance(targets), speeds, falling, scheme)
        voltages = array.raising * (1 - 2 * falling) * scheme.write
        chosen = [_Pulse(row, column, voltages[row, column], widths[row, column]) for row, column in np.argwhere(wrong)]
        reads.append(array.round(chosen, disturb))
        speed = np.maximum(abs(_resistance(reads[-1]) - _resistance(before)), _SLOWEST) / widths
        for direction in range(2):
            told = wrong & (falling == direction)
            speeds[direction][told] = speed[told]
        pulses += wrong
    return Written(np.stack(reads), array.states, ~wrong, pulses, disturb, array.time)


def _resistance(conductances: np.ndarray) -> np.ndarray:
    """Ohm; finite where nothing conducts."""
    return 1 / np.maximum(conductances, _LEAST)


def _widths(left: np.ndarray, speeds: np.ndarray, falling: np.ndarray, scheme: Scheme) -> np.ndarray:
    """Widths that go most of the way that is left (ohm), as fast as the last pulse in that direction went."""
    same, other = (np.take_along_axis(speeds, which[None], 0)[0] for which in (falling, 1 - falling))
    speed = np.where(np.isnan(same), other, same)
    widths = np.where(np.isnan(speed), scheme.first, _DAMPED * abs(left) / np.where(np.isnan(speed), 1.0, speed))
    return np.clip(widths, scheme.shortest, scheme.longest)


class _Array:
    """The devices of an array, whose states last from round to round.

    Attributes:
        states: (word lines, bit lines).
        raising: the sign of the voltage that raises each conductance.
        time: s, of all rounds until now.
    """

    def __init__(
        self, device: Memristor | np.ndarray, targets: np.ndarray, start: float | np.ndarray, scheme: Scheme
    ) -> None:
        if targets.ndim != 2 or 0 in targets.shape:
            raise CellwrightError(f"targets are a matrix (word lines, bit lines), got the shape {targets.shape}")
        self.devices = device if isinstance(device, np.ndarray) else np.full(targets.shape, device, dtype=object)
        if self.devices.shape != targets.shape:
            raise CellwrightError(f"devices of the shape {self.devices.shape} have targets of {targets.shape}")
        given = np.asarray(start, dtype=np.float64)
        if given.shape not in ((), targets.shape) or not ((given >= 0) & (given <= 1)).all():
            raise CellwrightError(f"memristors start at one state from 0 to 1, or at one each; got {start!r}")
        self.states = np.broadcast_to(given, targets.shape).copy()
        self.scheme, self.time = scheme, 0.0
        self.raising = np.zeros(targets.shape)
        for at, each in np.ndenumerate(self.devices):
            low, high = (
                1 / (1 / max(end, _LEAST) + (scheme.select or 0.0)) for end in each.conductance_window(scheme.read)
            )
            if not (low <= targets[at] <= high and targets[at] > 0):
                raise CellwrightError(
                    f"the target {targets[at]:.3g} S lies outside of the device's window, {low:.3g} to {high:.3g} S"
                )
            rates = [float(each.evaluate(volts, 0.5)[1]) for volts in (scheme.write, -scheme.write)]
            if rates[0] * rates[1] >= 0:
                raise CellwrightError(f"pulses of {scheme.write:g} V do not move {each}: write with more")
            self.raising[at] = np.sign(rates[0])

    def round(self, pulses: Sequence[_Pulse], disturb: np.ndarray) -> np.ndarray:
        """Pulses, then a read of every word line: conductances. What moves unchosen devices is added to disturb."""
        rows, columns = self.states.shape
        lines = _Lines(rows, columns, selected=self.scheme.select is not None)
        slots = [lines.pulse(pulse) for pulse in pulses]
        reads = [lines.read(row, self.scheme.read) for row in range(rows)]
        done = simulate(self._netlist(lines))
        for pulse, slot in zip([*pulses, *[None] * rows], [*slots, *reads], strict=True):
            moved = abs(self._states(done, slot[1]) - self._states(done, slot[0]))
            if pulse is not None:
                moved[pulse.row, pulse.column] = 0.0
            disturb += moved
        self.states = self._states(done, lines.time)
        self.time += lines.time
        middles = [(start + end) / 2 for start, end in reads]
        currents = [[_at(done, f"i(vb{column})", middle) for column in range(columns)] for middle in middles]
        return np.array(currents) / self.scheme.read

    def _netlist(self, lines: _Lines) -> str:
        names = {each: f"device{number}" for number, each in enumerate(dict.fromkeys(self.devices.flat))}
        cells = []
        for (row, column), state in np.ndenumerate(self.states):
            at, model = f"{row}_{column}", names[self.devices[row, column]]
            end = f"b{column}" if self.scheme.select is None else f"n{at}"
            cells.append(f"X{at} w{row} {end} x{at} {model} start={state:.15g}")
            if self.scheme.select is not None:
                cells.append(f"S{at} {end} b{column} g{row} 0 transistor")
        models = [each.subcircuit(name) for each, name in names.items()]
        if self.scheme.select is not None:
            models.append(f".model transistor sw vt=0.5 ron={self.scheme.select:g} roff={_OFF:g}")
        analysis = f".tran {_READ:g} {lines.time:.12g} 0 {_READ:g} uic"
        parts = ["* write and verify", *models, *cells, *lines.sources(), *_OPTIONS, analysis, ".end", ""]
        return "\n".join(parts)

    def _states(self, done: Simulation, time: float) -> np.ndarray:
        found = np.array([_at(done, f"x{row}_{column}", time) for row, column in np.ndindex(self.states.shape)])
        return found.reshape(self.states.shape).clip(0.0, 1.0)


def _at(done: Simulation, name: str, time: float) -> float:
    return float(np.interp(time, done["time"], done[name]))
