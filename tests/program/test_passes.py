"""What leaves the time loop, what shares a matrix, what shares a crossbar: nothing changes in what is computed."""

import pytest
import torch

from cellwright.cells import LSTM, Cell, find, linear, sigmoid, tanh, weight
from cellwright.program import evaluate, from_zero_states, linear_groups, linear_terms, merge_sums, split_stages

STEPS, BATCH = 4, 3


def run(program, values, states, time):
    """One step at a time of sequences (time, batch, ...)."""
    sequences = {v.name: values.inputs[v.name][time] for v in program.inputs_with_role("sequence")}
    return values.evaluate(program, inputs=sequences | states)


def test_stages_together_are_the_whole(any_cell, draw, close, sizes):
    values = draw(any_cell, (STEPS, BATCH))
    stages = split_stages(values.program)
    state_names = [value.name for value in values.program.inputs_with_role("state")]
    ahead = values.evaluate(stages.hoisted)
    fixed = {v.name: ahead[v.name] for v in stages.recurrent.inputs_with_role("constant over time")}
    whole = split = {name: values.inputs[name][0] for name in state_names}
    for time in range(STEPS):
        whole = run(values.program, values, whole, time)
        moving = {v.name: ahead[v.name][time] for v in stages.recurrent.inputs_with_role("hoisted")}
        split = values.evaluate(stages.recurrent, inputs={**split, **moving, **fixed})
        assert split.keys() == whole.keys()
        for name, expected in whole.items():
            close(split[name], expected, f"{name} at step {time}")
        whole, split = (handed_on(values.program, states, sizes) for states in (whole, split))


def handed_on(program, states, sizes):
    """States as the next step reads them: once for each predecessor where there are several."""
    for value in program.inputs_with_role("state"):
        if "predecessor" in value.axes:
            states |= {value.name: torch.stack([states[value.name]] * sizes["predecessor"], 1)}
    return states


def test_all_that_does_not_see_a_state_leaves_the_loop(any_cell):
    stages = split_stages(any_cell.program())
    assert not stages.hoisted.inputs_with_role("state")
    assert not stages.recurrent.inputs_with_role("sequence")
    depends = {}
    for value in stages.recurrent.values:
        is_state = value.operator == "input" and value.attributes["role"] == "state"
        depends[value.serial] = is_state or any(depends[a.serial] for a in value.arguments)
        assert depends[value.serial] or not value.arguments


def test_parameters_stay_where_they_are_stored(any_cell):
    stages = split_stages(any_cell.program())
    assert stages.hoisted.parameters == stages.recurrent.parameters == any_cell.program().parameters


class Odd(Cell):
    """A state that is computed from the input alone, one that is passed on, and a value of parameters alone."""

    states = ("h", "c", "kept")

    def step(self, x, h, c, kept):
        rate = sigmoid(weight("rate"))
        return rate * h + (1 - rate) * c, tanh(linear("c", x)), kept


def test_stages_of_states_that_see_no_state(draw, close, sizes):
    test_stages_together_are_the_whole(Odd(), draw, close, sizes)
    stages = split_stages(Odd().program())
    roles = {value.name: value.attributes["role"] for value in stages.recurrent.inputs}
    assert roles.pop("rate") == "constant over time"
    assert sorted(roles.values()) == ["constant over time", "hoisted", "state", "state", "state"]


def test_merging_changes_nothing(any_cell, draw, close):
    values = draw(any_cell)
    merged = values.evaluate(merge_sums(values.program))
    for name, expected in values.evaluate().items():
        close(merged[name], expected, name)


def test_no_sum_of_products_is_left(any_cell):
    """But for those of different columns, or along different axes."""
    for value in merge_sums(any_cell.program()).values:
        if value.operator == "add" and all(argument.operator == "linear" for argument in value.arguments):
            assert len({(argument.attributes["out"], argument.axes) for argument in value.arguments}) == 2


def test_merging_twice_is_merging_once(any_cell):
    once = merge_sums(any_cell.program())
    assert str(merge_sums(once)) == str(once)


def groups_of(cell):
    """The arrays of a cell by name, and the gates in their columns."""
    groups = linear_groups(merge_sums(cell.program()))
    return {group.name: [linear_terms(node)[1][0].attributes["part"] for node in group.nodes] for group in groups}


def test_an_lstm_is_one_array():
    assert groups_of(find("lstm")) == {"x, h": ["i", "f", "g", "o"]}
    assert groups_of(LSTM(recurrent_bias=True)) == {"x, h": ["i", "f", "g", "o"]}
    assert groups_of(find("nfg")) == {"x, h": ["i", "g", "o"]}


def test_gates_that_see_gates_have_an_array_of_their_own():
    assert groups_of(find("fgr")) == {"x, h, i, f, o": ["i", "f", "o"], "x, h": ["g"]}
    assert groups_of(find("lstm1997")) == {"x, h, i, o": ["i", "g", "o"]}


