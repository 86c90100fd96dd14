"""One weight matrix on the chip: its tiles, from digital inputs to digital outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from cellwright.crossbar.converters import fit_affine, full_scale_of, quantise
from cellwright.crossbar.devices import find
from cellwright.crossbar.draws import Draws
from cellwright.crossbar.layout import Pairs, Tile, find_layout, pairs, tiles
from cellwright.crossbar.programming import Programmed, exact, stuck_devices, write_verify
from cellwright.crossbar.settings import ChipSettings
from cellwright.crossbar.wires import solve_network
from cellwright.errors import CellwrightError

Tensor = torch.Tensor

_SAMPLES = 1024  # calibration vectors at once, and for the affine correction in all
_NETWORK_NUMBERS = 4_000_000  # of device voltages at once: solving chip after chip beyond that saves memory
_NOISE_AHEAD = 32  # reads whose noise is drawn at once,
_NOISE_NUMBERS = 1_000_000  # but no more numbers than these


@dataclass(frozen=True)
class Matrix:
    """What an array is to compute: weights @ inputs + bias.

    Attributes:
        name: of the array.
        weights: (outputs, inputs).
        bias: (outputs,), or None: then the array has no bias row.
        row_groups: (label, number) of neighbouring inputs that share a converter range: x, h.
        column_groups: (label, number) of neighbouring outputs: i, f, g, o.
    """

    name: str
    weights: Tensor
    bias: Tensor | None
    row_groups: tuple[tuple[str, int], ...]
    column_groups: tuple[tuple[str, int], ...]

    @property
    def with_bias(self) -> Tensor:
        """(inputs + bias row, outputs), in double precision."""
        rows = self.weights.T if self.bias is None else torch.cat([self.weights.T, self.bias[None]])
        return rows.detach().to(torch.float64)


class AnalogTile:
    """A physical array: part of a weight matrix, the same on every chip but for what went wrong.

    Attributes:
        place: the rows and columns of the weight matrix that it holds.
        programmed: conductances and how they came about, (chips, word lines, bit lines).
        effective: (chips, word lines, bit lines) siemens, with the wires.
        gain, offset: the affine correction, (chips, 1, columns).
        full_scale: of the output converters in units of the output, (chips, 1, columns or 1).
        matrix: (chips, rows, columns): the weights that the tile works with.
        driver_power: (chips, rows, rows): the drivers deliver u . driver_power . u watts for inputs u in full scales.
    """

    def __init__(self, place: Tile, targets: Pairs, settings: ChipSettings, draws: Draws) -> None:
        self.place, self.settings = place, settings
        self.layout, self.device = find_layout(settings.layout), find(settings.device)
        self.scale = targets.scale
        wanted = self.layout.place(
            targets.positive[place.rows, place.columns], targets.negative[place.rows, place.columns]
        )
        self.shape = (wanted.shape[-2], wanted.shape[-1])
        stuck = stuck_devices(draws, self.shape, settings.stuck_on, settings.stuck_off)
        self.programmed = self._program(wanted, draws, stuck)
        self._solve()
        chips = draws.chips
        self.gain = torch.ones(chips, 1, place.shape[1], dtype=wanted.dtype, device=wanted.device)
        self.offset = torch.zeros_like(self.gain)
        self.full_scale = torch.ones_like(self.gain)
        self._noise = _NoiseAhead(draws)

    def _program(self, wanted: Tensor, draws: Draws, stuck: Tensor) -> Programmed:
        if not self.settings.programming:
            return exact(self.device, wanted, stuck)
        low, high = self.device.window
        tolerance = self.settings.tolerance * (high - low)
        return write_verify(self.device, wanted, draws, stuck, tolerance=tolerance, rounds=self.settings.rounds)

    def _solve(self) -> None:
        """The effective matrix, and the quadratic forms of noise and power in the inputs."""
        rows, columns = self.shape
        at_once = max(1, _NETWORK_NUMBERS // (rows * columns * rows)) if self.settings.wires else len(self.conductances)
        found = [self._solve_some(part) for part in self.conductances.split(at_once)]
        self.effective, self.driver_power, self.noise_form = (torch.cat(parts) for parts in zip(*found, strict=True))
        self.matrix = self.layout.signed(self.effective) / self.scale

    def _solve_some(self, conductances: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        layout, network = self.layout, solve_network(conductances, self.settings.wires)
        power = layout.fold_rows(layout.fold_rows(network.driver_admittance, -2), -1) * self.device.read.voltage**2
        spread = self.device.read_noise(conductances) / self.scale
        if self.settings.wires is None:
            return network.effective, power, torch.stack(layout.parts(spread.square())).sum(0)
        volts = layout.fold_rows(network.device_voltages, -1)
        by_column = ((spread * network.sensitivity)[..., None] * volts).transpose(-3, -2)
        form = torch.stack(layout.bit_lines(by_column.transpose(-1, -2) @ by_column, -3)).sum(0)
        return network.effective, power, form

    @property
    def conductances(self) -> Tensor:
        return self.programmed.conductances

    def noise_variance(self, inputs: Tensor) -> Tensor:
        """Variance of the output from the read noise of every device, to first order.

        What a device's noise leaks to other bit lines through the wires is left out.

        Args:
            inputs: (chips, batch, rows), in full scales.

        Returns:
            (chips, batch, columns), in squared units of the output.
        """
        if self.settings.wires is None:
            return inputs.square() @ self.noise_form
        return ((inputs[:, None] @ self.noise_form) * inputs[:, None]).sum(-1).transpose(-1, -2).clamp(min=0)

    def calibrate(self, inputs: Tensor, wanted: Tensor) -> None:
        """Set the converters' ranges and the affine correction.

        Args:
            inputs: (samples, rows) as they come from the input converters.
            wanted: (samples, columns): what the software computes for them.
        """
        dimensions = (-2,) if self.settings.output_range == "column" else (-2, -1)
        parts = inputs.split(_SAMPLES)
        largest = torch.cat([(part @ self.matrix).abs().amax(dimensions, keepdim=True) for part in parts], -2)
        self.full_scale = self.settings.headroom * full_scale_of(largest, (-2,))
        if self.settings.affine:
            kept = _evenly_spread(inputs)
            self.gain, self.offset = fit_affine(self._convert(inputs[kept] @ self.matrix), wanted[kept])

    def __call__(self, inputs: Tensor) -> Tensor:
        """One read: (chips, batch, rows) in full scales to (chips, batch, columns)."""
        outputs = inputs @ self.matrix
        if self.settings.read_noise:
            outputs = outputs + self._noise(outputs.shape) * self.noise_variance(inputs).sqrt()
        return self._convert(outputs) * self.gain + self.offset

    def reset(self) -> None:
        """Start the read noise again from its first draw."""
        self._noise.step = 0

    def _convert(self, outputs: Tensor) -> Tensor:
        bits = self.settings.output_bits
        return outputs if bits is None else quantise(outputs, self.full_scale, bits)


class _NoiseAhead:
    """The draws of read noise, read after read; several reads are drawn at once."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self._ahead: Tensor | None = None
        self._first = 0
        self.step = 0

    def __call__(self, shape: torch.Size) -> Tensor:
        count = shape[1] * shape[2]
        steps = max(1, min(_NOISE_AHEAD, _NOISE_NUMBERS // (shape[0] * count)))
        ahead = self._ahead
        if ahead is None or ahead.shape[-1] != count or not self._first <= self.step < self._first + len(ahead):
            ahead = self._draws.normal_steps("read_noise", range(self.step, self.step + steps), count)
            self._ahead, self._first = ahead, self.step
        self.step += 1
        return ahead[self.step - 1 - self._first].reshape(shape)


class AnalogArray:
    """A weight matrix on every chip of a batch.

    Args:
        matrix: what it is to compute.
        settings: of the chip.
        draws: of the whole chip.
        calibration: (samples, inputs): training inputs, from which ranges and corrections are set; None leaves inputs
            unscaled, which no converter can work with.

    Attributes:
        tiles: its physical arrays.
        ranges: (inputs,): full scale of each row's converter, in units of the input.
        vectors: how many input vectors each chip has multiplied since the last ``reset``.
    """

    def __init__(self, matrix: Matrix, settings: ChipSettings, draws: Draws, calibration: Tensor | None) -> None:
        self.settings, self.spec = settings, matrix
        self.layout = find_layout(settings.layout)
        samples = _checked(matrix, calibration, settings)
        self.ranges = self._input_ranges(samples)
        rows = matrix.with_bias
        scales = torch.cat([self.ranges, self.ranges.new_ones(rows.shape[0] - len(self.ranges))])
        target = rows * scales[:, None]
        window = find(settings.device).window
        targets = pairs(target, window, settings.encoding)
        own = draws.at(matrix.name)
        self.tiles = tuple(
            AnalogTile(place, targets, settings, own.at(index))
            for index, place in enumerate(tiles(target.shape[0], target.shape[1], self.layout, settings.tile))
        )
        if samples is not None:
            self._calibrate(samples, target)
        self.reset()

    def _input_ranges(self, samples: Tensor | None) -> Tensor:
        sizes = [number for _, number in self.spec.row_groups]
        if samples is None:
            return torch.ones(sum(sizes), dtype=torch.float64, device=self.spec.weights.device)
        ranges = [
            full_scale_of(group, (-2, -1)).flatten().expand(group.shape[-1]) for group in samples.split(sizes, -1)
        ]
        return self.settings.headroom * torch.cat(ranges)

    def _calibrate(self, samples: Tensor, target: Tensor) -> None:
        exact_inputs = self._with_bias_row(samples / self.ranges)
        inputs = self._drive(samples)
        for tile in self.tiles:
            rows, columns = tile.place.rows, tile.place.columns
            tile.calibrate(inputs[..., rows], exact_inputs[..., rows] @ target[rows, columns])

    def _drive(self, inputs: Tensor) -> Tensor:
        """What the input converters make of inputs: (..., rows) in full scales; a bias row is at full scale."""
        scaled = inputs / self.ranges
        if self.settings.input_bits is not None:
            scaled = quantise(scaled, 1.0, self.settings.input_bits)
        return self._with_bias_row(scaled)

    def _with_bias_row(self, scaled: Tensor) -> Tensor:
        if self.spec.bias is None:
            return scaled
        return torch.cat([scaled, scaled.new_ones(*scaled.shape[:-1], 1)], -1)

    def __call__(self, inputs: Tensor) -> Tensor:
        """(chips, batch, inputs) to (chips, batch, outputs); each row tile is converted before the digital sum."""
        driven = self._drive(inputs.to(torch.float64))
        self.vectors += driven.shape[1]
        self._second_moment += driven.detach().transpose(-1, -2) @ driven.detach()
        found: dict[int, Tensor] = {}
        for tile in self.tiles:
            part, start = tile(driven[..., tile.place.rows]), tile.place.columns.start
            found[start] = found[start] + part if start in found else part
        outputs = torch.cat([found[start] for start in sorted(found)], -1)
        return outputs.to(inputs.dtype)

    def reset(self) -> None:
        """Start the read noise again from its first draw, and forget the inputs seen."""
        rows = len(self.spec.with_bias)
        self.vectors = 0
        self._second_moment = self.ranges.new_zeros(self.chips, rows, rows)
        for tile in self.tiles:
            tile.reset()

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def chips(self) -> int:
        return len(self.tiles[0].conductances)

    @property
    def rows(self) -> int:
        """Word lines: 34 for an LSTM of 15 units with 1 input and 1 bias in paired rows."""
        return sum(tile.shape[0] for tile in self.tiles if tile.place.columns.start == 0)

    @property
    def columns(self) -> int:
        """Bit lines: 60 for an LSTM of 15 units in paired rows."""
        return sum(tile.shape[1] for tile in self.tiles if tile.place.rows.start == 0)

    def drive_power(self) -> Tensor:
        """(chips,): watts that the drivers deliver, as the mean over all inputs since the last ``reset``."""
        total = self.ranges.new_zeros(self.chips)
        for tile in self.tiles:
            rows = tile.place.rows
            total = total + (tile.driver_power * self._second_moment[:, rows, rows]).sum((-2, -1))
        return total / max(self.vectors, 1)

    def physical(self, what: Sequence[Tensor]) -> Tensor:
        """One tensor (..., word lines, bit lines) a tile, put together as one map of the whole array."""
        bands: dict[int, list[Tensor]] = {}
        for tile, tensor in zip(self.tiles, what, strict=True):
            bands.setdefault(tile.place.rows.start, []).append(tensor)
        return torch.cat([torch.cat(band, -1) for band in bands.values()], -2)


def _checked(matrix: Matrix, calibration: Tensor | None, settings: ChipSettings) -> Tensor | None:
    """The calibration as (samples, inputs)."""
    if calibration is None:
        if settings.input_bits is not None or settings.output_bits is not None:
            raise CellwrightError(
                f"the converters of array {matrix.name!r} need ranges: pass training inputs as calibration, "
                "or set input_bits and output_bits to None"
            )
        return None
    samples = calibration.detach().reshape(-1, matrix.weights.shape[1]).to(torch.float64)
    if not len(samples):
        raise CellwrightError(
            f"array {matrix.name!r} is never used in the calibration: calibrate with inputs that use it"
        )
    if not bool(torch.isfinite(samples).all()):
        raise CellwrightError(f"array {matrix.name!r} sees NaN or infinite inputs in the calibration: look at the data")
    return samples


def _evenly_spread(samples: Tensor) -> Tensor:
    """Which samples the affine correction is fitted to: at most so many."""
    count = len(samples)
    return torch.linspace(0, count - 1, min(count, _SAMPLES), dtype=torch.float64, device=samples.device).round().long()
