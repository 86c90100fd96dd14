"""Trimming a chip: what its mismatch does is measured from outside, and set right column by column.

A column can be trimmed in two ways, both there for the asking in a chip of memristors:

- a pair of devices beside those of its bias is reprogrammed: on lines of ones, or, where a sum is one of products and a
  one a small current, on lines at a fraction of the read voltage (``Design.fine_trim``). A virtual ground lies as far
  from half the supply as its amplifier's offset, and a device on a line at V draws G (V - offset): the lines have to
  lie well beyond every offset, or devices make it worse whichever of the two is set;
- the feedback resistor of its amplifier, a string with taps, is set to another tap.

Calibrating takes what a tester has: known sequences go in, and the states are read after each step. How they answer to
each trim is known from the nominal twin at first; the trims that explain the errors best are set, and the chip is
measured again, which also tells how this very chip answers. Nothing within the chip is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch

from cellwright.circuit.design import Design
from cellwright.circuit.twin import Twin
from cellwright.circuit.wiring import FINE_TRIM, TRIM, Node, Row, Wiring
from cellwright.errors import CellwrightError

Tensor = torch.Tensor

_EXPECTED_GAIN, _EXPECTED_OFFSET, _EXPECTED_GATE = 0.05, 0.05, 0.3
"""How large trims are, about: of feedback, relative, and of offsets, in ones of a sum with products and of a gate's."""


@dataclass(frozen=True)
class TrimSettings:
    """How finely a chip is trimmed, and how it is measured.

    Attributes:
        bits: of each device that trims, over the window of conductances.
        gain: whether feedback resistors have taps.
        gain_range: of the taps to either side, relative.
        gain_bits: log2 of the number of taps.
        reading: V, to which the tester reads the states.
        rounds: how often the chip is measured and set anew.
    """

    bits: int = 8
    gain: bool = True
    gain_range: float = 0.2
    gain_bits: int = 6
    reading: float = 1e-4
    rounds: int = 16

    def __post_init__(self) -> None:
        for name in ("bits", "gain_bits", "rounds"):
            if getattr(self, name) < 1:
                raise CellwrightError(f"{name} is at least 1, got {getattr(self, name)!r}")
        if not 0 < self.gain_range < 1 or not self.reading > 0:
            raise CellwrightError(
                f"gain_range lies between 0 and 1 and reading above 0 V, got {self.gain_range!r} and {self.reading!r}"
            )


@dataclass(frozen=True)
class Trim:
    """The setting of chips, each (chips, units), by the name of a sum.

    Attributes:
        conductance: signed, S, of the pair of devices at the column.
        feedback: factor of the feedback resistor.
    """

    conductance: Mapping[str, Tensor]
    feedback: Mapping[str, Tensor]

    def chip(self, index: int) -> Trim:
        """The setting of one chip, each (units,)."""
        one = ({name: each[index] for name, each in own.items()} for own in (self.conductance, self.feedback))
        return Trim(*one)

    def applied(self, wiring: Wiring) -> Wiring:
        """The wiring with the setting: conductances and feedback then have the setting's axes."""
        return replace(wiring, nodes=tuple(self._node(node) for node in wiring.nodes))

    def _node(self, node: Node) -> Node:
        name = node.out.name
        if name in self.conductance:
            row = Row(FINE_TRIM if node.products else TRIM, self.conductance[name], True)
            node = replace(node, rows=(*node.rows, row))
        return replace(node, gain=self.feedback[name]) if name in self.feedback else node


@dataclass(frozen=True)
class _Knobs:
    """The trims of a wiring as numbers in units of the sums, knob by knob: (chips, knobs)."""

    wiring: Wiring
    design: Design
    settings: TrimSettings

    @property
    def _gains(self) -> list[Node]:
        """A gate's gain is not trimmed: whatever scales its sum is beside its offset nothing."""
        return [node for node in self.wiring.nodes if self.settings.gain and node.products]

    @property
    def expected(self) -> Tensor:
        """What each knob is about."""
        offsets = [
            torch.full((node.size,), _EXPECTED_OFFSET if node.products else _EXPECTED_GATE)
            for node in self.wiring.nodes
        ]
        return torch.cat([*offsets, *(torch.full((n.size,), _EXPECTED_GAIN) for n in self._gains)]).double()

    def rounded(self, knobs: Tensor) -> Tensor:
        """The nearest that devices and taps can be set to."""
        settings, (least, most) = self.settings, self.design.conductances
        devices = [(most - least) / self._siemens(node) for node in self.wiring.nodes for _ in range(node.size)]
        taps = [settings.gain_range for node in self._gains for _ in range(node.size)]
        reach = torch.tensor([*devices, *taps], dtype=torch.float64)
        steps = torch.full_like(reach, (2**settings.gain_bits - 1) / 2)
        steps[: len(devices)] = 2**settings.bits - 1
        # A device's steps count from the least conductance, which is nothing; taps from one end to the other.
        return (knobs.clamp(-reach, reach) / reach * steps).round() / steps * reach

    def trim(self, knobs: Tensor) -> Trim:
        """The setting."""
        conductance, feedback, start = {}, {}, 0
        for node in self.wiring.nodes:
            conductance[node.out.name] = knobs[:, start : start + node.size] * self._siemens(node)
            start += node.size
        for node in self._gains:
            feedback[node.out.name] = 1 + knobs[:, start : start + node.size]
            start += node.size
        return Trim(conductance, feedback)

    def _siemens(self, node: Node) -> float:
        """The conductance that adds a one to a sum."""
        return node.current / (self.design.scale * (self.design.fine_trim if node.products else 1))


