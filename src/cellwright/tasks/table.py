"""Forecast a column of a person's own file: several steps ahead at once, from the past of it and of other columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cellwright.data import Table, read_table
from cellwright.errors import CellwrightError
from cellwright.learning import FitSettings, SequenceData, own_random_numbers
from cellwright.tasks import naive
from cellwright.tasks.encoding import Encoding, WindowShape
from cellwright.tasks.forecast_file import ForecastFile
from cellwright.tasks.forecaster import Forecaster
from cellwright.tasks.intervals import Interval
from cellwright.tasks.long_enough import check_long_enough
from cellwright.tasks.task import Baseline, Published, Recipe, Task, TrainingData, by_name
from cellwright.tasks.thinned import thinned

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

TRAINING_WINDOWS, FITTING_WINDOWS, PIECE = 20_000, 4_000, 2_000
"""The most windows to train on, those to fit scales on, and those that are read at a time."""

IN_MEMORY = 2**26
"""The most numbers that are held at a time: with a long season or horizon that means fewer windows."""

TEST_FORECASTS = 1_000
"""The most forecasts of a test, counting every lead."""


UPDATES = 1_500
"""The most steps of the optimiser, about."""


def open_rows(shape: WindowShape, path: str | Path, *, time: str, delimiter: str) -> Table:
    """The rows that windows are taken from; with known columns those may go on where the others have ended.

    Raises:
        CellwrightError: see ``read_table``.
    """
    unfinished = (shape.target, *shape.inputs) if shape.known else ()
    return read_table(path, shape.columns, time=time, delimiter=delimiter, unfinished=unfinished)


def last_window(shape: WindowShape, table: Table) -> Floats:
    """The window that sees the last rows, (1, shape.length, columns); what is not known of its future is NaN.

    Known columns that the file does not have so far ahead keep their last values.
    """
    seen = table.block(table.rows - shape.reach, table.rows + min(table.ahead, shape.horizon))
    window = np.full((shape.length, len(shape.columns)), np.nan)
    window[: len(seen)] = seen
    known = slice(len(shape.columns) - len(shape.known), None)
    window[len(seen) :, known] = seen[-1, known]
    return window[None]


def assumed_ahead(shape: WindowShape, table: Table) -> str:
    """What is taken for granted beyond the end of a file, in sentences; empty where nothing is.

    Known columns that the file does not have so far ahead, and times of rows that are not evenly spaced.
    """
    told = []
    if shape.known and table.ahead < shape.horizon:
        told.append(
            f"The file has {', '.join(shape.known)} for {table.ahead} of the {shape.horizon} rows beyond its end; "
            "after that they are taken to keep their last values."
        )
    if not table.is_even and table.ahead < shape.horizon:
        told.append(
            "The rows are not evenly spaced in time: each counts as one step, and times beyond the end go on by the "
            "usual step."
        )
    return " ".join(told)


def default_recipe(windows: int) -> Recipe:
    """How a table of so many training windows is learnt.

    Fewer windows take smaller batches and more epochs: 1,500 steps of the optimiser at most.
    """
    batch = min(max(2 ** round(math.log2(windows / 32)), 16), 128)
    epochs = min(max(UPDATES // -(-windows // batch), 4), 200)
    return Recipe(
        name="default",
        title="corrections of the best naive forecast",
        cell="lstm",
        hidden_size=12,
        training=FitSettings(
            epochs=epochs,
            optimizer="adamw",
            learning_rate=0.01,
            optimizer_options={"weight_decay": 0.3},
            batch_size=batch,
            clip_norm=1.0,
            patience=max(3, epochs // 4),
        ),
        shrink=True,
        source="chosen here, on the training parts of real series: docs/own-data.md",
    )


class TableTask(Task):
    """Forecasts of the end of a column from what was known before each row.

    Everything that is fitted or chosen comes from the rows before the test; the last fifth of them validates.
    Of a long file at most `TRAINING_WINDOWS` windows are trained on, and `TEST_FORECASTS` tested, evenly spread.

    Raises:
        CellwrightError: see ``read_table``; a file that is too short, a column that is constant.
    """

    metric = "rmse"
    default_recipe = "default"

    def __init__(self, file: ForecastFile) -> None:
        self.file = file
        self.table: Table = open_rows(file.shape, file.path, time=file.time, delimiter=file.delimiter)
        self.shape = file.shape_for(self.table.rows)
        self.name, self.unit, self.quantity = Path(file.path).name, "", file.target
        self.title = f"{file.target} of {self.name}"
        self.citation = ""
        self.data_source = f"{self.name}, {self.table.rows:,} rows, SHA-256 of its values {self.table.digest[:16]}"
        check_long_enough(file, self.table.rows)
        self._parts = _Parts.of(self.shape, self.table.rows, file.test)
        # At once, so that a column that cannot be used is refused before anything is written.
        fitted = bearable(FITTING_WINDOWS, self.shape.length * len(self.shape.columns))
        try:
            self.encoding = Encoding.fit(self.shape, self._windows(thinned(self._parts.training, fitted)))
        except CellwrightError as error:
            raise CellwrightError(f"{file.path}: {error}") from error
        self._most = bearable(TRAINING_WINDOWS, self.shape.lookback * self.encoding.features_per_step)

    @property
    def digest(self) -> str:
        """SHA-256 over the values of the file."""
        return self.table.digest

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        return by_name((default_recipe(min(len(self._parts.learnt), self._most)),))

    def build(self, recipe: Recipe, seed: int, cell: str = "") -> Forecaster:
        """A network whose first forecasts are the naive ones: its last layer begins at zero."""
        with own_random_numbers(torch.device("cpu"), seed):
            model = Forecaster(
                cell or recipe.cell, self.encoding.features_per_step, recipe.hidden_size, self.shape.horizon
            )
        nn.init.zeros_(model.dense.weight)
        nn.init.zeros_(model.dense.bias)
        return model

    def training_data(self, recipe: Recipe) -> TrainingData:
        return self._training

    @cached_property
    def _training(self) -> TrainingData:
        parts = self._parts
        learnt, validation, everything = (
            self._encoded(thinned(origins, self._most)) for origins in (parts.learnt, parts.validation, parts.training)
        )
        return TrainingData(learnt, validation, everything)

    def test_inputs(self, recipe: Recipe) -> Tensor:
        """The windows of the test, (origins, lookback, features)."""
        return self._test_inputs

    @cached_property
    def _test_inputs(self) -> Tensor:
        return self._features(self.test_origins)

    @cached_property
    def test_origins(self) -> Rows:
        """The last rows that the forecasts of the test see."""
        most = max(TEST_FORECASTS // self.shape.horizon, 100)
        return thinned(self._parts.test, most)

    @property
    def is_thinned(self) -> bool:
        """Whether some of the rows of the test are left out."""
        return len(self.test_origins) < len(self._parts.test)

    @property
    def test_note(self) -> str:
        """What of the file is tested, and what was not known, in a sentence; empty where all is plain."""
        notes = []
        if self.is_thinned:
            notes.append(
                f"Of {len(self._parts.test):,} rows that could be forecast as a test, {len(self.test_origins):,} are, "
                "evenly spread."
            )
        return " ".join(filter(None, (*notes, assumed_ahead(self.shape, self.table))))

    def forecast(self, outputs: Tensor, recipe: Recipe) -> Tensor:
        """``outputs`` (networks * origins, horizon) as forecasts (networks, origins * horizon), origin by origin."""
        count, horizon = len(self.test_origins), self.shape.horizon
        if outputs.dim() != 2 or outputs.shape[1] != horizon or len(outputs) % count or outputs.numel() == 0:
            raise CellwrightError(f"outputs of shape {tuple(outputs.shape)}: expected (networks * {count}, {horizon})")
        rows = outputs.detach().cpu().double().numpy().reshape(-1, count, horizon)
        return torch.from_numpy(self.encoding.decoded(rows, self._test_base).reshape(len(rows), -1))

    @cached_property
    def _test_base(self) -> Floats:
        return self._each(self.test_origins, self.encoding.base_forecast)

    @cached_property
    def observed(self) -> Floats:
        """What came of each forecast of the test, (origins, horizon)."""
        return self._each(self.test_origins, self._what_came)

    def metrics(self, forecasts: Tensor) -> dict[str, Tensor]:
        """Root mean square error of ``forecasts`` (..., origins * horizon), over all leads."""
        rmse = self.lead_errors(forecasts).square().mean(-1).sqrt()
        return {"rmse": rmse, "rmse_percent_of_range": 100 * rmse / self.value_range}

    def lead_errors(self, forecasts: Tensor) -> Tensor:
        """Root mean square error of ``forecasts`` (..., origins * horizon) by lead, (..., horizon)."""
        count, horizon = self.observed.shape
        if forecasts.dim() == 0 or forecasts.shape[-1] != count * horizon:
            raise CellwrightError(f"forecasts of shape {tuple(forecasts.shape)}: expected (..., {count} * {horizon})")
        found = forecasts.detach().cpu().double().reshape(*forecasts.shape[:-1], count, horizon)
        return (found - torch.from_numpy(self.observed)).square().mean(-2).sqrt()

    def baselines(self) -> dict[str, Baseline]:
        """The naive forecasts of the test."""
        return self._baselines

    @cached_property
    def _baselines(self) -> dict[str, Baseline]:
        return {rule.name: self._baseline(rule) for rule in naive.rules(self.shape.season)}

    def _baseline(self, rule: naive.Naive) -> Baseline:
        reach, horizon, season = self.shape.reach, self.shape.horizon, self.shape.season
        found = self._each(self.test_origins, lambda windows: rule.forecast(windows[:, :reach, 0], horizon, season))
        return Baseline(rule.name, rule.title, rule.written(horizon, season), torch.from_numpy(found.reshape(-1)))

    def published(self) -> tuple[Published, ...]:
        return ()

    @property
    def value_range(self) -> float:
        """Largest minus smallest value of the column."""
        return self.table.highest[0] - self.table.lowest[0]

    @cached_property
    def _beyond(self) -> Floats:
        return last_window(self.shape, self.table)

    @property
    def inputs_beyond(self) -> Tensor:
        """The window whose future lies beyond the end of the file, (1, lookback, features)."""
        return torch.from_numpy(self.encoding.features(self._beyond))

    def forecast_beyond(self, outputs: Tensor) -> Tensor:
        """``outputs`` (..., horizon) for ``inputs_beyond`` as forecasts of the rows to come."""
        base = self.encoding.base_forecast(self._beyond)[0]
        return torch.from_numpy(self.encoding.decoded(outputs.detach().cpu().double().numpy(), base))

    def interval(self, unseen: Sequence[nn.Module]) -> Interval:
        """Prediction intervals for the mean of networks that have not been trained on the validation rows."""
        origins = thinned(self._parts.validation, self._most)
        inputs = self.training_data(self.recipe()).validation
        assert inputs is not None, "validation rows are always held out"
        with torch.no_grad():
            outputs = torch.stack([network.eval()(inputs.inputs)[0] for network in unseen]).double().mean(0).numpy()
        forecasts = self.encoding.decoded(outputs, self._each(origins, self.encoding.base_forecast))
        relative = self.encoding.floor is not None
        return Interval.fit(self._each(origins, self._what_came), forecasts, relative=relative)

    def _what_came(self, windows: Floats) -> Floats:
        return windows[:, self.shape.reach :, 0]

    @property
    def period(self) -> str:
        """What a row is called."""
        return self.table.period

    @cached_property
    def _shown(self) -> Rows:
        """Rows for a picture: those of the first lead of the test, and as far apart some before."""
        tested = self.test_origins + 1
        apart = max(1, round(float(np.diff(tested).mean())))
        before = np.arange(tested[0] - apart, -1, -apart)[: 4 * len(tested)][::-1]
        return np.concatenate([before, tested])

    @cached_property
    def values(self) -> Tensor:
        """The column at the rows that are shown."""
        return torch.from_numpy(self.table.windows(self._shown, 1)[:, 0, 0])

    @cached_property
    def labels(self) -> list[str]:
        """The times of the rows that are shown."""
        return self.table.labels(self._shown)

    @property
    def test(self) -> slice:
        """The test among the rows that are shown."""
        return slice(len(self._shown) - len(self.test_origins), len(self._shown))

    def shown(self, forecasts: Tensor) -> Tensor:
        """The first lead of ``forecasts`` (..., origins * horizon)."""
        return forecasts[..., :: self.shape.horizon]

    def _encoded(self, origins: Rows) -> SequenceData:
        pieces = [
            (self.encoding.features(windows), self.encoding.targets(windows)) for windows in self._pieces(origins)
        ]
        inputs, targets = (torch.from_numpy(np.concatenate(parts)) for parts in zip(*pieces, strict=True))
        return SequenceData(inputs, targets)

    def _features(self, origins: Rows) -> Tensor:
        return torch.from_numpy(np.concatenate([self.encoding.features(w) for w in self._pieces(origins)]))

    def _each(self, origins: Rows, rule: Callable[[Floats], Floats]) -> Floats:
        return np.concatenate([rule(windows) for windows in self._pieces(origins)])

    def _pieces(self, origins: Rows) -> Iterator[Floats]:
        """Windows a piece at a time: a long season makes them large."""
        piece = bearable(PIECE, self.shape.length * len(self.shape.columns))
        for start in range(0, len(origins), piece):
            yield self._windows(origins[start : start + piece])

    def _windows(self, origins: Rows) -> Floats:
        return self.table.windows(origins - self.shape.reach + 1, self.shape.length)


@dataclass(frozen=True)
class _Parts:
    """The origins of forecasts, the last row that each sees: to learn from, to validate by, both, and to test."""

    learnt: range
    validation: range
    training: range
    test: range

    @classmethod
    def of(cls, shape: WindowShape, rows: int, test: float) -> _Parts:
        first_test, horizon = rows - round(test * rows), shape.horizon
        training = range(shape.reach - 1, first_test - horizon)
        split = len(training) - len(training) // 5
        learnt = training[: max(split - horizon + 1, 0)]
        return cls(learnt, training[split:], training, range(first_test - 1, rows - horizon))


def bearable(windows: int, numbers: int) -> int:
    """So many windows of so many numbers each, or as many fewer as `IN_MEMORY` takes, but some."""
    return max(min(windows, IN_MEMORY // numbers), 10)
