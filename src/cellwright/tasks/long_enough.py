"""Whether a file has rows enough for what is asked of it, and how many would be enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellwright.errors import CellwrightError

if TYPE_CHECKING:
    from cellwright.tasks.forecast_file import ForecastFile

FEWEST = 10
"""The fewest windows to learn from; validation and test have a fifth of them at least."""


def check_long_enough(file: ForecastFile, rows: int) -> None:
    """
    Raises:
        CellwrightError: too few rows for any part.
    """

    def enough(rows: int) -> bool:
        """As ``TableTask`` divides them."""
        shape, tested = file.shape_for(rows), round(file.test * rows)
        training = rows - tested - shape.horizon - shape.reach + 1
        learnt = training - training // 5 - shape.horizon + 1
        return min(learnt, 5 * (training // 5), 5 * (tested - shape.horizon + 1)) >= FEWEST

    if enough(rows):
        return
    shape, few, many = file.shape_for(rows), rows, 2 * rows
    while not enough(many):
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    season = f" and a season of {shape.season:,}" if shape.season else ""
    raise CellwrightError(
        f"{file.path} has {rows:,} row{'s' * (rows != 1)}, expected {many:,} or more for a look-back of "
        f"{shape.lookback:,}, a horizon of {shape.horizon:,}{season} with a test of {100 * file.test:g} % of the rows: "
        "give a longer file, or other --lookback, --horizon, --season or --test"
    )
