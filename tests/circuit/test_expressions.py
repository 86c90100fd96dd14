"""Expressions: each operator in ngspice against its value in the table."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from cellwright.cells import sum_over
from cellwright.circuit import simulate
from cellwright.circuit.expressions import expression
from cellwright.errors import CellwrightError
from cellwright.program.operators import OPERATORS, where
from cellwright.program.values import Value, input_value, pointwise

NUMBERS = (-600.0, -2.5, -0.75, 0.0, 0.375, 1.0, 3.25, 600.0)
ARGUMENTS = {"where": 3}
TWO = {"add", "subtract", "multiply", "divide", "maximum", "minimum", "mod", "floor_divide", "less", "equal"}
POSITIVE = {"log", "sqrt"}


def cases() -> list[tuple[str, tuple[float, ...], float]]:
    """Operators with arguments at which their value is a finite number."""
    found = []
    for name, row in OPERATORS.items():
        count = ARGUMENTS.get(name, 2 if name in TWO else 1)
        for given in itertools.product(NUMBERS, repeat=min(count, 2)):
            arguments = (float(given[0] < given[1]), *given) if count == 3 else given
            if name in POSITIVE and given[0] <= 0:
                continue
            tensors = [torch.tensor(number, dtype=torch.float64) for number in arguments]
            tensors[0] = tensors[0].bool() if name == "where" else tensors[0]
            value = float(row.evaluate(*tensors))
            if np.isfinite(value) and abs(value) < 1e200:
                found.append((name, arguments, value))
    return found


def test_every_operator_computes_what_the_table_says() -> None:
    known = cases()
    assert {name for name, _, _ in known} == OPERATORS.keys()
    lines = ["* operators"]
    for index, (name, arguments, _) in enumerate(known):
        inputs = [input_value(f"x{k}", (), "sequence") for k in range(len(arguments))]
        names = {value.serial: f"v(x{index}_{k})" for k, value in enumerate(inputs)}
        lines += [f"V{index}_{k} x{index}_{k} 0 {number!r}" for k, number in enumerate(arguments)]
        lines.append(f"B{index} y{index} 0 v = {expression(pointwise(name, *inputs), names)}")
    done = simulate("\n".join([*lines, ".op", ".end", ""]))
    for index, (name, arguments, value) in enumerate(known):
        assert done[f"y{index}"][0] == pytest.approx(value, rel=1e-9, abs=1e-12), (name, arguments)


def test_a_condition_chooses_and_numbers_keep_all_their_digits() -> None:
    x = input_value("x", (), "sequence")
    text = expression(where(x < 0, -1.0 / 3.0, x), {x.serial: "v(x)"})
    assert text == "((v(x)<0.0) ? (-0.3333333333333333) : v(x))"


def test_what_works_along_an_axis_is_refused() -> None:
    value: Value = sum_over(input_value("x", ("unit",), "sequence"), "unit")
    with pytest.raises(CellwrightError, match="sum works along an axis"):
        expression(value, {})
