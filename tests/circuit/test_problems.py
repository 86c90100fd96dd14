"""The survey's problems: their shapes, what of them is dead, and that the layer's outputs are judged as software is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.metrics import accuracy_score, balanced_accuracy_score, recall_score
from torch import nn

from cellwright.circuit.problems import Problem, of_network, problem
from cellwright.circuit.stored_networks import Origin
from cellwright.errors import CellwrightError
from cellwright.layers.weights import read_weights
from cellwright.tasks import LabelledTask, find
from cellwright.tasks.wafer import LIMIT, ONE_STEP, SEQUENCE, read_wafers, train_restarts, wafer_folds


def quickly(recipe, **changes):
    """The same recipe with little training."""
    training = replace(recipe.training, epochs=changes.pop("epochs", 15))
    return replace(recipe, training=training, **changes)


@pytest.fixture(scope="module")
def fold(needs):
    return wafer_folds(read_wafers(needs.data("ucr_wafer")))[0]


@pytest.fixture(scope="module")
def one_step(fold):
    recipe = quickly(ONE_STEP)
    return of_network("wafer-one-step", fold, recipe, train_restarts(fold, recipe, 0).model, fold=0)


@pytest.fixture(scope="module")
def sequence(fold):
    recipe = quickly(SEQUENCE, epochs=1, draws=20, restarts=2)
    return of_network("wafer-sequence", fold, recipe, train_restarts(fold, recipe, 0).model, fold=0)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def airline(kept):
    return problem("airline-survey", kept=kept)


def sizes(given: Problem) -> tuple[int, ...]:
    return given.input_size, given.hidden_size, given.steps


def by_hand(given: Problem) -> torch.Tensor:
    """An LSTM's outputs from the stacked weights, by torch's own cell."""
    state, units = given.state, given.hidden_size
    cell = nn.LSTMCell(given.input_size, units, dtype=torch.float64)
    weights = {
        "weight_ih": state["weight_ih"],
        "weight_hh": state["weight_hh"],
        "bias_ih": state["bias_ih"],
        "bias_hh": torch.zeros(4 * units, dtype=torch.float64),
    }
    cell.load_state_dict(weights)
    h = c = torch.zeros(len(given.inputs), units, dtype=torch.float64)
    outputs = []
    with torch.no_grad():
        for step in given.inputs.unbind(1):
            h, c = cell(step, (h, c))
            outputs.append(h)
    return torch.stack(outputs, 1)


def test_the_survey_s_sizes(airline, one_step, sequence) -> None:
    assert sizes(airline) == (1, 4, 3)
    assert sizes(one_step) == (152, 4, 1)
    assert sizes(sequence) == (1, 1, 152)
    task = find("airline")
    assert sizes(of_network("airline", task, task.recipe(), task.build(task.recipe(), 0))) == (2, 4, 5)


def test_one_step_from_zeros_reads_no_recurrent_weight_and_has_no_forget_gate(one_step, sequence) -> None:
    dead = {"weight_ih.f", "bias_ih.f", *(f"weight_hh.{gate}" for gate in "ifgo")}
    assert set(one_step.dead) == dead
    assert sequence.dead == ()
    # Whatever the dead weights are, the outputs are the same to the bit.
    before = one_step.hidden()
    changed = replace(one_step, network=one_step.with_layer(one_step.layer))
    units = one_step.hidden_size
    with torch.no_grad():
        layer = changed.layer
        layer.weight_hh_l0.fill_(3.0)
        layer.weight_ih_l0[units : 2 * units] = -2.0
        layer.bias_ih_l0[units : 2 * units] = 1.0
    assert torch.equal(changed.hidden(), before)


def test_outputs_of_another_layer_are_judged_as_the_software_s(airline, one_step, sequence) -> None:
    for given in (airline, one_step, sequence):
        elsewhere = by_hand(given)
        torch.testing.assert_close(elsewhere, given.hidden(), rtol=0, atol=1e-12)
        metrics = given.metrics(torch.stack([elsewhere, torch.zeros_like(elsewhere)]))
        for name, value in given.software().items():
            assert metrics[name].shape == (2,)
            assert metrics[name][0] == pytest.approx(value, abs=1e-9)


def test_airline_is_judged_in_passengers_beside_the_four_baselines(airline) -> None:
    error = airline.answers(airline.hidden()) - airline.targets
    assert airline.software()["rmse"] == pytest.approx(float(error.square().mean().sqrt()))
    assert {name: round(found["rmse"], 2) for name, found in airline.baselines().items()} == {
        "persistence": 48.04,
        "seasonal_naive": 41.85,
        "seasonal_ratio": 15.62,
        "seasonal_difference": 15.36,
    }


def test_wafers_are_judged_as_scikit_learn_does(one_step) -> None:
    truth, found = one_step.targets.numpy(), one_step.answers(one_step.hidden()).numpy()
    abnormal = one_step.task.classes.index("-1")
    metrics = one_step.software()
    assert metrics["abnormal_recall"] == pytest.approx(100 * recall_score(truth, found, pos_label=abnormal))
    assert metrics["balanced_accuracy"] == pytest.approx(100 * balanced_accuracy_score(truth, found))
    assert metrics["accuracy"] == pytest.approx(100 * accuracy_score(truth, found))
    assert one_step.baselines()["commonest"]["balanced_accuracy"] == 50


def test_wafers_lie_in_the_range_of_a_circuit(one_step, sequence) -> None:
    for given in (one_step, sequence):
        assert given.inputs.abs().max() <= 3
        assert 0 < given.largest_weight <= LIMIT


def test_every_wafer_is_tested_once_by_networks_that_have_not_seen_it(needs) -> None:
    tasks = wafer_folds(read_wafers(needs.data("ucr_wafer")))
    assert sorted(number for task in tasks for number in task.tested.numbers) == list(range(1, 1001))
    for task in tasks:
        assert not set(task.training.numbers) & set(task.tested.numbers)
        assert task.tested.counts["-1"] in (19, 20)


def test_the_search_finds_a_unit_that_tells_the_classes_apart(fold) -> None:
    recipe = quickly(SEQUENCE, draws=60)
    plain, searched = (fold.build(replace(recipe, draws=draws), 0) for draws in (0, 60))
    inputs = fold.training_data(recipe).train
    balanced = []
    for network in (plain, searched):
        with torch.no_grad():
            found = network.eval()(inputs.inputs)[0].argmax(-1)
        balanced.append(balanced_accuracy_score(inputs.targets, found))
    assert balanced[0] == pytest.approx(0.5, abs=0.05)
    assert balanced[1] > 0.75


def test_some_of_the_wafers(one_step) -> None:
    rows = [0, 5, 200]
    some = one_step.subset(rows)
    assert torch.equal(some.targets, one_step.targets[rows])
    assert torch.equal(some.answers(some.hidden()), one_step.answers(one_step.hidden())[rows])


def test_networks_are_kept_and_read_again(airline, kept: Path, tmp_path: Path) -> None:
    (file,) = kept.iterdir()
    stored = read_weights(file)
    assert json.loads(stored.about["cellwright"]) == {
        "task": "airline",
        "recipe": "survey",
        "cell": "lstm",
        "seed": "0",
    }
    # That the weights are the file's shows that nothing is trained again.
    silent = {name: torch.zeros_like(tensor) for name, tensor in stored.tensors.items()}
    changed = tmp_path / file.name
    save_file(silent, changed, dict(stored.about))
    for again in (problem("airline-survey", kept=tmp_path), problem("airline-survey", model=changed)):
        assert again.largest_weight == 0
    with pytest.raises(CellwrightError, match="was trained for the recipe 'survey', expected 'best'"):
        problem("airline", model=changed)
    save_file(silent, changed, {"cellwright": json.dumps({"cell": "elsewhere.py:Mine"})})
    with pytest.raises(CellwrightError, match="none of the catalogue"):
        problem("airline-survey", model=changed)


def test_another_recipe_cell_seed_or_data_is_kept_under_another_name(fold) -> None:
    task = find("airline")
    first = Origin(task=task, recipe=task.recipe("survey"), cell="lstm", seed=0, fold=None)
    others = (
        replace(first, seed=1),
        replace(first, cell="gru"),
        replace(first, recipe=task.recipe("best")),
        replace(first, recipe=quickly(task.recipe("survey"))),
        Origin(task=fold, recipe=ONE_STEP, cell="lstm", seed=0, fold=0),
        Origin(task=fold, recipe=ONE_STEP, cell="lstm", seed=0, fold=1),
        Origin(task=fold, recipe=replace(ONE_STEP, input_limit=4.0), cell="lstm", seed=0, fold=0),
    )
    assert len({origin.file_name for origin in (first, *others)}) == 1 + len(others)
    reworded = replace(first.recipe, title="another", why="another")
    assert replace(first, recipe=reworded).file_name == first.file_name


def test_missing_data_and_unknown_names_are_told_in_a_line(tmp_path: Path) -> None:
    for message, arguments in (
        ("Wafer", {"name": "wafer-one-step", "data": tmp_path}),
        ("did you mean 'airline'", {"name": "airlin"}),
        ("no file", {"name": "airline", "model": tmp_path / "none.safetensors"}),
        ("has no model.safetensors", {"name": "airline", "model": tmp_path}),
    ):
        with pytest.raises(CellwrightError, match=message) as caught:
            problem(**arguments)
        assert "\n" not in str(caught.value)


def test_what_no_circuit_takes_is_refused(airline, fold) -> None:
    task = find("airline")
    with pytest.raises(CellwrightError, match=r"expects .*48, 3, 4"):
        airline.answers(torch.zeros(48, 4))
    with pytest.raises(CellwrightError, match="judged together"):
        airline.subset([0])
    assert isinstance(fold, LabelledTask)
    plain = LabelledTask(fold.training.select(np.arange(100)), fold.tested)
    recipe = plain.recipe()
    with pytest.raises(CellwrightError, match="1 layers in 2 directions"):
        of_network("both ways", plain, recipe, plain.build(recipe, 0))
    with pytest.raises(CellwrightError, match="takes a Forecaster or a Classifier"):
        of_network("dense", task, task.recipe(), nn.Linear(1, 1))
