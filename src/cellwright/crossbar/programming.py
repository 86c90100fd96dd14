"""Write-verify programming, pulse by pulse, on a whole batch of chips at once.

The two-pulse scheme of Li et al. 2019 (Nature Machine Intelligence 1, 49): a device that reads too high gets a RESET
and then a SET pulse, one that reads too low a SET pulse alone; the gate voltage of the SET pulse follows the error.
The one-pulse scheme gives each device one pulse a round, RESET or SET: for devices that a pulse moves by a step. The
gate voltage follows the error of the last SET pulse, from what the law of the mean device says for the target. A state
is the conductance that verification reads.
Only devices that get a pulse get its noise. Verification is taken as averaged until its own noise vanishes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from cellwright.crossbar.devices import Device, Pulse
from cellwright.crossbar.draws import Draws
from cellwright.errors import CellwrightError

Tensor = torch.Tensor

STUCK_ON, STUCK_OFF = 1, -1
_CORRECTION = 0.5  # of the error goes into the gate voltage: all of it would chase the noise of the last pulse


@dataclass(frozen=True)
class Programmed:
    """What programming left behind on every chip; tensors are (chips, word lines, bit lines) unless said otherwise.

    Attributes:
        device: the device, or its instances where they differ.
        conductances: in siemens, as the devices were left; these are their states.
        targets: (word lines, bit lines), or (chips, word lines, bit lines) where chips differ, in siemens.
        within: which devices ended within the tolerance.
        set_pulses, reset_pulses: how many pulses each device got.
        convergence: (rounds, chips): the share of devices within the tolerance after each round.
        stuck: 1 where a device is stuck on, -1 where it is stuck off.
        tolerance: in siemens.
        energy: (chips,), joules of all pulses and verifying reads.
        time: (chips,), seconds, device after device.
    """

    device: Device
    conductances: Tensor
    targets: Tensor
    within: Tensor
    set_pulses: Tensor
    reset_pulses: Tensor
    convergence: Tensor
    stuck: Tensor
    tolerance: float
    energy: Tensor
    time: Tensor

    def after(self, before: Programmed) -> Programmed:
        """This pass together with the one before it."""
        return replace(
            self,
            set_pulses=self.set_pulses + before.set_pulses,
            reset_pulses=self.reset_pulses + before.reset_pulses,
            convergence=torch.cat([before.convergence, self.convergence]),
            energy=self.energy + before.energy,
            time=self.time + before.time,
        )

    @property
    def programming_yield(self) -> Tensor:
        """(chips,): the share of devices within the tolerance."""
        return self.within.double().mean((-2, -1))

    @property
    def pulses(self) -> Tensor:
        """(chips,): mean number of pulses a device."""
        return (self.set_pulses + self.reset_pulses).double().mean((-2, -1))

    @property
    def wear(self) -> Tensor:
        """The part of its endurance that each device has used up."""
        return (self.set_pulses + self.reset_pulses) / self.device.endurance

    @property
    def error(self) -> Tensor:
        """Conductance less target, in siemens: what the tolerance leaves, and the devices that failed."""
        return self.conductances - self.targets


def stuck_devices(draws: Draws, shape: tuple[int, int], on: float, off: float) -> Tensor:
    """Draw which devices are stuck: (chips, word lines, bit lines) of 1 (on), -1 (off) and 0.

    Args:
        on, off: probability that a device is stuck on or off.

    Raises:
        CellwrightError: the probabilities are none.
    """
    if min(on, off) < 0 or on + off > 1:
        raise CellwrightError(f"stuck devices have probabilities between 0 and 1 in sum, got on {on} and off {off}")
    number = draws.uniform("stuck", 0, shape[0] * shape[1]).reshape(-1, *shape)
    return (number < on).to(torch.int8) - (number > 1 - off).to(torch.int8)


def instances(device: Device, draws: Draws, shape: tuple[int, int]) -> Device:
    """The devices of all chips, (chips, word lines, bit lines), as they differ from one another."""

    def normal(parameter: str) -> Tensor:
        return draws.normal(f"device_to_device {parameter}", 0, shape[0] * shape[1]).reshape(-1, *shape)

    return device.instances(normal) if device.varies else device


def exact(device: Device, targets: Tensor, stuck: Tensor) -> Programmed:
    """Programming without error: every device at its target, but for stuck ones. It takes no pulses."""
    conductances = _with_stuck(device, targets.expand(stuck.shape), stuck)
    within = conductances == targets
    zero = torch.zeros(stuck.shape[0], dtype=targets.dtype, device=targets.device)
    none = torch.zeros_like(stuck, dtype=torch.int64)
    return Programmed(
        device, conductances, targets, within, none, none, within.double().mean((-2, -1))[None], stuck, 0.0, zero, zero
    )


def measured(device: Device, targets: Tensor, conductances: Tensor, stuck: Tensor, *, tolerance: float) -> Programmed:
    """Devices that somebody else has programmed.

    Args:
        conductances: (chips, word lines, bit lines), in siemens.
        tolerance: as a fraction of the window: a device counts as within it or not.
    """
    limit = tolerance * (device.window[1] - device.window[0])
    found = exact(device, targets, stuck)
    within = (conductances - targets).abs() <= limit
    return replace(
        found,
        conductances=conductances.to(targets.dtype),
        within=within,
        tolerance=limit,
        convergence=within.double().mean((-2, -1))[None],
    )


def as_verified(
    device: Device,
    targets: Tensor,
    draws: Draws,
    stuck: Tensor,
    *,
    tolerance: float,
    rounds: int = 100,
    nominal: Device | None = None,
) -> Programmed:
    """What write-verify leaves, without its rounds: working devices within the tolerance, stuck ones stuck.

    A first SET pulse that lands within the tolerance stays; all others, corrected until they do, are taken to end
    anywhere within it; with a single round they stay where they are. Conductances have the gradients of the targets.
    """
    error = tolerance * (2 * draws.uniform("verified", 0, stuck[0].numel()).reshape(stuck.shape) - 1)
    if device.scheme == "two-pulse":
        wanted = targets.detach().expand(stuck.shape)
        gate = (nominal or device).gate_voltage(wanted)
        noise = draws.normal("first pulse", 0, stuck[0].numel()).reshape(stuck.shape)
        first = device.set(torch.full_like(wanted, device.off), gate, noise) - wanted
        error = first if rounds == 1 else torch.where(first.abs() <= tolerance, first, error)
    found = exact(device, targets + error, stuck)
    return replace(found, targets=targets, within=stuck == 0, tolerance=tolerance)


def write_verify(
    device: Device,
    targets: Tensor,
    draws: Draws,
    stuck: Tensor,
    *,
    tolerance: float,
    rounds: int = 100,
    before: Programmed | None = None,
    nominal: Device | None = None,
) -> Programmed:
    """Program all chips.

    Args:
        device: with parameters of the shape of ``stuck`` where its instances differ.
        targets: (word lines, bit lines), or one set a chip, in siemens; inside the window of the device, or its off
            state.
        stuck: (chips, word lines, bit lines), from ``stuck_devices``. They get pulses, as nobody knows, and never move.
        tolerance: largest error that verification accepts, in siemens.
        rounds: pulses are given up after so many rounds of verify and correct.
        before: an earlier pass, from which this one goes on: what failed then gets no pulse now, and pulses, rounds,
            energy and time add up.
        nominal: the mean device, whose law the first gate voltage follows where instances differ.

    Raises:
        CellwrightError: a target is outside the window; tolerance or rounds are not positive.
    """
    _check(device, targets, tolerance, rounds)
    run = _Run(device, nominal or device, targets, draws, stuck)
    if before is not None:
        run.go_on(before, tolerance)
    convergence: list[Tensor] = []
    for step in range(rounds):
        run.pulse(step)
        run.verify(tolerance)
        convergence.append(run.within.double().mean((-2, -1)))
        if not len(run.active):
            break
    found = Programmed(
        device=device,
        conductances=run.conductances,
        targets=targets,
        within=run.within,
        set_pulses=run.set_pulses.reshape(stuck.shape),
        reset_pulses=run.reset_pulses.reshape(stuck.shape),
        convergence=torch.stack(convergence),
        stuck=stuck,
        tolerance=tolerance,
        energy=run.energy.sum((-2, -1)),
        time=run.time(),
    )
    return found if before is None else found.after(before)


class _Run:
    """The state of a programming run; flat tensors have one entry for each device of each chip."""

    def __init__(self, device: Device, nominal: Device, targets: Tensor, draws: Draws, stuck: Tensor) -> None:
        self.nominal = nominal
        self.device, self.draws, self.stuck = device.mapped(torch.flatten), draws, stuck
        self.cause, self.erases = "programming", self.device.scheme == "two-pulse"
        self.shape = stuck.shape
        self.target = targets.expand(self.shape).flatten()
        self.state = _with_stuck(device, torch.full_like(self.target, device.off).reshape(self.shape), stuck).flatten()
        self.gate = self._gate(nominal.gate_voltage(self.target))
        self.active = torch.arange(self.target.numel(), device=targets.device)
        self.set_pulses = torch.zeros_like(self.active)
        self.reset_pulses = torch.zeros_like(self.active)
        self.verified = torch.zeros_like(self.active)
        self.joules = torch.zeros_like(self.state)
        self.good = torch.zeros_like(self.state, dtype=torch.bool)
        self.was_set = torch.zeros_like(self.good)

    def go_on(self, before: Programmed, tolerance: float) -> None:
        """From what an earlier pass left, without what it failed on."""
        self.cause, self.erases = "reprogramming", False
        self.state = before.conductances.flatten().clone()
        self.good = (self.state - self.target).abs() <= tolerance
        self.was_set = self.state > self.device.off
        self.active = (~self.good & before.within.flatten()).nonzero()[:, 0]

    def pulse(self, step: int) -> None:
        """Correct every device that is not within the tolerance; two-pulse schemes erase all in the first round."""
        index = self.active
        device = self.device.mapped(lambda parameter: parameter[index])
        each = self.shape[1] * self.shape[2]
        noise = self.draws.normal_pairs(self.cause, step, index // each, index % each)
        before, target = self.state[index], self.target[index]
        error = target - before
        correction = _CORRECTION * self.was_set[index] * error / self.nominal.gate_slope
        self.gate[index] = self._gate(self.gate[index] + correction)
        two = device.scheme == "two-pulse"
        too_high = torch.ones_like(error, dtype=torch.bool) if self.erases and not step else error < 0
        erased = device.reset(before, noise[0])
        state = self._apply(device, index, too_high, device.reset_pulse, before, erased, self.reset_pulses)
        wants_set = target > device.off if two else error > 0
        after = device.set(state, self.gate[index], noise[1])
        self.was_set[index] = wants_set
        self.state[index] = self._apply(device, index, wants_set, device.set_pulse, state, after, self.set_pulses)

    def _apply(
        self, device: Device, index: Tensor, which: Tensor, pulse: Pulse, before: Tensor, after: Tensor, count: Tensor
    ) -> Tensor:
        moves = which & (self.stuck.flatten()[index] == 0)
        after = torch.where(moves, after, before)
        count[index] += which
        energy = device.pulse_energy(pulse, before, after)
        self.joules[index] += torch.where(which, energy, 0.0)
        return after

    def verify(self, tolerance: float) -> None:
        index, read = self.active, self.device.read
        conductance = self.state[index]
        self.verified[index] += 1
        self.joules[index] += read.voltage**2 * read.width * conductance
        self.good[index] = (conductance - self.target[index]).abs() <= tolerance
        self.active = index[~self.good[index]]

    def _gate(self, voltage: Tensor) -> Tensor:
        low, high = self.device.gate_window
        if self.device.gate_step:
            voltage = torch.round(voltage / self.device.gate_step) * self.device.gate_step
        return voltage.clamp(low, high)

    def time(self) -> Tensor:
        device = self.device
        seconds = (
            self.set_pulses * device.set_pulse.width
            + self.reset_pulses * device.reset_pulse.width
            + self.verified * device.read.width
        )
        return seconds.to(self.state.dtype).reshape(self.shape).sum((-2, -1))

    @property
    def conductances(self) -> Tensor:
        return self.state.reshape(self.shape)

    @property
    def within(self) -> Tensor:
        return self.good.reshape(self.shape)

    @property
    def energy(self) -> Tensor:
        return self.joules.reshape(self.shape)


def _with_stuck(device: Device, conductances: Tensor, stuck: Tensor) -> Tensor:
    conductances = torch.where(stuck == STUCK_ON, device.window[1], conductances)
    return torch.where(stuck == STUCK_OFF, device.off, conductances)


def _check(device: Device, targets: Tensor, tolerance: float, rounds: int) -> None:
    if not tolerance > 0 or rounds < 1:
        raise CellwrightError(
            f"programming needs a positive tolerance and at least one round, got {tolerance}, {rounds}"
        )
    low, high = device.window
    slack = 1e-9 * high
    outside = ((targets < low - slack) | (targets > high + slack)) & (targets != device.off)
    if bool(outside.any()):
        raise CellwrightError(
            f"{int(outside.sum())} targets lie outside the window of {low:.3g} to {high:.3g} S: scale the weights to it"
        )
