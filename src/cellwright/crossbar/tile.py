"""One physical array: its devices, programmed, and what its bit lines answer to its word lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """

    constant: Tensor
    linear: Tensor
    curved: tuple[Tensor, Tensor] | None
    noise: NoiseForm | None

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

        def moved(part: Tensor) -> Tensor:
            return _moved(part, rows, 1)

        return replace(
            self,
            linear=moved(self.linear),
            curved=None if self.curved is None else (moved(self.curved[0]), moved(self.curved[1])),
            noise=None if self.noise is None else self.noise.mapped(moved),
        )


def _moved(part: Tensor, rows: Tensor, dimension: int) -> Tensor:
    """Entries along a dimension of (chips, ...) from places (chips, rows)."""
    shape = [1] * part.ndim
    shape[0], shape[dimension] = rows.shape
    return part.gather(dimension, rows.reshape(shape).expand_as(part))


def _moved_both(form: Tensor, rows: Tensor) -> Tensor:
    """Rows and columns of a quadratic form (chips, rows, rows) from these places."""
    return _moved(_moved(form, rows, 1), rows, 2)


class AnalogTile:
    """A physical array: part of a weight matrix, the same on every chip but for what went wrong.

    Args:
        place: the rows and columns of the weight matrix, and the bit slice, that it holds.
        targets: of the whole weight matrix, for that slice.
        maps: measured ``conductance`` and ``stuck`` maps of this array, with or without an axis of chips.
        drawn: what write-verify leaves is drawn from its distribution, so that gradients pass; see ``as_verified``.

    Attributes:
        programmed: conductances and how they came about, (chips, word lines, bit lines).
        scale: (columns,): siemens of difference a unit of weight.
        effective: (chips, word lines, bit lines) siemens, with the wires, at the time of use.
        response: of its bit lines, at the time of use.
        order: (chips, rows): the row of the weights at each row of the array, where rows were moved; else None.
        full_scale: of the output converters in units of the output, (chips, 1, columns or 1).
        gain, offset: the affine correction, (chips, 1, columns).
        output_errors: coefficients of the tile's output converter, (4, chips), or None.
        used: settings whose time, temperature and reads the devices have seen.
        moment: (rows, rows): expected second moment of the inputs, in full scales; the read noise is fitted to it.
    """

    def __init__(
        self,
        place: Place,
        targets: Targets,
        settings: ChipSettings,
        draws: Draws,
        maps: Mapping[str, Tensor] = MappingProxyType({}),
        *,
        drawn: bool = False,
    ) -> None:
        self.place, self.settings, self._draws = place, settings, draws
        self.layout: PairLayout = find_layout(settings.layout)
        self.scale = targets.scale[place.columns]
        wanted = self.layout.place(
            targets.positive[place.rows, place.columns], targets.negative[place.rows, place.columns]
        )
        self.shape = (wanted.shape[-2], wanted.shape[-1])
        self.order: Tensor | None = maps.get("row_order")
        self.programmed = self._program(find(settings.device), wanted, self._checked(maps), drawn)
        self.moment = torch.eye(place.shape[0], dtype=self.scale.dtype, device=self.scale.device)
        self.used = settings.fresh
        self.effective: Tensor
        self.response: Response
        self._power: Tensor | None = None
        chips = draws.chips
        self.output_errors: Tensor | None = None
        if settings.output_errors is not None:
            self.output_errors = settings.output_errors.draw(draws, "output converters", 1)[..., 0]
        self.full_scale = self.scale.new_ones(chips, 1, place.shape[1])
        self.gain = torch.ones_like(self.full_scale)
        self.offset = torch.zeros_like(self.full_scale)

    def _checked(self, maps: Mapping[str, Tensor]) -> dict[str, Tensor]:
        whole = (self._draws.chips, *self.shape)
        of_devices = {name: values for name, values in maps.items() if name != "row_order"}
        for name, values in of_devices.items():
            if values.shape not in (whole, whole[1:]):
                raise CellwrightError(
                    f"a {name} map of {' / '.join(map(str, self._draws.place))} has the shape {tuple(values.shape)}; "
                    f"expected {whole[1:]} (word lines, bit lines), or {whole} with the chips in front"
                )
        return {name: values.to(self.scale.device).expand(whole) for name, values in of_devices.items()}

    def _program(self, device: Device, wanted: Tensor, maps: Mapping[str, Tensor], drawn: bool) -> Programmed:
        settings, draws = self.settings, self._draws
        stuck = maps.get("stuck")
        if stuck is None:
            stuck = stuck_devices(draws, self.shape, settings.stuck_on, settings.stuck_off)
        nominal = device
        if settings.device_to_device:
            device = instances(device, draws, self.shape)
        if settings.scheme is not None:
            device = replace(device, scheme=settings.scheme)
        if "conductance" in maps:
            return measured(device, wanted, maps["conductance"], stuck, tolerance=settings.tolerance)
        if not settings.programming:
            return exact(device, wanted, stuck)
        low, high = device.window
        tolerance, rounds = settings.tolerance * (high - low), int(min(settings.rounds, device.rounds))
        if drawn:
            return as_verified(device, wanted, draws, stuck, tolerance=tolerance, rounds=rounds, nominal=nominal)
        verified = partial(write_verify, tolerance=tolerance, rounds=rounds, nominal=nominal)
        first = verified(device, wanted, draws, stuck)
        if not (settings.compensate or settings.remap) or bool(first.within.all()):
            return first
        second = plan(device, self.layout, wanted, first, compensate=settings.compensate, remap=settings.remap)
        self.order = second.order
        return verified(device, second.targets, draws, stuck, before=first)

    def solve(self, inputs: Tensor) -> Tensor:
        """What the lines carry for inputs (chips, batch, rows), device by device: for devices that are not linear."""
        voltage, settings = self.device.read.voltage, self.used
        inputs = inputs.expand(len(self.conductances), *inputs.shape[1:])
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

        at_once = max(1, _NETWORK_NUMBERS // (len(self.conductances) * self.shape[0] * self.shape[1]))
        lines = torch.cat(
            [
                solve_nonlinear(current, part * voltage, self.wires, bit_lines=self.shape[1]).currents / voltage
                for part in drive.split(at_once, 1)
            ],
            1,
        )
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

    def in_use(self) -> tuple[Tensor, Tensor]:
        """Conductances and the standard deviations of their read noise, of devices as old as ``used`` says."""
        settings, device = self.used, self.device
        state = device.disturbed(self.conductances, settings.reads)
        conductances = device.conductance(state, settings.temperature, settings.time)
        return conductances, device.read_noise(conductances, settings.time)

    def take(self, effective: Tensor, noise: NoiseForm | None, admittance: Tensor | None) -> None:
        """Answer from now on as the solved network does: (chips, ...) of ``wires.Network`` and of its noise."""
        self.effective = effective
        response = self._through_periphery(effective, noise)
        self.response = response if self._place is None else response.reordered(self._place)
        self._power = None if admittance is None else self._folded(admittance)

    @property
    def arranged_moment(self) -> Tensor:
        """The second moment of the inputs, (1 or chips, rows, rows), as the rows lie in the array."""
        if self.order is None:
            return self.moment[None]
        return _moved_both(self.moment.expand(len(self.order), -1, -1), self.order)

    @property
    def driver_power(self) -> Tensor:
        """(chips, rows, rows): the drivers deliver u . driver_power . u watts for inputs u in full scales."""
        if self._power is None:
            with torch.no_grad():
                self._power = self._folded(solve_network(self.in_use()[0], self.wires).driver_admittance)
        return self._power

    def _folded(self, admittance: Tensor) -> Tensor:
        layout = self.layout
        power = layout.fold_rows(layout.fold_rows(admittance, -2), -1) * self.device.read.voltage**2
        return power if self._place is None else _moved_both(power, self._place)

    @property
    def _place(self) -> Tensor | None:
        """(chips, rows): where each row of the weights lies in the array, where rows were moved."""
        return None if self.order is None else self.order.argsort(-1)

    @property
    def wires(self) -> Wires | None:
        """The wires; the virtual ground of a finite amplifier is part of the sense resistance."""
        wires, read_out = self.settings.wires, self.settings.read_out
        if read_out is None or not read_out.input_resistance:
            return wires
        wires = wires or Wires(0.0, 0.0, 0.0, 0.0)
        return replace(wires, sense=wires.sense + read_out.input_resistance)

    def _through_periphery(self, effective: Tensor, noise: NoiseForm | None) -> Response:
        """The converters at the word lines and the amplifiers behind the bit lines, with their errors."""
        layout, settings, draws = self.layout, self.settings, self._draws
        linear, constant = layout.fold_rows(effective), torch.zeros_like(effective[:, 0])
        curved = None
        if settings.input_errors is not None:
            errors = settings.input_errors.draw(draws, "input converters", self.shape[0])[..., None]
            constant = (errors[0] * effective).sum(-2)
            linear = layout.fold_rows(errors[1] * effective)
            curved = layout.fold_squares(errors[2] * effective), layout.fold_rows(errors[3] * effective)
        response = Response(constant, linear, curved, noise)
        if settings.read_out is None:
            return response
        return response.amplified(*self._amplifiers(effective))

    def _amplifiers(self, effective: Tensor) -> tuple[Tensor, Tensor]:
        """Gain and offset, as a current over the read voltage, of the amplifier of each line, (chips, lines)."""
        read_out, on_line, read = self.settings.read_out, effective.sum(-2), self.device.read
        assert read_out is not None
        offset = read_out.offset_current(on_line, self._draws) / read.voltage
        return read_out.gain(on_line, self._draws, read.width), offset


def solve_networks(tiles: Sequence[AnalogTile], settings: ChipSettings) -> None:
    """Solve the networks of tiles, those of one shape together, with devices as old as the settings say."""
    by_shape: dict[tuple[int, int], list[AnalogTile]] = {}
    for tile in tiles:
        tile.used = settings
        by_shape.setdefault(tile.shape, []).append(tile)
    for (rows, columns), alike in by_shape.items():
        at_once = max(1, _NETWORK_NUMBERS // (rows * columns * rows * len(alike[0].conductances)))
        for first in range(0, len(alike), at_once):
            _solve_together(alike[first : first + at_once])


def _solve_together(tiles: Sequence[AnalogTile]) -> None:
    """Solve tiles of one shape. Many chips are solved some at a time: device voltages take most of the memory."""
    conductances, spread = (torch.cat(parts) for parts in zip(*(tile.in_use() for tile in tiles), strict=True))
    rows, columns = tiles[0].shape
    chips = len(tiles[0].conductances)
    moments = torch.cat([tile.arranged_moment.expand(chips, -1, -1) for tile in tiles])
    at_once = max(1, _NETWORK_NUMBERS // (rows * columns * rows))
    found = [
        _solved(tiles[0], *some)
        for some in zip(*(part.split(at_once) for part in (conductances, spread, moments)), strict=True)
    ]
    effective = torch.cat([part[0] for part in found]).split(chips)
    noises = [part[1] for part in found if part[1] is not None]
    noise = joined(noises).split(chips) if noises else [None] * len(tiles)
    admittances = [part[2] for part in found if part[2] is not None]
    admittance = torch.cat(admittances).split(chips) if admittances else [None] * len(tiles)
    for tile, *answer in zip(tiles, effective, noise, admittance, strict=True):
        tile.take(*answer)


def _solved(
    tile: AnalogTile, conductances: Tensor, spread: Tensor, moments: Tensor
) -> tuple[Tensor, NoiseForm | None, Tensor | None]:
    """Effective conductances, noise, and what the drivers see, of some arrays like a tile."""
    wires, noisy, layout = tile.wires, tile.settings.read_noise, tile.layout
    if wires is None:
        return conductances, NoiseForm.without_wires(spread.detach(), layout) if noisy else None, None
    if not noisy:
        return effective_matrix(conductances, wires), None, None
    with torch.no_grad():
        network = solve_network(conductances, wires)
        noise = NoiseForm.of(network, spread, layout, moments)
    effective = effective_matrix(conductances, wires) if conductances.requires_grad else network.effective
    return effective, noise, network.driver_admittance
