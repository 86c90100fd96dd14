"""A step is traced once, its local variables name the values, and what cannot be traced says so in one line."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from cellwright.cells import (
    LSTM,
    Cell,
    affine,
    find,
    linear,
    maximum_over,
    mean,
    sigmoid,
    sum_over,
    tanh,
    weight,
    where,
)
from cellwright.errors import CellwrightError


def test_text_of_the_lstm(golden):
    golden("lstm_program.txt", str(find("lstm").program()) + "\n")


def test_the_text_does_not_depend_on_what_was_traced_before():
    code = "from cellwright.cells import find; print(find('cifg').program())"
    alone = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert alone.stdout.strip() == str(find("cifg").program())


def test_a_step_is_traced_once():
    calls = []

    class Counted(Cell):
        def step(self, x, h):
            calls.append(1)
            return tanh(affine("h", x, h))

    assert Counted().program() is Counted().program()
    assert calls == [1]


def test_values_are_in_the_order_in_which_the_step_computes_them(any_cell):
    program = any_cell.program()
    position = {value.serial: index for index, value in enumerate(program.values)}
    assert all(position[a.serial] < position[v.serial] for v in program.values for a in v.arguments)
    assert [value.serial for value in program.values] == sorted(position)


def test_local_variables_name_the_values():
    assert list(find("lstm").program().named) == ["i", "f", "g", "c", "o", "h"]
    assert [value.operator for value in find("lstm").program().named.values()] == [
        *("sigmoid", "sigmoid", "tanh", "add", "sigmoid", "multiply"),
    ]


class Renamed(Cell):
    """Variables that are named like an input or an output, and are neither."""

    states = ("h", "c")

    def step(self, x, h, c):
        x = tanh(linear("x", x))
        h = x + linear("h", h)
        c = tanh(h) * c
        again = c
        return sigmoid(c), again


def test_names_are_unique():
    program = Renamed().program()
    names = [value.name for value in program.values if value.name]
    assert len(set(names)) == len(names) - 2  # the states h and c, which go in and come out
    assert {name: value.operator for name, value in program.named.items()} == {"c": "multiply", "h": "sigmoid"}


def test_parameters_come_in_the_order_of_their_first_use():
    names = [value.name for value in find("lstm").program().parameters]
    assert names == [f"{family}.{gate}" for gate in "ifgo" for family in ("weight_ih", "bias_ih", "weight_hh")]


def test_numbers_of_other_libraries_are_numbers():
    class Scaled(Cell):
        def step(self, x, h):
            return np.float32(0.5) * tanh(affine("h", x, h)) + np.int64(1)

    values = [v.attributes["value"] for v in Scaled().program().values if v.operator == "constant"]
    assert values == [0.5, 1.0]


def error_of(step, **members):
    """The message of tracing this step in a cell of two states."""
    cell = type("Mine", (Cell,), {"states": ("h", "c"), "step": step, **members})()
    with pytest.raises(CellwrightError) as caught:
        cell.program()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_condition_on_a_value():
    message = error_of(lambda self, x, h, c: (h, c) if h < c else (c, h))
    assert "no truth value" in message
    assert "use where(condition, a, b), maximum(a, b)" in message
    assert "no truth value" in error_of(lambda self, x, h, c: (max(h, c), c))
    assert "no truth value" in error_of(lambda self, x, h, c: (h and c, c))


@pytest.mark.parametrize(
    ("returned", "got"),
    [
        (lambda h, c: h, "got: a value"),
        (lambda h, c: (h, c, c), "got: a value, a value, a value"),
        (lambda h, c: (h, None), "got: a value, NoneType"),
        (lambda h, c: (h, 0.0), "got: a value, float"),
        (lambda h, c: {"h": h, "c": c}, "got: dict"),
        (lambda h, c: None, "got: NoneType"),
    ],
)
def test_wrong_returns(returned, got):
    message = error_of(lambda self, x, h, c: returned(h, c))
    assert "must return 2 value(s) (h, c)" in message
    assert message.endswith(got)


def test_states_without_the_axes_that_they_have():
    axes = {"state_axes": lambda self: {"h": ("unit",), "c": ("unit",)}}
    message = error_of(lambda self, x, h, c: (h, linear("c", x, ("block",))), **axes)
    assert message.startswith(
        "Mine.step returns c with the axes (batch, block), expected (batch, unit): a matrix, as in"
    )
    assert "returns h with the axes (batch), expected" in error_of(lambda self, x, h, c: (mean(h, "unit"), c), **axes)
    assert "returns h with the axes (unit), expected" in error_of(lambda self, x, h, c: (weight("h_start"), c), **axes)


@pytest.mark.parametrize(
    "step",
    [
        lambda self, x, c, h: (h, c),
        lambda self, inputs, h, c: (h, c),
        lambda self, x, h: (h, h),
        lambda self, x, h, c, d: (h, c),
        lambda self, x: (x, x),
        lambda self, x, c, *others: (c, c),
    ],
)
def test_arguments_that_are_not_the_inputs_and_states(step):
    message = error_of(step)
    assert "its inputs and states are (x, h, c): give them the same names in the same order" in message


def test_a_cell_without_step():
    class Empty(Cell):
        pass

    with pytest.raises(CellwrightError, match=re.escape("Empty has no step: write step(self, x, h)")):
        Empty().program()


def test_parameters_exist_only_in_a_step():
    value = find("lstm").program().inputs[0]
    for use in (lambda: linear("i", value), lambda: affine("i", value), lambda: weight("gain")):
        with pytest.raises(CellwrightError, match="was used outside of a cell's step"):
            use()


def test_one_name_with_two_shapes():
    message = error_of(lambda self, x, h, c: (weight("k") * h + sum_over(weight("k", out=("block",)), "block"), c))
    assert message == "'k' is used as a vector (unit) and as a vector (block): give one of them another name"
    message = error_of(lambda self, x, h, c: (linear("k", h) + linear("k", sum_over(h, "unit")), c))
    assert "'weight_hh.k' is used as a matrix (unit, unit') and as a matrix (unit): give" in message
    message = error_of(lambda self, x, h, c: (linear("k", sum_over(h, "unit")) * weight("weight_hh", "k"), c))
    assert "'weight_hh.k' is used as a matrix (unit) and as a vector (unit): give" in message


def test_names_that_cannot_be_stored():
    assert "cannot name a parameter" in error_of(lambda self, x, h, c: (linear("a.b", h), c))
    assert "cannot name a parameter" in error_of(lambda self, x, h, c: (weight("two words") * h, c))


def test_two_values_through_one_matrix():
    message = error_of(lambda self, x, h, c: (affine("n", x, h, h * c), c))
    assert "reads two values through one matrix (weight_ih.n, weight_hh.n, weight_hh.n)" in message
    assert "affine('n') reads nothing" in error_of(lambda self, x, h, c: (affine("n"), c))


def test_the_same_name_again_is_the_same_matrix():
    class Tied(Cell):
        def step(self, x, h):
            return linear("n", h) + tanh(linear("n", h * h) + linear("n", x))

    assert [value.name for value in Tied().program().parameters] == ["weight_hh.n", "weight_ih.n"]


def test_things_that_are_no_values():
    assert "reads a value of the step, got 1.0" in error_of(lambda self, x, h, c: (linear("k", 1.0), c))
    assert "cannot reduce over the axis 'unit': the value has the axes ()" in error_of(
        lambda self, x, h, c: (h * mean(2.0, "unit"), c)
    )
    assert "can combine traced values and numbers, got str" in error_of(lambda self, x, h, c: (h + "1", c))
    assert "can combine traced values and numbers, got bool" in error_of(lambda self, x, h, c: (h * True, c))
    assert "got Tensor" in error_of(lambda self, x, h, c: (tanh(torch.ones(3)), c))
    assert "got ndarray" in error_of(lambda self, x, h, c: (np.ones(3) * h, c))


@pytest.mark.parametrize("mixed", [torch.tanh, lambda h: torch.ones(3) * h, lambda h: torch.where(h, h, h)])
def test_functions_and_tensors_of_torch(mixed):
    message = error_of(lambda self, x, h, c: (mixed(h), c))
    assert "cannot see a traced value: use the operators of cellwright.cells" in message


@pytest.mark.parametrize("reduce", [mean, sum_over, maximum_over])
def test_samples_do_not_see_one_another(reduce):
    assert "cannot reduce over 'batch'" in error_of(lambda self, x, h, c: (h - reduce(h, "batch"), c))
    message = error_of(lambda self, x, h, c: (reduce(h, "cell"), c))
    assert message == "cannot reduce over the axis 'cell': the value has the axes (batch, unit)"


def test_comparisons_and_remainder_are_operators():
    class Written(Cell):
        def step(self, x, h):
            return where(h > 0, abs(h), where(h < x_sum(x), h % 2, 7 % h))

    def x_sum(x):
        return sum_over(x, "feature")

    operators = [value.operator for value in Written().program().values]
    assert [operators.count(name) for name in ("less", "absolute", "mod", "where")] == [2, 1, 2, 2]


def test_fields_that_cannot_be_kept():
    class Listed(Cell):
        gates: list = None

        def step(self, x, h):
            return tanh(affine("h", x, h))

    with pytest.raises(CellwrightError, match="unhashable type: 'list'; use a tuple or a string in its fields"):
        Listed(gates=["i"]).program()


def test_a_step_in_a_thread_or_another_step_has_its_own_parameters():
    class Inner(Cell):
        def step(self, x, h):
            return tanh(affine("inner", x, h))

    class Outer(Cell):
        def step(self, x, h):
            Inner().program()
            return tanh(affine("outer", x, h))

    assert [value.name for value in Outer().program().parameters] == [
        "weight_ih.outer",
        "bias_ih.outer",
        "weight_hh.outer",
    ]


def test_tracing_leaves_a_profiler_in_place():
    def profiler(frame, event, argument):
        return None

    class Profiled(Cell):
        def step(self, x, h):
            gate = sigmoid(affine("gate", x, h))
            return gate * h

    before = sys.getprofile()
    sys.setprofile(profiler)
    try:
        program = Profiled().program()
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(before)
    assert "gate" in program.named


def test_a_profiler_goes_on_after_a_trace() -> None:
    from cProfile import Profile

    profiler = Profile()
    profiler.enable()
    LSTM(forget_bias=0.25).program()
    sorted([3, 1, 2])
    profiler.disable()
    seen = {str(entry.code) for entry in profiler.getstats()}
    assert any("sorted" in code for code in seen)
