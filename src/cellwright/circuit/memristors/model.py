"""Memristors as equations: written once, solved by SciPy, and printed as a subcircuit for ngspice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.integrate import solve_ivp

from cellwright.circuit.expressions import expression
from cellwright.errors import CellwrightError
from cellwright.program import Interpreter, Program
from cellwright.program.operators import maximum, minimum
from cellwright.program.trace import trace
from cellwright.program.values import Value, input_value


@dataclass(frozen=True)
class Response:
    """What a memristor does under a voltage.

    Attributes:
        time: s.
        voltage: V.
        current: A.
        state: the state variable, from 0 to 1.
    """

    time: np.ndarray
    voltage: np.ndarray
    current: np.ndarray
    state: np.ndarray


class Memristor(ABC):
    """A device with one state variable x from 0 to 1: i = current(v, x) and dx/dt = rate(v, i, x).

    A subclass is a frozen dataclass of its parameters, in SI units, and writes the two equations once, with the
    operators of ``cellwright.program``.
    """

    @abstractmethod
    def current(self, voltage: Value, state: Value) -> Value:
        """The current through the device, A."""

    @abstractmethod
    def rate(self, voltage: Value, current: Value, state: Value) -> Value:
        """How fast the state changes, 1/s."""

    @cached_property
    def program(self) -> Program:
        """Both equations as a program from ``voltage`` and ``state`` to ``current`` and ``rate``."""
        inputs = [input_value("voltage", (), "sequence"), input_value("state", (), "state")]
        return trace(self._equations, inputs, ("current", "rate"))

    def _equations(self, voltage: Value, state: Value) -> tuple[Value, Value]:
        inside = minimum(maximum(state, 0.0), 1.0)
        current = self.current(voltage, inside)
        return current, self.rate(voltage, current, inside)

    @cached_property
    def evaluate(self) -> Callable[[np.ndarray | float, np.ndarray | float], tuple[np.ndarray, np.ndarray]]:
        """Current (A) and rate (1/s) at voltages (V) and states, NumPy arrays of one shape."""
        bound = Interpreter(self.program, {}).bind({}, torch.zeros((), dtype=torch.float64))

        def evaluated(voltage: np.ndarray | float, state: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
            inputs = {
                name: torch.as_tensor(given, dtype=torch.float64)
                for name, given in (("voltage", voltage), ("state", state))
            }
            results = bound(inputs)
            return results["current"].numpy(), results["rate"].numpy()

        return evaluated

    def conductance(self, state: float, voltage: float = 0.1) -> float:
        """The current over the voltage at which it is read, S."""
        return float(self.evaluate(voltage, state)[0]) / voltage

    def conductance_window(self, voltage: float = 0.1) -> tuple[float, float]:
        """The least and the largest conductance that its states reach, S, read at a voltage."""
        ends = sorted(self.conductance(state, voltage) for state in (0.0, 1.0))
        return ends[0], ends[1]

    def respond(
        self, voltage: Callable[[float], float], times: np.ndarray, start: float, tolerance: float = 1e-10
    ) -> Response:
        """Solve the device under a voltage, by SciPy's stiff solver Radau.

        Args:
            voltage: V at a time in s.
            times: at which the response is told, ascending, s.
            start: the state at the first of them.
            tolerance: relative and absolute, of the state.

        Raises:
            CellwrightError: the start is no state; the solver fails.
        """
        if not 0 <= start <= 1:
            raise CellwrightError(f"a memristor starts at a state from 0 to 1; got {start!r}")

        def rate(time: float, state: np.ndarray) -> np.ndarray:
            return np.atleast_1d(self.evaluate(voltage(time), float(state[0]))[1])

        longest = (times[-1] - times[0]) / 200
        solved = solve_ivp(
            rate, (times[0], times[-1]), [start], "Radau", times, rtol=tolerance, atol=tolerance, max_step=longest
        )
        if not solved.success:
            raise CellwrightError(f"the equations of {type(self).__name__} were not solved: {solved.message}")
        applied, state = np.array([voltage(time) for time in times]), solved.y[0]
        return Response(times, applied, self.evaluate(applied, state)[0], state)

    def disturb(self, voltage: float, time: float, start: float) -> float:
        """How far its state moves, either way, if it is read at a voltage (V) for a time (s) in all.

        Raises:
            CellwrightError: see ``respond``.
        """
        state = self.respond(lambda _: voltage, np.array([0.0, time]), start).state
        return float(abs(state[-1] - state[0]))

    def subcircuit(self, name: str) -> str:
        """The device for ngspice: ``.subckt NAME p n x start=...``, with its state as the voltage of the node x.

        A capacitor of 1 F holds the state, and a current of as many amperes as the rate charges it.

        Raises:
            CellwrightError: the name is not one of letters, digits and _.
        """
        if not name.isidentifier():
            raise CellwrightError(f"a subcircuit's name is made of letters, digits and _, got {name!r}")
        voltage, state = self.program.inputs
        current, rate = self.program.outputs["current"], self.program.outputs["rate"]
        names = {voltage.serial: "v(p,n)", state.serial: "v(x)"}
        return "\n".join([
            f".subckt {name} p n x start=0.5",
            f"Bcurrent p n I = {expression(current, names)}",
            f"Brate 0 x I = {expression(rate, names)}",
            "Cstate x 0 1 ic={start}",
            "Rstate x 0 1e15",
            ".ends",
        ])  # fmt: skip
