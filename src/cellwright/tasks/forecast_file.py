"""What to forecast in a person's own file, as the options say it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cellwright.errors import CellwrightError
from cellwright.tasks.encoding import WindowShape

LOOKBACK = 16
"""Rows that a network sees where nobody says; up to twice as many to see a season."""


@dataclass(frozen=True, kw_only=True)
class ForecastFile:
    """What to forecast, in which file.

    Attributes:
        path: CSV or Parquet.
        target: the column to forecast.
        inputs: further columns, of which the past is seen.
        known: columns that are seen in the future too, such as holidays.
        time: the column of times; empty for rows without.
        lookback: rows that the network sees; 0 for the default.
        horizon: rows ahead that are forecast, all at once.
        season: length of a season in rows; 0 for none.
        test: the part of the rows, at the end, that is forecast as a test.
        delimiter: of a text file; empty for a comma (a tab for .tsv).

    Raises:
        CellwrightError: an option out of its range, a column named twice.
    """

    path: str
    target: str
    inputs: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    time: str = ""
    lookback: int = 0
    horizon: int = 1
    season: int = 0
    test: float = 0.2
    delimiter: str = ""

    def __post_init__(self) -> None:
        if not self.target:
            raise CellwrightError(f"which column of {self.path} is to be forecast? name it with --target")
        for name, least in (("lookback", 0), ("horizon", 1), ("season", 0)):
            if getattr(self, name) < least:
                raise CellwrightError(f"--{name} {getattr(self, name)}: expected {least} or more")
        if self.season == 1:
            raise CellwrightError(
                "--season 1 is none: expected the rows of a season, 12 for months with a year's season"
            )
        if not 0 < self.test < 1:
            raise CellwrightError(f"--test {self.test:g}: expected a fraction between 0 and 1, such as 0.2")
        named = (self.target, *self.inputs, *self.known, *((self.time,) if self.time else ()))
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise CellwrightError(f"column {twice!r} is named twice among --target, --inputs, --known and --time")

    @property
    def shape(self) -> WindowShape:
        """The windows that this asks for."""
        return WindowShape(
            target=self.target,
            inputs=self.inputs,
            known=self.known,
            lookback=self.lookback or min(max(LOOKBACK, self.season + 1), 2 * LOOKBACK),
            horizon=self.horizon,
            season=self.season,
        )

    def shape_for(self, rows: int) -> WindowShape:
        """The same for a file of so many rows: where nobody said how far to look back, no further than it bears."""
        shape = self.shape
        bearable = max(int((1 - self.test) * rows) // 8, 1)
        return shape if self.lookback else replace(shape, lookback=min(shape.lookback, bearable))
