"""One weight matrix on the chip, from digital inputs to digital outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch

from cellwright.crossbar.bank import Bank
from cellwright.crossbar.converters import fit_affine, full_scale_of, levels_of, to_codes
from cellwright.crossbar.devices import find
from cellwright.crossbar.draws import Draws
from cellwright.crossbar.encodings import bit_planes, pulses_a_read, second_moment
from cellwright.crossbar.layout import check_whole, find_layout, tiles
from cellwright.crossbar.mapping import Encoding, Targets, best_clip, bit_slices, conductances
from cellwright.crossbar.settings import ChipSettings
from cellwright.crossbar.tile import AnalogTile, solve_networks
from cellwright.errors import CellwrightError

Tensor = torch.Tensor

_SAMPLES = 1024  # calibration vectors at once, and for the affine correction in all
_REMEMBERED = 4_000_000  # input values that are kept until their second moments are taken


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
        return rows.to(torch.float64)


class AnalogArray:
    """A weight matrix on every chip of a batch.

    Args:
        matrix: what it is to compute.
        settings: of the chip.
        draws: of the whole chip.
        calibration: (samples, inputs): training inputs, from which ranges and corrections are set; None leaves inputs
            unscaled, which no converter can work with.
        maps: measured maps of its tiles, by ``NAME/TILE/conductance`` and ``NAME/TILE/stuck``.
        drawn: programming is drawn instead of done pulse by pulse, for gradients; see ``tile``.

    Attributes:
        tiles: its physical arrays: slice by slice, from top to bottom, from left to right.
        ranges: (inputs,): full scale of each row's converter, in units of the input.
        vectors: how many input vectors each chip has multiplied since the last ``reset``.
    """

    def __init__(
        self,
        matrix: Matrix,
        settings: ChipSettings,
        draws: Draws,
        calibration: Tensor | None,
        maps: Mapping[str, Tensor] = MappingProxyType({}),
        *,
        drawn: bool = False,
    ) -> None:
        self.settings, self.spec = settings, matrix
        self.layout = find_layout(settings.layout)
        samples = _checked(matrix, calibration, settings)
        self.ranges = self._input_ranges(samples)
        rows = matrix.with_bias
        target = rows * torch.cat([self.ranges, self.ranges.new_ones(len(rows) - len(self.ranges))])[:, None]
        inputs = None if samples is None else self._drive(samples)
        slices, targets = self._slices(target, inputs)
        own = draws.at(matrix.name)
        if not settings.tiling:
            check_whole(matrix.name, target.shape[0], target.shape[1], self.layout, settings.tile)
        places = tiles(target.shape[0], target.shape[1], self.layout, settings.tile, settings.slices)
        own_maps = [_of_tile(maps, f"{matrix.name}/{index}/") for index in range(len(places))]
        self.tiles = tuple(
            AnalogTile(place, targets[place.bit_slice], settings, own.at(index), own_maps[index], drawn=drawn)
            for index, place in enumerate(places)
        )
        if inputs is not None:
            moment = inputs.detach().T @ inputs.detach() / len(inputs)
            for tile in self.tiles:
                tile.moment = moment[tile.place.rows, tile.place.rows]
        solve_networks(self.tiles, settings.fresh)
        if samples is not None and inputs is not None:
            exact = self._with_bias_row(samples / self.ranges)
            with torch.no_grad():
                for tile in self.tiles:
                    place = tile.place
                    wanted = exact[..., place.rows] @ slices[place.bit_slice][place.rows, place.columns]
                    self._calibrate(tile, inputs[..., place.rows], wanted)
        if settings != settings.fresh:
            solve_networks(self.tiles, settings)
        self.bank = Bank(self.tiles, settings)
        self._draws, self._reads = own, 0
        self._driven: list[Tensor] = []
        self._second_moment = self.ranges.new_zeros(self.chips, len(target), len(target))
        self.vectors = 0

    def _slices(self, target: Tensor, inputs: Tensor | None) -> tuple[list[Tensor], list[Targets]]:
        """What each bit slice stands for and its target conductances. What one clips is handed to the next."""
        held, targets, left = [], [], torch.zeros_like(target)
        for part in bit_slices(target, self.settings.slices, self.settings.slice_bits):
            wanted = part + left
            targets.append(self._targets(wanted, inputs))
            kept = (targets[-1].positive - targets[-1].negative) / targets[-1].scale
            left = wanted - kept
            held.append(kept)
        # The last slice is corrected towards all that is left, clipped or not.
        return [*held[:-1], held[-1] + left], targets

    def _targets(self, weights: Tensor, inputs: Tensor | None) -> Targets:
        """Target conductances for weights (rows, columns) that meet driven inputs (samples, rows)."""
        settings, window = self.settings, find(self.settings.device).window
        encoding: Encoding = "reference" if self.layout.along == "reference" else settings.encoding
        clip: float | Tensor = 1.0
        if settings.search_scale:
            if inputs is None:
                raise CellwrightError("a search for the scale needs inputs: pass training inputs as calibration")
            moment = inputs.T @ inputs / len(inputs)
            clip = best_clip(weights, moment, settings.device_error, window, encoding, settings.scale_per)
        return conductances(weights, window, encoding, settings.scale_per, clip)

    def _input_ranges(self, samples: Tensor | None) -> Tensor:
        sizes = [number for _, number in self.spec.row_groups]
        if samples is None:
            return torch.ones(sum(sizes), dtype=torch.float64, device=self.spec.weights.device)
        ranges = [
            full_scale_of(group, (-2, -1)).flatten().expand(group.shape[-1]) for group in samples.split(sizes, -1)
        ]
        return self.settings.headroom * torch.cat(ranges)

    def _calibrate(self, tile: AnalogTile, inputs: Tensor, wanted: Tensor) -> None:
        """Set the ranges of a tile's output converters and the affine correction behind them.

        Args:
            inputs: (samples, rows) as they come from the input converters.
            wanted: (samples, columns): what the software computes for them.
        """
        dimensions = (-2,) if self.settings.output_range == "column" else (-2, -1)
        bank = Bank([tile], self.settings)
        largest = [
            bank.outputs(bank.currents(pulses[None, None]))[:, 0].abs().amax(dimensions, keepdim=True)
            for part in inputs.split(_SAMPLES)
            for pulses, _ in self._pulses(part)
        ]
        # In siemens: a converter that columns of different scales share has one range of currents.
        tile.full_scale = self.settings.headroom * full_scale_of(torch.cat(largest, -2), (-2,)) / tile.scale
        if self.settings.affine:
            kept = _evenly_spread(inputs)
            bank = Bank([tile], self.settings)
            measured = self._read(bank, inputs[kept][None, None], noise=None)
            tile.gain, tile.offset = fit_affine(measured, wanted[kept])

    def _drive(self, inputs: Tensor) -> Tensor:
        """What the input converters make of inputs: (..., rows) in full scales; a bias row is at full scale."""
        if self.settings.input_bits is None:
            return self._with_bias_row(inputs / self.ranges)
        levels = levels_of(self.settings.input_bits)
        return self._with_bias_row(to_codes(inputs * (levels / self.ranges), levels) / levels)

    def _with_bias_row(self, scaled: Tensor) -> Tensor:
        if self.spec.bias is None:
            return scaled
        return torch.nn.functional.pad(scaled, (0, 1), value=1.0)

    def _pulses(self, driven: Tensor) -> Iterator[tuple[Tensor, float]]:
        """Driven inputs as the pulses of their encoding, each with its weight."""
        if self.settings.input_encoding != "bit-serial" or self.settings.input_bits is None:
            yield driven, 1.0
            return
        levels = levels_of(self.settings.input_bits)
        for plane, weight in bit_planes(torch.round(driven.detach() * levels), self.settings.input_bits):
            # The weights add up to 1, and so do the gradients, which pass straight through.
            yield plane + (driven - driven.detach()) if driven.requires_grad else plane, weight / levels

    def _read(self, bank: Bank, driven: Tensor, noise: Draws | None) -> Tensor:
        """Digital outputs, (chips, batch, columns), without the offset of the correction."""
        total = None
        for pulses, weight in self._pulses(driven):
            if noise is None or not bank.noisy:
                part = bank.convert(bank.outputs(bank.currents(pulses)))
            else:
                reads = [bank.noisy_read(pulses, noise, self._next_read()) for _ in range(self.settings.averaged_reads)]
                part = reads[0] if len(reads) == 1 else torch.stack(reads).mean(0)
            part = part if weight == 1.0 else part * weight
            total = part if total is None else total + part
        assert total is not None
        return total

    def _next_read(self) -> int:
        self._reads += 1
        return self._reads - 1

    def __call__(self, inputs: Tensor) -> Tensor:
        """(chips, batch, inputs) to (chips, batch, outputs); each tile is converted before the digital sum."""
        driven = self._drive(inputs.to(torch.float64))
        self._remember(driven.detach())
        outputs = self._read(self.bank, self.bank.split(driven), self._draws) + self.bank.offset
        return outputs.to(inputs.dtype)

    def _remember(self, driven: Tensor) -> None:
        self.vectors += driven.shape[1]
        self._driven.append(driven)
        if len(self._driven) * driven.numel() > _REMEMBERED:
            self._take_moments()

    def _take_moments(self) -> None:
        if self._driven:
            joined = torch.cat(self._driven, 1)
            self._driven = []
            for pulses, _ in self._pulses(joined):
                self._second_moment += second_moment(pulses, self.settings.input_encoding)

    def reset(self) -> None:
        """Start the read noise again from its first draw, and forget the inputs seen."""
        self.vectors = 0
        self._driven = []
        self._second_moment = torch.zeros_like(self._second_moment)
        self._reads = 0

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def outputs(self) -> int:
        return len(self.spec.weights)

    @property
    def chips(self) -> int:
        return len(self.tiles[0].conductances)

    @property
    def conversions(self) -> int:
        """Pulses and conversions of each bit line in one read."""
        return pulses_a_read(self.settings.input_encoding, self.settings.input_bits) * self.settings.averaged_reads

    @property
    def rows(self) -> int:
        """Word lines of all bit slices: 34 for an LSTM of 15 units with 1 input and 1 bias in paired rows."""
        return sum(tile.shape[0] for tile in self.tiles if tile.place.columns.start == 0)

    @property
    def columns(self) -> int:
        """Bit lines of one bit slice: 60 for an LSTM of 15 units in paired rows."""
        return sum(tile.shape[1] for tile in self.tiles if tile.place.rows.start == 0 and tile.place.bit_slice == 0)

    def drive_power(self) -> Tensor:
        """(chips,): watts that the drivers deliver, as the mean over all inputs since the last ``reset``.

        Over the pulses of bit-serial inputs and over repeated reads it is the sum: each lasts for a read.
        """
        self._take_moments()
        total = self.ranges.new_zeros(self.chips)
        for tile in self.tiles:
            rows = tile.place.rows
            total = total + (tile.driver_power * self._second_moment[:, rows, rows]).sum((-2, -1))
        return total * self.settings.averaged_reads / max(self.vectors, 1)

    def physical(self, what: Sequence[Tensor]) -> Tensor:
        """One tensor (..., word lines, bit lines) a tile, put together as one map of the whole array."""
        bands: dict[tuple[int, int], list[Tensor]] = {}
        for tile, tensor in zip(self.tiles, what, strict=True):
            bands.setdefault((tile.place.bit_slice, tile.place.rows.start), []).append(tensor)
        return torch.cat([torch.cat(band, -1) for band in bands.values()], -2)


def _of_tile(maps: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    return {name.removeprefix(start): values for name, values in maps.items() if name.startswith(start)}


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
