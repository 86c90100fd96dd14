"""One physical array: its devices, programmed, and what its bit lines answer to its word lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import torch

from cellwright.crossbar.converters import polynomial
from cellwright.crossbar.devices import Device, find
from cellwright.crossbar.draws import Draws
from cellwright.crossbar.layout import PairLayout, Place, find_layout
from cellwright.crossbar.mapping import Targets
from cellwright.crossbar.nonlinear import solve_nonlinear
from cellwright.crossbar.programming import (
    Programmed,
    as_verified,
    exact,
    instances,
    measured,
    stuck_devices,
    write_verify,
)
from cellwright.crossbar.read_noise import NoiseForm, joined
from cellwright.crossbar.repair import plan
from cellwright.crossbar.settings import ChipSettings
from cellwright.crossbar.wires import Wires, effective_matrix, solve_network
from cellwright.errors import CellwrightError

Tensor = torch.Tensor

_NETWORK_NUMBERS = 4_000_000  # of device voltages at once: solving chip after chip beyond that saves memory


@dataclass(frozen=True)
class Response:
    """What the bit lines of an array answer to inputs u, in siemens: a current over the read voltage.

    A line carries constant + linear u + square u^2 + cube u^3; the last two come from converters that are not linear.

    Attributes:
        constant: (chips, lines).
        linear: (chips, rows, lines).
        curved: square and cube, of the same shape; None where there are none.
        noise: of reads; None where there is none.
        driver_power: (chips, rows, rows): the drivers deliver u . driver_power . u watts.
    """

    constant: Tensor
    linear: Tensor
    curved: tuple[Tensor, Tensor] | None
    noise: NoiseForm | None
    driver_power: Tensor

    def amplified(self, gain: Tensor, offset: Tensor) -> Response:
        """With the gain and the offset of an amplifier behind each line, (chips, lines)."""
        by_row = gain[:, None]
        return replace(
            self,
            constant=self.constant * gain + offset,
            linear=self.linear * by_row,
            curved=None if self.curved is None else (self.curved[0] * by_row, self.curved[1] * by_row),
            noise=None if self.noise is None else self.noise.amplified(gain),
        )

    def reordered(self, rows: Tensor) -> Response:
        """With rows (chips, rows) taken from these places."""

        def moved(part: Tensor, dimension: int = 1) -> Tensor:
            shape = [1] * part.ndim
            shape[0], shape[dimension] = rows.shape
            return part.gather(dimension, rows.reshape(shape).expand_as(part))

        return replace(
            self,
            linear=moved(self.linear),
            curved=None if self.curved is None else (moved(self.curved[0]), moved(self.curved[1])),
            noise=None if self.noise is None else self.noise.mapped(moved),
            driver_power=moved(moved(self.driver_power), 2),
        )


class AnalogTile:
    """A physical array: part of a weight matrix, the same on every chip but for what went wrong.

    Args:
        place: the rows and columns of the weight matrix, and the bit slice, that it holds.
        targets: of the whole weight matrix, for that slice.
        maps: measured ``conductance`` and ``stuck`` maps of this array, with or without an axis of chips.

    Attributes:
        programmed: conductances and how they came about, (chips, word lines, bit lines).
        scale: (columns,): siemens of difference a unit of weight.
        effective: (chips, word lines, bit lines) siemens, with the wires, at the time of use.
        response: of its bit lines, at the time of use.
        order: (chips, rows): the row of the weights at each row of the array, where rows were moved; else None.
        full_scale: of the output converters in units of the output, (chips, 1, columns or 1).
        gain, offset: the affine correction, (chips, 1, columns).
        output_errors: coefficients of the tile's output converter, (4, chips), or None.
    """

    def __init__(
        self,
        place: Place,
        targets: Targets,
        settings: ChipSettings,
        draws: Draws,
        maps: Mapping[str, Tensor] = MappingProxyType({}),
    ) -> None:
        self.place, self.settings, self._draws = place, settings, draws
        self.layout: PairLayout = find_layout(settings.layout)
        self.scale = targets.scale[place.columns]
        wanted = self.layout.place(
            targets.positive[place.rows, place.columns], targets.negative[place.rows, place.columns]
        )
        self.shape = (wanted.shape[-2], wanted.shape[-1])
        self.order: Tensor | None = None
        self.programmed = self._program(find(settings.device), wanted, self._checked(maps))
        self._used = settings.fresh
        self.effective, self.response = self._respond(self._used)
        chips = draws.chips
        self.output_errors: Tensor | None = None
        if settings.output_errors is not None:
            self.output_errors = settings.output_errors.draw(draws, "output converters", 1)[..., 0]
        self.full_scale = self.scale.new_ones(chips, 1, place.shape[1])
        self.gain = torch.ones_like(self.full_scale)
        self.offset = torch.zeros_like(self.full_scale)

    def _checked(self, maps: Mapping[str, Tensor]) -> dict[str, Tensor]:
        whole = (self._draws.chips, *self.shape)
        for name, values in maps.items():
            if values.shape not in (whole, whole[1:]):
                raise CellwrightError(
                    f"a {name} map of {' / '.join(map(str, self._draws.place))} has the shape {tuple(values.shape)}; "
                    f"expected {whole[1:]} (word lines, bit lines), or {whole} with the chips in front"
                )
        return {name: values.to(self.scale.device).expand(whole) for name, values in maps.items()}

    def _program(self, device: Device, wanted: Tensor, maps: Mapping[str, Tensor]) -> Programmed:
        settings, draws = self.settings, self._draws
        stuck = maps.get("stuck")
        if stuck is None:
            stuck = stuck_devices(draws, self.shape, settings.stuck_on, settings.stuck_off)
        if settings.device_to_device:
            device = instances(device, draws, self.shape)
        if settings.scheme is not None:
            device = replace(device, scheme=settings.scheme)
        if "conductance" in maps:
            return measured(device, wanted, maps["conductance"], stuck, tolerance=settings.tolerance)
        if not settings.programming:
            return exact(device, wanted, stuck)
        low, high = device.window
        if wanted.requires_grad:
            return as_verified(device, wanted, draws, stuck, tolerance=settings.tolerance * (high - low))
        verified = partial(write_verify, tolerance=settings.tolerance * (high - low), rounds=settings.rounds)
        first = verified(device, wanted, draws, stuck)
        if not (settings.compensate or settings.remap) or bool(first.within.all()):
            return first
        second = plan(device, self.layout, wanted, first, compensate=settings.compensate, remap=settings.remap)
        self.order = second.order
        return verified(device, second.targets, draws, stuck, before=first)

    def age(self) -> None:
        """From now on the devices are as old, as warm and as often read as the settings say."""
        if self._used != self.settings:
            self._used = self.settings
            self.effective, self.response = self._respond(self._used)

    def solve(self, inputs: Tensor) -> Tensor:
        """What the lines carry for inputs (chips, batch, rows), device by device: for devices that are not linear."""
        voltage, settings = self.device.read.voltage, self._used
        if self.order is not None:
            inputs = inputs.gather(-1, self.order[:, None].expand_as(inputs))
        drive = self.layout.drive(inputs)
        if settings.input_errors is not None:
            errors = settings.input_errors.draw(self._draws, "input converters", self.shape[0])
            drive = polynomial(errors[:, :, None], drive)
        device = self.device.mapped(lambda parameter: parameter[:, None])
        state = device.disturbed(self.conductances[:, None], settings.reads)

        def current(volts: Tensor) -> tuple[Tensor, Tensor]:
            return device.differentiated(state, volts, settings.temperature, settings.time)

        found = solve_nonlinear(current, drive * voltage, self._wires(), bit_lines=self.shape[1])
        lines = found.currents / voltage
        if settings.read_out is not None:
            gain, offset = self._amplifiers(self.effective)
            lines = lines * gain[:, None] + offset[:, None]
        return lines

    @property
    def conductances(self) -> Tensor:
        """(chips, word lines, bit lines), as they were programmed."""
        return self.programmed.conductances

    @property
    def device(self) -> Device:
        return self.programmed.device

    @property
    def linear(self) -> bool:
        """Is the current of every device its conductance times its voltage? Pulses of one height make it so."""
        return self.device.linear or not self.settings.nonlinearity or self.settings.input_encoding != "amplitude"

    @property
    def matrix(self) -> Tensor:
        """(chips, rows, columns): the weights that the tile works with."""
        return self.layout.combine(self.response.linear) / self.scale

    def _respond(self, settings: ChipSettings) -> tuple[Tensor, Response]:
        """The effective conductances and the answer of the bit lines; the settings say how old the devices are."""
        device, state = self.device, self.device.disturbed(self.conductances, settings.reads)
        conductances = device.conductance(state, settings.temperature, settings.time)
        spread = device.read_noise(conductances, settings.time)
        rows, columns = self.shape
        wires = self._wires()
        at_once = max(1, _NETWORK_NUMBERS // (rows * columns * rows)) if wires else len(conductances)
        found = [
            self._solve(some, part, wires)
            for some, part in zip(conductances.split(at_once), spread.split(at_once), strict=True)
        ]
        effective, power, noise = zip(*found, strict=True)
        response = self._through_periphery(torch.cat(effective), torch.cat(power), joined(noise))
        return torch.cat(effective), response if self.order is None else response.reordered(self.order.argsort(-1))

    def _wires(self) -> Wires | None:
        """The wires; the virtual ground of a finite amplifier is part of the sense resistance."""
        wires, read_out = self.settings.wires, self.settings.read_out
        if read_out is None or not read_out.input_resistance:
            return wires
        wires = wires or Wires(0.0, 0.0, 0.0, 0.0)
        return replace(wires, sense=wires.sense + read_out.input_resistance)

    def _solve(self, conductances: Tensor, spread: Tensor, wires: Wires | None) -> tuple[Tensor, Tensor, NoiseForm]:
        """Effective conductances, the form of the drivers' power, and that of the noise, for some of the chips."""
        layout = self.layout
        with torch.no_grad():
            network = solve_network(conductances, wires)
            power = layout.fold_rows(layout.fold_rows(network.driver_admittance, -2), -1)
            noise = (
                NoiseForm.without_wires(spread, layout)
                if wires is None or not self.settings.read_noise
                else NoiseForm.of(network, spread, layout)
            )
        effective = effective_matrix(conductances, wires) if conductances.requires_grad else network.effective
        return effective, power * self.device.read.voltage**2, noise

    def _through_periphery(self, effective: Tensor, power: Tensor, noise: NoiseForm) -> Response:
        """The converters at the word lines and the amplifiers behind the bit lines, with their errors."""
        layout, settings, draws = self.layout, self.settings, self._draws
        linear, constant = layout.fold_rows(effective), torch.zeros_like(effective[:, 0])
        curved = None
        if settings.input_errors is not None:
            errors = settings.input_errors.draw(draws, "input converters", self.shape[0])[..., None]
            constant = (errors[0] * effective).sum(-2)
            linear = layout.fold_rows(errors[1] * effective)
            curved = layout.fold_squares(errors[2] * effective), layout.fold_rows(errors[3] * effective)
        response = Response(constant, linear, curved, noise if settings.read_noise else None, power)
        if settings.read_out is None:
            return response
        return response.amplified(*self._amplifiers(effective))

    def _amplifiers(self, effective: Tensor) -> tuple[Tensor, Tensor]:
        """Gain and offset, as a current over the read voltage, of the amplifier of each line, (chips, lines)."""
        read_out, on_line, read = self.settings.read_out, effective.sum(-2), self.device.read
        assert read_out is not None
        offset = read_out.offset_current(on_line, self._draws) / read.voltage
        return read_out.gain(on_line, self._draws, read.width), offset