def calibrate(
    twin: Twin,
    inputs: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    measure: Callable[[Trim], Mapping[str, Tensor]],
    chips: int,
    settings: TrimSettings | None = None,
) -> Trim:
    """Trim chips until their states are as they should be.

    Args:
        twin: of the nominal circuit.
        inputs: sequences for calibration, (steps, sequences, features), by the name of the input.
        targets: what the states should be, numbers, (steps, sequences, units), by name.
        measure: what the chips make of those sequences with a setting, (steps, sequences, chips, units), by name.
        chips: how many there are.

    Returns:
        The setting that was best for each chip among those that were measured, by the mean square of the errors.
    """
    settings, design = settings or TrimSettings(), twin.laboratory.design
    knobs = _Knobs(twin.wiring, design, settings)
    expected = knobs.expected

    def errors_of(values: Mapping[str, Tensor]) -> Tensor:
        read = [_read(values[name], settings, design) - each.unsqueeze(-2) for name, each in targets.items()]
        return torch.stack(read).movedim(-2, 0).flatten(1)

    answers = (_answers(twin, knobs, inputs, tuple(targets)) * expected).repeat(chips, 1, 1)
    at = best = torch.zeros(chips, len(expected), dtype=torch.float64)
    error = torch.full((chips, 1), float("inf"), dtype=torch.float64)
    errors = from_errors = torch.zeros(chips, answers.shape[1], dtype=torch.float64)
    doubt = torch.ones(chips, 1, dtype=torch.float64)
    eye = torch.eye(len(expected), dtype=torch.float64)
    for again in range(settings.rounds + 1):
        errors = errors_of(measure(knobs.trim(at)))
        if again:
            _learn(answers, (at - best) / expected, errors - from_errors)
        now = errors.square().mean(1, keepdim=True).sqrt()
        better = now < error
        best, from_errors = torch.where(better, at, best), torch.where(better, errors, from_errors)
        error = torch.minimum(now, error)
        # As Levenberg and Marquardt do: a step that made it worse is followed by a shorter one.
        doubt = torch.where(better, doubt / 3, doubt * 3)
        squares = answers.mT @ answers + (doubt * error).square()[..., None] * eye
        step = torch.linalg.solve(squares, (answers.mT @ from_errors[..., None])).squeeze(-1)
        at = knobs.rounded(best - step * expected)
    return knobs.trim(best)


def _learn(answers: Tensor, turned: Tensor, answered: Tensor) -> None:
    """Broyden's update: what a chip answered to its last step is how it answers along it (Broyden 1965)."""
    square = turned.square().sum(1)[:, None, None]
    surprise = answered[..., None] - answers @ turned[..., None]
    answers += surprise * turned[:, None, :] / square.where(square > 0, 1.0)


def _answers(twin: Twin, knobs: _Knobs, inputs: Mapping[str, Tensor], states: tuple[str, ...]) -> Tensor:
    """How the nominal circuit's states answer to each knob, (readings, knobs): each is turned a little, on its own."""
    shift = 0.2 * knobs.expected
    found = []
    for sign in (1, -1):
        setting = knobs.trim(torch.diag(sign * shift))
        turned = Twin(setting.applied(twin.wiring), twin.laboratory)
        with torch.no_grad():
            values = turned.run({name: value.unsqueeze(-2) for name, value in inputs.items()})
        found.append(torch.stack([values[name] for name in states]).movedim(-2, 0).flatten(1))
    return ((found[0] - found[1]) / (2 * shift)[:, None]).T


def _read(value: Tensor, settings: TrimSettings, design: Design) -> Tensor:
    step = settings.reading / design.scale
    return (value / step).round() * step