def test_hard_cells_and_their_arrays(hard_cells):
    def names(name):
        return [group.name for group in linear_groups(merge_sums(hard_cells[name].cell.program()))]

    assert groups_of(hard_cells["GRU, reset before"].cell) == {"x, h": ["r", "z"], "x, multiply": ["candidate"]}
    assert names("GRU, reset after") == ["x, h", "x", "h"]
    assert names("layer-normalised LSTM") == ["x", "h"]
    assert names("projected LSTM") == ["x, h", "multiply"]
    assert names("memory blocks") == ["x, h"]
    assert names("T-LSTM") == ["c", "x, h"]


def test_group_names_are_unique(any_cell):
    for program in (any_cell.program(), merge_sums(any_cell.program())):
        groups = linear_groups(program)
        assert len({group.name for group in groups}) == len(groups)
        nodes = [node.serial for group in groups for node in group.nodes]
        assert sorted(nodes) == [v.serial for v in program.values if v.operator == "linear"]
        for group in groups:
            assert all(linear_terms(node)[0] == group.inputs for node in group.nodes)


class TwoNameless(Cell):
    def step(self, x, h):
        return linear("a", h * h) + tanh(linear("b", h * linear("x", x)))


def test_nameless_inputs_are_told_apart():
    assert [g.name for g in linear_groups(TwoNameless().program())] == ["multiply", "x", "multiply (2)"]


def test_has_bias():
    biased = {biases: linear_groups(merge_sums(LSTM(biases=biases).program())) for biases in ("all", "gates", "none")}
    assert [[group.has_bias for group in groups] for groups in biased.values()] == [[True], [True], [False]]


class Shared(Cell):
    """A sum that is used twice, and its addend a third time, as a wire cannot be."""

    def step(self, x, h):
        seen = linear("seen", x)
        total = seen + linear("total", h)
        return tanh(total) * total + seen


def test_only_sums_whose_addends_serve_nothing_else_are_merged(draw, close):
    test_merging_changes_nothing(Shared(), draw, close)
    assert "add" in [value.operator for value in merge_sums(Shared().program()).values]
    assert [g.name for g in linear_groups(merge_sums(Shared().program()))] == ["x", "h"]


def test_merged_parts_of_a_sum_lose_their_name_but_the_sum_keeps_its_own(draw):
    class Named(Cell):
        def step(self, x, h):
            from_input = linear("k", x)
            total = from_input + linear("k", h)
            return tanh(total)

    assert list(Named().program().named) == ["from_input", "total", "h"]
    assert list(merge_sums(Named().program()).named) == ["total", "h"]


@pytest.mark.parametrize("seed", range(3))
def test_sums_of_different_axes_are_not_merged(seed, draw, close):
    class Different(Cell):
        def step(self, x, h):
            return tanh(linear("a", x) + linear("b", h, ("block",)) + linear("c", x, ("block",)))

        def state_axes(self):
            return {"h": ("block", "unit")}

    values = draw(Different(), seed=seed)
    parts, x, h = values.parameters, values.inputs["x"], values.inputs["h"]
    rows = x @ parts["weight_ih.a"].T
    blocks = torch.einsum("nku,jku->nj", h, parts["weight_hh.b"]) + x @ parts["weight_ih.c"].T
    expected = torch.tanh(blocks.unsqueeze(-1) + rows.unsqueeze(-2))
    close(values.evaluate()["h"], expected)
    close(values.evaluate(merge_sums(values.program))["h"], expected)


def test_evaluate_is_exported_by_name(draw):
    values = draw(find("lstm"))
    assert set(evaluate(values.program, values.inputs, values.stored, {"feature": 3, "unit": 4}, ["i"])) == {
        "h",
        "c",
        "i",
    }


def test_the_step_from_zero_states(any_cell, draw, close):
    """The same states, from programs that read none where zeros make all that they bring zero."""
    values = draw(any_cell)
    for value in values.program.inputs_with_role("state"):
        values.inputs[value.name].zero_()
    for program in (values.program, merge_sums(values.program)):
        shorter = from_zero_states(program)
        assert shorter.parameters == program.parameters
        got = values.evaluate(shorter)
        for name, expected in values.evaluate().items():
            close(got[name].expand_as(expected), expected, name)


@pytest.mark.parametrize("name", ["lstm", "lstmp", "fgr", "gru-cho", "childsum-tree", "nary-tree"])
def test_no_recurrent_matrix_is_left_in_a_step_from_zero_states(name):
    program = from_zero_states(find(name).program())
    assert not program.inputs_with_role("state")
    assert not [value.name for value in program.values if value.name.startswith("weight_hh")]


def test_what_zeros_do_not_make_zero_is_kept():
    program = from_zero_states(find("gru").program())  # U h + b has a bias
    assert [value.name for value in program.inputs_with_role("state")] == ["h"]
    assert "n" in program.named
