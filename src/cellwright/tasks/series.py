"""Tasks that forecast a series one step ahead: windows, scaling and errors, for any series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from cellwright.errors import CellwrightError
from cellwright.learning import SequenceData, own_random_numbers
from cellwright.tasks.forecaster import Forecaster, Head
from cellwright.tasks.task import Baseline, Recipe, Task, TrainingData
from cellwright.tasks.transforms import Step, Transformed, transformed


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which earlier values a forecast sees (many-to-one).

    ``steps`` time steps, ``stride`` months apart; the last of them holds the values ``lags`` months before the
    forecast month, one feature each. The lags must be at least 1: a month never sees itself.
    ``complete``: how many of the last steps must lie within the known series (None: all); a value before it is 0,
    which a centred transform makes the mean.
    """

    steps: int
    lags: tuple[int, ...] = (1,)
    stride: int = 1
    complete: int | None = None

    def __post_init__(self) -> None:
        if self.steps < 1 or self.stride < 1:
            raise CellwrightError(f"Window(steps={self.steps}, stride={self.stride}): expected integers above 0")
        if not self.lags or min(self.lags) < 1:
            raise CellwrightError(f"Window(lags={self.lags}): expected lags of at least 1")
        if self.complete is not None and not 1 <= self.complete <= self.steps:
            raise CellwrightError(f"Window(complete={self.complete}): expected 1 to {self.steps} or None")

    def offsets(self) -> Tensor:
        """How many months before the forecast month each value lies, (steps, features)."""
        ages = self.stride * torch.arange(self.steps - 1, -1, -1)
        return ages[:, None] + torch.tensor(self.lags)

    def reach(self) -> int:
        """The months before a forecast month that must be known."""
        complete = self.steps if self.complete is None else self.complete
        return int(self.offsets()[-complete:].max())

    def inputs(self, values: Tensor, months: Tensor) -> Tensor:
        """The windows of ``values`` (all months) that forecast ``months`` (count,): (count, steps, features)."""
        at = months[:, None, None] - self.offsets()
        return values[at.clamp(min=0)].masked_fill(at < 0, 0.0).nan_to_num(nan=0.0)


@dataclass(frozen=True, kw_only=True)
class SeriesRecipe(Recipe):
    """How a series is learnt.

    window: what a forecast sees; None runs over the whole series with a forecast at every step (many-to-many).
    transform: steps from the series to what the network sees, fitted on the training part.
    validation: how many months at the end of the training part are held out to choose the number of epochs by.
    """

    window: Window | None
    transform: tuple[Step, ...]
    head: Head = "linear"
    validation: int = 0


