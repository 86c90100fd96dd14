"""Cells that know the time: an LSTM whose units open now and then, and one that forgets what is long ago."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import e
from typing import ClassVar, Literal

from cellwright.cells import checks
from cellwright.cells.initial import Initial, LogUniform, Uniform
from cellwright.cells.listing import Listed
from cellwright.cells.lstm import LSTM
from cellwright.cells.notation import Timing, absolute, linear, log, tanh, weight, where
from cellwright.errors import CellwrightError
from cellwright.program.values import Axes, Value


class PhasedLSTM(LSTM):
    """Phased LSTM (Neil, Pfeiffer & Liu 2016, NIPS 29, 3882, equations 6 to 10): a gate k that opens with a rhythm.

    The phase of a unit, phi = ((time - s) mod tau) / tau, goes from 0 to 1 in each of its periods tau. The gate rises
    to 1 and falls again while phi is below r, and is all but closed after that. A closed gate keeps h and c as they
    were: c = k c_open + (1 - k) c, and h likewise, where c_open and h_open are what the LSTM computes. The variants of
    the LSTM are this cell's, too; an output gate's peephole sees c_open.

    ``time`` is the moment of a step, in the unit of the periods. In float32 it is rounded to 6e-8 of itself, and so is
    time - s, so that phi is off by up to 6e-8 (2 |time| + |s|) / tau: times up to 4,000 periods leave it right to a
    hundredth of the open part r = 0.05. Beyond that, count the time from the start of each sequence, or use float64.

    Attributes:
        period: where tau starts, learned; by default e to the power of U(1, 3), the authors' choice for the frequency
            task. A number, ``Uniform`` or ``LogUniform``, in the unit of ``time``.
        shift: where s starts, learned; by default U(0, 100), as for that task.
        open_ratio: r, the open part of a period, or where it starts.
        learned_open_ratio: whether r is learned, as in the authors' code; without it r stays as it is.
        leak: slope of k in the closed part, alpha, which lets gradients through.
        leak_in_evaluation: without it alpha is 0 in evaluation mode, as at test in the authors' code.
        shift_added: the phase is that of time + s, as in the authors' code.
        magnitudes: \\|tau\\| and \\|r\\| stand for tau and r, as in the authors' code.
    """

    sequences: ClassVar[Mapping[str, Axes]] = {"x": ("feature",), "time": ()}
    timing: ClassVar[Mapping[str, Timing]] = {"time": "moment"}
    period: Initial = LogUniform(e, e**3)
    shift: Initial = Uniform(0.0, 100.0)
    open_ratio: float = 0.05
    learned_open_ratio: bool = True
    leak: float = 1e-3
    leak_in_evaluation: bool = True
    shift_added: bool = False
    magnitudes: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.projection or self.gate_recurrence != "none":
            raise CellwrightError("a Phased LSTM gates h and c alone: it has neither projection nor gate_recurrence")
        for name in ("period", "shift"):
            given = getattr(self, name)
            if not (isinstance(given, Uniform) or checks.is_finite(given)):
                raise CellwrightError(f"{name} is a finite number, Uniform(...) or LogUniform(...); got {given!r}")
        if not (self.period.low if isinstance(self.period, Uniform) else self.period) > 0:
            raise CellwrightError(f"period starts above 0; got {self.period!r}")
        if not (checks.is_finite(self.open_ratio) and 0 < self.open_ratio <= 1):
            raise CellwrightError(f"open_ratio is a part of the period, above 0 and at most 1; got {self.open_ratio!r}")
        if not (checks.is_finite(self.leak) and self.leak >= 0):
            raise CellwrightError(f"leak is a finite number from 0; got {self.leak!r}")

    def step(self, x: Value, time: Value, h: Value, c: Value) -> tuple[Value, ...]:  # type: ignore[override]
        """One time step: the new h and c."""
        h_open, c_open = super().step(x, h, c)
        tau, r = self._period(), self._open_ratio()
        s = weight("shift", out=self._cell_axes(), symbol="s")
        phi = (time + s if self.shift_added else time - s) % tau / tau
        k = where(2 * phi < r, 2 * phi / r, where(phi < r, 2 - 2 * phi / r, self.leak * phi))
        c = k * c_open + (1 - k) * c
        h = k * h_open + (1 - k) * h
        return h, c

    def _period(self) -> Value:
        tau = weight("period", out=self._cell_axes(), symbol="tau")
        return absolute(tau) if self.magnitudes else tau

    def _open_ratio(self) -> Value | float:
        if not self.learned_open_ratio:
            return self.open_ratio
        r = weight("open_ratio", out=self._cell_axes(), symbol="r")
        return absolute(r) if self.magnitudes else r

    def initial_values(self) -> Mapping[str, Initial]:
        """Period, shift and open ratio."""
        values: dict[str, Initial] = {"period": self.period, "shift": self.shift}
        return values | ({"open_ratio": self.open_ratio} if self.learned_open_ratio else {})

    def in_evaluation(self) -> PhasedLSTM:
        """The cell itself, or with a gate that closes without a leak."""
        return self if self.leak_in_evaluation else replace(self, leak=0.0)


class TimeAwareLSTM(LSTM):
    """Time-aware LSTM, T-LSTM (Baytas, Xiao, Zhang, Wang, Jain & Zhou 2017, KDD, 65): memory fades with time.

    A part of the cell state, c_short = tanh(W_d c + b_d), is its short-term memory. It fades with the time that has
    passed since the step before, c_star = (c - c_short) + c_short g(elapsed), and the LSTM goes on with c_star in the
    place of the previous c; so do its variants, of which peepholes see c_star.

    Attributes:
        decay: g: ``logarithm`` is 1 / log(e + elapsed), for long times, with no decay at 0; ``inverse`` is 1 / elapsed,
            for short ones, with no decay at 1 and infinite at 0; ``none`` leaves the LSTM, without W_d.
    """

    sequences: ClassVar[Mapping[str, Axes]] = {"x": ("feature",), "elapsed": ()}
    timing: ClassVar[Mapping[str, Timing]] = {"elapsed": "interval"}
    decay: Literal["logarithm", "inverse", "none"] = "logarithm"

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.choice("decay", self.decay, ("logarithm", "inverse", "none"))

    def step(self, x: Value, elapsed: Value, h: Value, c: Value, *fed_back: Value) -> tuple[Value, ...]:  # type: ignore[override]
        """One time step: the new h, c and fed-back gates."""
        if self.decay == "none":
            return super().step(x, h, c, *fed_back)
        c_short = tanh(linear("d", c, self._cell_axes(), bias=True))
        c_star = c - c_short + c_short / (log(e + elapsed) if self.decay == "logarithm" else elapsed)
        return super().step(x, h, c_star, *fed_back)


CATALOGUE: Mapping[str, Listed] = {
    "phased": Listed(
        PhasedLSTM(),
        "Phased LSTM: a time gate opens each unit in a rhythm of its own",
        "Neil, Pfeiffer & Liu 2016, NIPS 29, 3882",
    ),
    "tlstm": Listed(
        TimeAwareLSTM(),
        "time-aware LSTM: short-term memory fades with the time between steps",
        "Baytas, Xiao, Zhang, Wang, Jain & Zhou 2017, KDD, 65",
    ),
}
