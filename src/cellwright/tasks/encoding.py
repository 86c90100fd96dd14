"""From rows of a table to what a network sees, and from its outputs back to the unit of the target.

The network corrects the naive forecast that is best on the training rows: it sees bounded features of a window of the
past, and its outputs count in the spread of what that forecast misses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellwright.errors import CellwrightError, shown
from cellwright.tasks import naive
from cellwright.tasks.plain_values import PlainValues
from cellwright.tasks.scales import scale_of

Floats = NDArray[np.float64]

WANDERING = 0.08
"""A series whose changes are that small a part of its spread, or smaller, wanders: its level tells the network nothing,
and soon lies where no training row was."""

BOUND = 4.0
"""Features are cut at so many standard deviations: the converters of a chip have a range."""


@dataclass(frozen=True, kw_only=True)
class WindowShape:
    """What a forecast is made from.

    Attributes:
        target: the column that is forecast.
        inputs: further columns, of which the past is seen.
        known: columns that are seen in the future too.
        lookback: time steps that the network sees.
        horizon: time steps that are forecast, all at once.
        season: the length of a season in rows; 0 for none.
    """

    target: str
    inputs: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    lookback: int
    horizon: int = 1
    season: int = 0

    @classmethod
    def of(cls, given: PlainValues) -> WindowShape:
        """From its fields as plain values.

        Raises:
            CellwrightError: they are not that.
        """
        shape = cls(
            target=given.text("target"),
            inputs=given.texts("inputs"),
            known=given.texts("known"),
            lookback=given.whole("lookback", 1),
            horizon=given.whole("horizon", 1),
            season=given.whole("season", 0),
        )
        if len(set(shape.columns)) < len(shape.columns):
            raise CellwrightError(f"{given.where}columns has one of them twice: expected each once")
        return shape

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in the order in which blocks of rows have them."""
        return (self.target, *self.inputs, *self.known)

    @property
    def seasons(self) -> int:
        """The rows of as many whole seasons as the horizon needs; 0 without a season."""
        return self.season * -(-self.horizon // self.season) if self.season else 0

    @property
    def reach(self) -> int:
        """The rows up to the origin of a forecast that must be there."""
        return self.lookback + self.seasons + 1

    @property
    def length(self) -> int:
        """The rows of a whole window: those up to the origin, and those that are forecast."""
        return self.reach + self.horizon


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """A window's features and the meaning of the outputs, fitted on training windows.

    Attributes:
        shape: of the windows.
        floor: where the logarithm of the target is forecast: values below it count as it. None without a logarithm.
        base: the name of the naive forecast that is corrected.
        spread: standard deviation of what the base misses, by lead, (horizon,).
        centre, scale: of each feature, by name.
    """

    shape: WindowShape
    floor: float | None
    base: str
    spread: tuple[float, ...]
    centre: Mapping[str, float]
    scale: Mapping[str, float]

    @classmethod
    def fit(cls, shape: WindowShape, windows: Floats) -> Encoding:
        """Fit to training ``windows`` (count, shape.length, columns).

        Raises:
            CellwrightError: a column that is constant.
        """
        _check_varies(shape, windows)
        each_once = np.concatenate([windows[0, : shape.reach, 0], windows[1:, shape.reach - 1, 0]])
        floor = _floor(each_once, windows[..., 0].min())
        target = _logarithm(windows[..., 0], floor)
        past, came = target[:, : shape.reach], target[:, shape.reach :]
        misses = {
            rule.name: came - rule.forecast(past, shape.horizon, shape.season) for rule in naive.rules(shape.season)
        }
        base = min(misses, key=lambda name: float(np.square(misses[name]).mean()))
        signals = _signals(shape, base, past, windows)
        value, change = _own("value"), _own("change")
        if not shape.season and signals[change].std() < WANDERING * signals[value].std():
            del signals[value]
        largest = np.abs(target).max()
        of_others = _largest_of_others(shape, windows)
        # The zero of a change or a distance has a meaning; that of a value has none.
        centred = {value, *of_others}
        return cls(
            shape=shape,
            floor=floor,
            base=base,
            spread=tuple(scale_of(misses[base], largest, axis=0).tolist()),
            centre={name: float(values.mean()) if name in centred else 0.0 for name, values in signals.items()},
            scale={name: float(scale_of(values, of_others.get(name, largest))) for name, values in signals.items()},
        )

    @property
    def features_per_step(self) -> int:
        """Numbers that a time step of the network's input has."""
        return len(self.scale)

    def features(self, windows: Floats) -> NDArray[np.float32]:
        """What the network sees of ``windows`` (count, reach or length, columns): (count, lookback, features).

        Raises:
            CellwrightError: this was made with features that there are no more.
        """
        past = _logarithm(windows[:, : self.shape.reach, 0], self.floor)
        signals = _signals(self.shape, self.base, past, windows)
        if unknown := self.scale.keys() - signals.keys():
            raise CellwrightError(f"no feature is called {shown(min(unknown))}")
        scaled = [(signals[name] - self.centre[name]) / self.scale[name] for name in self.scale]
        return np.stack(scaled, axis=-1).clip(-BOUND, BOUND).astype(np.float32)

    def base_forecast(self, windows: Floats) -> Floats:
        """The naive forecast that the network corrects, (count, horizon), a logarithm where that is forecast."""
        past = _logarithm(windows[:, : self.shape.reach, 0], self.floor)
        return _rule(self.base).forecast(past, self.shape.horizon, self.shape.season)

    def targets(self, windows: Floats) -> NDArray[np.float32]:
        """The outputs of a network without error, (count, horizon)."""
        misses = _logarithm(windows[:, self.shape.reach :, 0], self.floor) - self.base_forecast(windows)
        return (misses / np.asarray(self.spread)).astype(np.float32)

    def decoded(self, outputs: Floats, base: Floats) -> Floats:
        """Outputs (..., count, horizon) as forecasts in the unit of the target, given their ``base_forecast``."""
        found = np.asarray(base + outputs * np.asarray(self.spread))
        return found if self.floor is None else np.exp(found)

    def plain(self) -> dict[str, Any]:
        """As numbers, text, lists and dicts; ``Encoding.of`` is the inverse."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Encoding:
        """From what ``plain`` gave, through JSON or not.

        Raises:
            CellwrightError: it is not that.
        """
        given = PlainValues(plain, "encoding.")
        shape = WindowShape.of(given.part("shape"))
        if given.text("base") not in {rule.name for rule in naive.rules(shape.season)}:
            raise given.wrong("base", "a naive forecast that this season allows")
        scale, centre = given.by_name("scale", above_zero=True), given.by_name("centre")
        if scale.keys() != centre.keys() or not scale:
            raise given.wrong("scale", "the features of encoding.centre")
        if lacking := {*shape.inputs, *shape.known} - scale.keys():
            raise given.wrong("scale", f"a feature {shown(min(lacking))} among others")
        return cls(
            shape=shape,
            floor=None if given.value("floor") is None else given.number("floor", above_zero=True),
            base=given.text("base"),
            spread=given.numbers("spread", shape.horizon, above_zero=True),
            centre=centre,
            scale=scale,
        )


def _check_varies(shape: WindowShape, windows: Floats) -> None:
    for index, name in enumerate(shape.columns):
        values = windows[..., index]
        if not np.ptp(values) > 0:
            what = (
                "nothing to forecast; choose another --target" if index == 0 else "leave it out of --inputs and --known"
            )
            raise CellwrightError(
                f"column {shown(name)} is constant in the training part ({values.flat[0]:g} in every row): {what}"
            )


def _signals(shape: WindowShape, base: str, past: Floats, windows: Floats) -> dict[str, Floats]:
    """The features before they are scaled, by name, (count, lookback) each.

    ``past`` is the target, or its logarithm, (count, reach). A step at row i has the value y[i], its change from the
    row before, its distance from the last value y[t]; with a season, what followed a season ago, the change since then,
    and what the base would have missed at that row.

    Raises:
        CellwrightError: two would have one name.
    """
    steps, season = shape.lookback, shape.season

    def back(rows: int) -> Floats:
        """The window so many rows earlier."""
        end = past.shape[1] - rows
        return past[:, end - steps : end]

    own = {"value": back(0), "change": back(0) - back(1), "distance": back(0) - past[:, -1:]}
    if season:
        for lead in dict.fromkeys((1, shape.horizon)):
            seasons = season * -(-lead // season)
            own[f"{lead} ahead, a season ago,"] = back(seasons - lead) - back(seasons)
        if base != "seasonal_naive":
            own["change in a season"] = back(0) - back(season)
        if base == "seasonal_naive":
            own["missed by the base"] = back(0) - back(season)
        elif base == "seasonal_difference":
            own["missed by the base"] = back(0) - back(season) - back(1) + back(season + 1)
    signals = {_own(name): values for name, values in own.items()}
    for name, (index, lead) in _others(shape).items():
        if name in signals:
            raise CellwrightError(f"column {name!r} is called as a feature of the target is: give it another name")
        start = shape.reach - steps + lead
        signals[name] = windows[:, start : start + steps, index]
    return signals


def _own(name: str) -> str:
    """What a feature of the target is called: a column of the file may well have the plain name."""
    return f"{name} of the target"


def _others(shape: WindowShape) -> dict[str, tuple[int, int]]:
    """The features that are other columns, by name: which column, and how many rows ahead."""
    found: dict[str, tuple[int, int]] = {}
    for index, name in enumerate(shape.columns[1:], start=1):
        ahead = shape.horizon if name in shape.known else 0
        found |= {name: (index, 0)} | {f"{name}, {lead} ahead": (index, lead) for lead in range(1, ahead + 1)}
    if len(found) < len(shape.inputs) + len(shape.known) * (1 + shape.horizon):
        raise CellwrightError("a column is called as another one some rows ahead, 'NAME, 1 ahead': rename it")
    return found


def _largest_of_others(shape: WindowShape, windows: Floats) -> dict[str, float]:
    """The largest magnitude of the column that each feature is, by name."""
    largest = np.abs(windows).max(axis=(0, 1))
    return {name: float(largest[index]) for name, (index, _) in _others(shape).items()}


def _rule(name: str) -> naive.Naive:
    return next(rule for rule in naive.RULES if rule.name == name)


def _floor(values: Floats, lowest: float) -> float | None:
    """Where logarithms end, if the logarithm of the target is to be forecast: for positive values with a long tail.

    The rule was chosen on training parts of real series: the skewness is above a half, and the logarithm halves it.
    """
    if not lowest > 0:
        return None
    skewness, of_logarithm = _skewness(values), _skewness(np.log(values))
    return lowest / 10 if skewness > 0.5 and abs(of_logarithm) < skewness / 2 else None


def _skewness(values: Floats) -> float:
    deviation = values - values.mean()
    return float((deviation**3).mean() / max(float(deviation.std()) ** 3, np.finfo(float).tiny))


def _logarithm(values: Floats, floor: float | None) -> Floats:
    return values if floor is None else np.log(np.maximum(values, floor))