class SeriesTask(Task):
    """One-step forecasts of the end of a series from all that was observed before each month.

    A task gives ``series`` (months), the number of ``training`` months, and its text; everything fitted or chosen
    comes from the training months. The rest is tested.
    """

    series: tuple[float, ...]
    labels: tuple[str, ...]
    training: int
    period: str
    metric = "rmse"

    @cached_property
    def values(self) -> Tensor:
        """The series in its unit, float64 (months,)."""
        return torch.tensor(self.series, dtype=torch.float64)

    @property
    def test(self) -> slice:
        """The months that are forecast."""
        return slice(self.training, len(self.series))

    @property
    def value_range(self) -> float:
        """Largest minus smallest value of the whole series, by which an error is put in per cent."""
        return max(self.series) - min(self.series)

    def shown(self, forecasts: Tensor) -> Tensor:
        """The forecasts that stand beside the series: all of them."""
        return forecasts

    def build(self, recipe: Recipe, seed: int, cell: str = "") -> Forecaster:
        recipe = _series_recipe(recipe)
        features = 1 if recipe.window is None else len(recipe.window.lags)
        with own_random_numbers(torch.device("cpu"), seed):
            return Forecaster(
                cell or recipe.cell, features, recipe.hidden_size, every_step=recipe.window is None, head=recipe.head
            )

    def training_data(self, recipe: Recipe) -> TrainingData:
        """What to train on.

        Raises:
            CellwrightError: a recipe that leaves nothing to train on or to validate by.
        """
        recipe = _series_recipe(recipe)
        first, split = self._first_target(recipe), self.training - recipe.validation
        if recipe.validation < 0 or split <= first:
            raise CellwrightError(
                f"recipe {recipe.name!r} has {self.training - first} months to train on and holds out "
                f"{recipe.validation}: hold out fewer, or look back less"
            )
        if recipe.window is None:
            return self._whole(recipe, first, split)
        train, held_out = self._windows(recipe, first, split), None
        if recipe.validation:
            held_out = self._windows(recipe, split, self.training)
        return TrainingData(train, held_out, self._windows(recipe, first, self.training))

    def test_inputs(self, recipe: Recipe) -> Tensor:
        """The windows of the test months (months, steps, features), or the whole series (1, months - 1, 1)."""
        return self.test_data(recipe).inputs

    def test_data(self, recipe: Recipe) -> SequenceData:
        """The inputs for the test months, and as targets the outputs of a network without error."""
        recipe = _series_recipe(recipe)
        if recipe.window is None:
            return self._whole(recipe, self._first_target(recipe), len(self.series)).train
        return self._windows(recipe, self.training, len(self.series))

    def forecast(self, outputs: Tensor, recipe: Recipe) -> Tensor:
        """``outputs`` for ``test_inputs`` as forecasts (networks, test months) in the unit of the series, float64.

        Raises:
            CellwrightError: outputs of another shape.
        """
        recipe = _series_recipe(recipe)
        months = torch.arange(self.training, len(self.series))
        count = len(months)
        if recipe.window is None:
            expected = f"(networks, {len(self.series) - self._first_target(recipe)}, 1)"
            fits = outputs.dim() == 3 and outputs.shape[1:] == (len(self.series) - self._first_target(recipe), 1)
        else:
            expected = f"(networks * {count}, 1)"
            fits = outputs.dim() == 2 and outputs.shape[1] == 1 and len(outputs) % count == 0
        if not fits or outputs.numel() == 0:
            raise CellwrightError(f"outputs of shape {tuple(outputs.shape)}: recipe {recipe.name!r} gives {expected}")
        rows = outputs[:, -count:, 0] if recipe.window is None else outputs.reshape(-1, count)
        return self._transformed(recipe).inverse(rows.detach().cpu().double(), months)

    def metrics(self, forecasts: Tensor) -> dict[str, Tensor]:
        """Root mean square error of ``forecasts`` (..., test months), in the series' unit and in per cent of its range.

        Raises:
            CellwrightError: not one forecast a test month.
        """
        observed = self.values[self.test]
        if forecasts.dim() == 0 or forecasts.shape[-1] != len(observed):
            raise CellwrightError(
                f"forecasts of shape {tuple(forecasts.shape)}: expected one for each of the {len(observed)} test months"
            )
        rmse = (forecasts.detach().cpu().double() - observed).square().mean(-1).sqrt()
        return {"rmse": rmse, "rmse_percent_of_range": 100 * rmse / self.value_range}

    def baseline(
        self, name: str, title: str, formula: str, rule: Callable[[Callable[[int], Tensor]], Tensor]
    ) -> Baseline:
        """A baseline from its rule, which is given ``y(lag)``: the observed values ``lag`` months before the test."""

        def before(lag: int) -> Tensor:
            return self.values[self.training - lag : len(self.series) - lag]

        return Baseline(name, title, formula, rule(before))

    def _transformed(self, recipe: SeriesRecipe) -> Transformed:
        return transformed(self.values, recipe.transform, self.training)

    def _first_target(self, recipe: SeriesRecipe) -> int:
        """The first month that can be forecast."""
        known = int(self._transformed(recipe).values.isnan().sum())
        return known + (1 if recipe.window is None else recipe.window.reach())

    def _windows(self, recipe: SeriesRecipe, start: int, stop: int) -> SequenceData:
        assert recipe.window is not None
        values, months = self._transformed(recipe).values, torch.arange(start, stop)
        inputs = recipe.window.inputs(values, months)
        dtype = torch.get_default_dtype()
        return SequenceData(inputs.to(dtype), values[months, None].to(dtype))

    def _whole(self, recipe: SeriesRecipe, first: int, split: int) -> TrainingData:
        """Pairs (value, next value) in one sequence; validation runs through it all and counts its end alone."""
        values = self._transformed(recipe).values.to(torch.get_default_dtype())[None, :, None]

        def pairs(stop: int, mask: Tensor | None = None) -> SequenceData:
            return SequenceData(values[:, first - 1 : stop - 1], values[:, first:stop], mask)

        held_out = None
        if recipe.validation:
            months = torch.arange(first, self.training)
            held_out = pairs(self.training, (months >= split)[None])
        return TrainingData(pairs(split), held_out, pairs(self.training))


def _series_recipe(recipe: Recipe) -> SeriesRecipe:
    if not isinstance(recipe, SeriesRecipe):
        raise CellwrightError(f"recipe {recipe.name!r} is no recipe for a series: expected a SeriesRecipe")
    return recipe
