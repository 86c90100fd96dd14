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

from cellwright.errors import CellwrightError
from cellwright.tasks import naive

Floats = NDArray[np.float64]

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

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in the order in which blocks of rows have them."""
        return (self.target, *self.inputs, *self.known)

    @property
    def reach(self) -> int:
        """The rows up to the origin of a forecast that must be there."""
        return self.lookback + max(self.season, 1)

    @property
    def length(self) -> int:
        """The rows of a whole window: those up to the origin, and those that are forecast."""
        return self.reach + self.horizon

    @property
    def features(self) -> int:
        """Numbers a time step of the network's input has."""
        seasonal = 4 if self.season else 0
        return 2 + seasonal + len(self.inputs) + len(self.known) * self.horizon


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """A window's features and the meaning of the outputs, fitted on training windows.

    Attributes:
        shape: of the windows.
        base: the name of the naive forecast that is corrected.
        spread: standard deviation of what the base misses, by lead, (horizon,).
        centre, scale: of each column but the target, by name.
        level: standard deviation of the target's distance from the window's last value.
        step, season_step: standard deviations of its differences from the row before, and from a season before.
    """

    shape: WindowShape
    base: str
    spread: tuple[float, ...]
    centre: Mapping[str, float]
    scale: Mapping[str, float]
    level: float
    step: float
    season_step: float

    @classmethod
    def fit(cls, shape: WindowShape, windows: Floats) -> Encoding:
        """Fit to training ``windows`` (count, shape.length, columns).

        Raises:
            CellwrightError: a column that is constant.
        """
        target, past = windows[..., 0], windows[:, : shape.reach]
        _check_varies(shape, windows)
        misses = {
            rule.name: target[:, shape.reach :] - rule.forecast(past[..., 0], shape.horizon, shape.season)
            for rule in naive.rules(shape.season)
        }
        base = min(misses, key=lambda name: float(np.square(misses[name]).mean()))
        others = {name: windows[..., index] for index, name in enumerate(shape.columns) if index}
        distances = past[:, -shape.lookback :, 0] - past[:, -1:, 0]
        lag = shape.season or 1
        return cls(
            shape=shape,
            base=base,
            spread=tuple(_spread(misses[base], axis=0).tolist()),
            centre={name: float(values.mean()) for name, values in others.items()},
            scale={name: float(_spread(values)) for name, values in others.items()},
            level=float(_spread(distances)),
            step=float(_spread(np.diff(target))),
            season_step=float(_spread(target[:, lag:] - target[:, :-lag])),
        )

    def features(self, windows: Floats) -> NDArray[np.float32]:
        """What the network sees of ``windows`` (count, reach or length, columns): (count, lookback, features)."""
        shape = self.shape
        seen = slice(shape.reach - shape.lookback, shape.reach)
        target = windows[:, : shape.reach, 0]
        parts = [
            (target[:, seen] - target[:, -1:]) / self.level,
            np.diff(target, axis=1)[:, -shape.lookback :] / self.step,
        ]
        if shape.season:
            parts += self._seasonal(target)
        for index, name in enumerate(shape.columns[1:], start=1):
            scaled = (windows[..., index] - self.centre[name]) / self.scale[name]
            if name in shape.known:
                parts += [scaled[:, seen.start + h : seen.stop + h] for h in range(1, shape.horizon + 1)]
            else:
                parts.append(scaled[:, seen])
        return np.stack(parts, axis=-1).clip(-BOUND, BOUND).astype(np.float32)

    def _seasonal(self, target: Floats) -> list[Floats]:
        season, steps = self.shape.season, self.shape.lookback
        changes = (target[:, season:] - target[:, :-season])[:, -steps:]
        following = (target[:, 1:] - target[:, :-1])[:, -steps - season + 1 :][:, :steps] if season > 1 else changes
        slow = np.diff(target[:, season:] - target[:, :-season], axis=1)[:, -steps:]
        slow = np.concatenate([np.zeros((len(target), steps - slow.shape[1])), slow], axis=1)
        ahead = target[:, -season:][:, :1] - target[:, -1:]
        return [
            changes / self.season_step,
            following / self.step,
            slow / self.step,
            np.repeat(ahead, steps, axis=1) / self.level,
        ]

    def base_forecast(self, windows: Floats) -> Floats:
        """The naive forecast that the network corrects, (count, horizon)."""
        rule = next(rule for rule in naive.RULES if rule.name == self.base)
        return rule.forecast(windows[:, : self.shape.reach, 0], self.shape.horizon, self.shape.season)

    def targets(self, windows: Floats) -> NDArray[np.float32]:
        """The outputs of a network without error, (count, horizon)."""
        misses = windows[:, self.shape.reach :, 0] - self.base_forecast(windows)
        return (misses / np.asarray(self.spread)).astype(np.float32)

    def decoded(self, outputs: Floats, base: Floats) -> Floats:
        """Outputs (..., count, horizon) as forecasts in the unit of the target, given their ``base_forecast``."""
        return np.asarray(base + outputs * np.asarray(self.spread))

    def plain(self) -> dict[str, Any]:
        """As numbers, text, lists and dicts; ``Encoding.of`` is the inverse."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Encoding:
        """From what ``plain`` gave, through JSON or not.

        Raises:
            CellwrightError: it is not that.
        """
        try:
            shape = plain["shape"]
            lists = {name: tuple(map(str, shape[name])) for name in ("inputs", "known")}
            return cls(**{**plain, "shape": WindowShape(**{**shape, **lists}), "spread": tuple(plain["spread"])})
        except (KeyError, TypeError, AttributeError) as error:
            raise CellwrightError(f"no description of a forecaster ({error}): run the training again") from error


def _check_varies(shape: WindowShape, windows: Floats) -> None:
    for index, name in enumerate(shape.columns):
        values = windows[..., index]
        if not np.ptp(values) > 0:
            what = "nothing to forecast; choose another --target" if index == 0 else "leave it out of the inputs"
            raise CellwrightError(
                f"column {name!r} is constant in the training part ({values.flat[0]:g} in every row): {what}"
            )


def _spread(values: Floats, axis: int | None = None) -> Floats:
    """Root mean square, never zero: what does not vary is left as it is."""
    found = np.sqrt(np.square(values - (values.mean() if axis is None else 0)).mean(axis=axis))
    return np.where(found > 0, found, 1.0)
