"""All tiles of a weight matrix read at once: one batched product for the tiles of every band.

A band is the tiles that share their inputs: a cut of the rows, in one bit slice. Bands of fewer rows than the longest
are filled up with rows that weigh nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

import torch

from cellwright.crossbar.converters import levels_of, polynomial, to_codes
from cellwright.crossbar.draws import Draws
from cellwright.crossbar.read_ir import read_with_noise
from cellwright.crossbar.read_noise import NoiseForm
from cellwright.crossbar.settings import ChipSettings
from cellwright.crossbar.tile import AnalogTile

Tensor = torch.Tensor


class Bank:
    """Tiles of one weight matrix, as they are now.

    Args:
        tiles: band after band, each from left to right.

    Attributes:
        offset: (chips, 1, columns): to be added once to the sum of a read's conversions.
    """

    def __init__(self, tiles: Sequence[AnalogTile], settings: ChipSettings) -> None:
        self.layout, self._pulse_width = tiles[0].layout, settings.input_encoding == "pulse-width"
        bands = [list(band) for _, band in groupby(tiles, lambda tile: (tile.place.bit_slice, tile.place.rows.start))]
        self._bands = bands
        self._lines = [tile.shape[1] for tile in bands[0]]
        self._rows = _rows_of(bands)
        self._linear = self._matrices([tile.response.linear for tile in tiles])
        self._constant = self._line([tile.response.constant for tile in tiles])
        self._curved = self._curves([tile.response.curved for tile in tiles])
        self._noise = self._noise_form([tile.response.noise for tile in tiles])
        self._nonlinear = not all(tile.linear for tile in tiles)
        bits = settings.output_bits
        self._levels = None if bits is None else levels_of(bits)
        unit = self._levels or 1.0
        self._to_code = self._column(lambda tile: unit / (tile.scale * tile.full_scale)).contiguous()
        self._of_code = self._column(lambda tile: tile.full_scale * tile.gain / unit).contiguous()
        self.offset = self._column(lambda tile: tile.offset).sum(1)
        self._errors = self._converter_errors()
        self._in_one_pass = self.layout.along == "rows" and self._errors is None

    def split(self, inputs: Tensor) -> Tensor:
        """(chips, batch, rows), with the bias row, to the rows of each band: (chips, bands, batch, rows)."""
        return inputs[:, None] if self._rows is None else inputs[..., self._rows].transpose(1, 2)

    def currents(self, inputs: Tensor) -> Tensor:
        """What the bit lines carry without noise, (chips, bands, batch, lines) siemens, for inputs from ``split``."""
        return self._driven(inputs) + self._constant

    def _driven(self, inputs: Tensor) -> Tensor:
        """The part of the currents that the inputs drive."""
        if self._nonlinear and not self._linear.requires_grad and not inputs.requires_grad:
            return self._solved(inputs) - self._constant
        found = torch.matmul(inputs, self._linear)
        if self._curved is not None:
            squares = inputs.square()
            found = found + squares @ self._curved[0] + (squares * inputs) @ self._curved[1]
        return found

    def _solved(self, inputs: Tensor) -> Tensor:
        """Tile by tile: devices that are not linear have no matrix."""
        found = []
        for index, band in enumerate(self._bands):
            rows = inputs[:, index, :, : band[0].place.shape[0]]
            found.append(torch.cat([tile.solve(rows) for tile in band], -1))
        return torch.stack(found, 1)

    @property
    def noisy(self) -> bool:
        return self._noise is not None

    def noise_variance(self, inputs: Tensor, currents: Tensor) -> Tensor:
        """Of one read, (chips, bands, batch, lines) siemens squared."""
        assert self._noise is not None
        return self._noise.variance(inputs, currents - self._constant, pulse_width=self._pulse_width)

    def noisy_read(self, inputs: Tensor, draws: Draws, step: int) -> Tensor:
        """Currents with the noise of one read, converted: (chips, batch, columns) without the offset.

        Args:
            inputs: from ``split``.
            draws: of the array.
            step: number of the read.
        """
        driven = self._driven(inputs)
        assert self._noise is not None
        if self._in_one_pass and not driven.requires_grad and driven.device.type == "cpu":
            own, cross = self._noise.products(inputs, pulse_width=self._pulse_width)
            return read_with_noise(
                driven, self._constant, own, cross, self._noise.level, self._to_code, self._of_code, self._levels,
                draws.keys("read_noise"), step,
            )  # fmt: skip
        currents = driven + self._constant
        with torch.no_grad():
            deviation = self.noise_variance(inputs, currents).sqrt_()
            noise = draws.normal("read_noise", step, currents[0].numel()).reshape(currents.shape)
        return self.convert(self.outputs(torch.addcmul(currents, noise, deviation)))

    def outputs(self, lines: Tensor) -> Tensor:
        """Currents of the bit lines to those that are converted, (chips, bands, batch, columns)."""
        if self.layout.along == "rows":
            return lines
        return torch.cat([self.layout.combine(part) for part in lines.split(self._lines, -1)], -1)

    def convert(self, outputs: Tensor) -> Tensor:
        """Through the output converters and the gain of the correction; the sum over bands, (chips, batch, columns)."""
        codes = outputs * self._to_code
        if self._errors is not None:
            unit = self._levels or 1
            codes = polynomial(self._errors, codes / unit) * unit
        if self._levels is not None:
            codes = to_codes(codes, self._levels)
        return (codes * self._of_code).sum(1)

    def _matrices(self, parts: Sequence[Tensor]) -> Tensor:
        """One tensor (chips, rows, lines) a tile as (chips, bands, rows, lines), filled up with zeros."""
        left = iter(parts)
        wide = [torch.cat([next(left) for _ in band], -1) for band in self._bands]
        longest = max(band.shape[1] for band in wide)
        return torch.stack([torch.nn.functional.pad(band, (0, 0, 0, longest - band.shape[1])) for band in wide], 1)

    def _line(self, parts: Sequence[Tensor]) -> Tensor:
        """One tensor (chips, lines) a tile as (chips, bands, 1, lines)."""
        return self._matrices([part[:, None] for part in parts])

    def _column(self, part: Callable[[AnalogTile], Tensor]) -> Tensor:
        """(chips, bands, 1, columns) from tensors that broadcast to (chips, 1, columns)."""

        def whole(tile: AnalogTile) -> Tensor:
            return part(tile).expand(len(tile.conductances), 1, tile.place.shape[1])

        return torch.stack([torch.cat([whole(tile) for tile in band], -1) for band in self._bands], 1)

    def _curves(self, parts: Sequence[tuple[Tensor, Tensor] | None]) -> tuple[Tensor, Tensor] | None:
        squares, cubes = ([part[power] for part in parts if part is not None] for power in (0, 1))
        return (self._matrices(squares), self._matrices(cubes)) if squares else None

    def _noise_form(self, forms: Sequence[NoiseForm | None]) -> NoiseForm | None:
        own = [form.own for form in forms if form is not None]
        if not own:
            return None
        cross = [form.cross for form in forms if form is not None and form.cross is not None]
        level = [form.level for form in forms if form is not None and form.level is not None]
        found = NoiseForm(
            self._matrices(own),
            self._matrices(cross) if cross else None,
            self._line(level)[:, :, 0] if level else None,
        )
        return found.single()

    def _converter_errors(self) -> Tensor | None:
        """(4, chips, bands, 1, columns): one converter a tile."""
        if self._bands[0][0].output_errors is None:
            return None

        def coefficient(power: int) -> Callable[[AnalogTile], Tensor]:
            return lambda tile: tile.output_errors[power][:, None, None]  # type: ignore[index]  # checked above

        return torch.stack([self._column(coefficient(power)) for power in range(4)])


def _rows_of(bands: Sequence[Sequence[AnalogTile]]) -> Tensor | None:
    """(bands, rows): which row of the matrix each row of each band is; None where all bands have all of them."""
    rows = [band[0].place.rows for band in bands]
    if len(rows) == 1:
        return None
    longest = max(part.stop - part.start for part in rows)
    place = torch.arange(longest, device=bands[0][0].scale.device)
    return torch.stack([(part.start + place).clamp(max=part.stop - 1) for part in rows])
