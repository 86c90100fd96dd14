"""The airline series: the published figures, the recipes, and that each of them learns."""

import csv
import json
from dataclasses import replace

import pytest
import torch

from cellwright.errors import CellwrightError
from cellwright.learning import fit
from cellwright.tasks import Certainty, catalogue, find, train


@pytest.fixture(scope="module")
def airline():
    return find("airline")


def test_the_series(airline):
    # First, last and sum: equal to the copies of the Time Series Data Library and of aeon 1.6.0.
    assert (len(airline.series), airline.series[0], airline.series[-1]) == (144, 112, 432)
    assert sum(airline.series) == 40363
    assert (airline.labels[0], airline.labels[96], airline.labels[-1]) == ("1949-01", "1957-01", "1960-12")
    assert airline.value_range == 518
    assert airline.test == slice(96, 144)


def test_the_series_is_the_published_file(airline, needs):
    with needs.data("airline/airline-passengers.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert [(month, float(count)) for month, count in rows] == list(zip(airline.labels, airline.series, strict=True))


@pytest.mark.parametrize(
    ("name", "rmse"),
    [("persistence", 48.04), ("seasonal_naive", 41.85), ("seasonal_ratio", 15.62), ("seasonal_difference", 15.36)],
)
def test_baselines_have_their_published_errors(airline, name, rmse):
    baseline = airline.baselines()[name]
    assert baseline.name == name
    assert round(airline.metrics(baseline.forecasts)["rmse"].item(), 2) == rmse


def test_the_error_is_also_in_per_cent_of_the_range(airline):
    metrics = airline.metrics(airline.baselines()["persistence"].forecasts)
    assert round(metrics["rmse_percent_of_range"].item(), 2) == 9.27


def test_baselines_see_observed_months_only(airline):
    class Changed(type(airline)):
        series = (*airline.series[:-1], 9999.0)  # the last month: no forecast may see it

    for name, baseline in Changed().baselines().items():
        assert torch.equal(baseline.forecasts, airline.baselines()[name].forecasts)


def test_published_figures_are_in_si_units_and_one_reading(airline):
    current, voltage = airline.published()[:2]
    assert (current.power_w, current.area_m2) == (pytest.approx(0.1059), pytest.approx(77.33e-12))
    assert (voltage.power_w, voltage.area_m2) == (pytest.approx(0.22567), pytest.approx(108.60e-12))
    assert {row.certainty for row in (current, voltage)} == {Certainty.SURVEY}
    # The percentages that the inferred reading gives.
    assert round(100 * current.metric["software"] / 518, 2) == 10.67
    assert round(100 * current.metric["circuit"] / 518, 2) == 9.14
    assert voltage.metric["software"] == pytest.approx(52.06, abs=0.005)
    assert voltage.metric["circuit"] == pytest.approx(56.93, abs=0.005)


def test_the_recipes_shapes(airline):
    survey, li2019 = airline.recipe("survey"), airline.recipe("li2019")
    assert airline.training_data(survey).everything.inputs.shape == (93, 3, 1)
    assert airline.test_inputs(survey).shape == (48, 3, 1)
    assert airline.training_data(li2019).everything.inputs.shape == (1, 95, 1)
    assert airline.test_inputs(li2019).shape == (1, 143, 1)
    assert survey.hidden_size == 4
    assert li2019.hidden_size == 15


def test_the_networks_have_the_weights_of_the_literatures_arrays(airline):
    """34x60 and 32x1, in pairs of rows: (1 + 15 + 1) x 60 and (15 + 1) x 1."""
    model = airline.build(airline.recipe("li2019"), seed=0)
    rows = model.recurrent.weight_ih_l0.shape[1] + model.recurrent.weight_hh_l0.shape[1] + 1
    assert (2 * rows, model.recurrent.weight_ih_l0.shape[0]) == (34, 60)
    assert (2 * (model.dense.in_features + 1), model.dense.out_features) == (32, 1)


@pytest.mark.parametrize("name", find("airline").recipes)
def test_a_recipe_is_plain_data_and_learns(airline, name):
    recipe = airline.recipe(name)
    json.dumps(recipe.training.described())
    assert recipe.source
    data = airline.training_data(recipe)
    model = airline.build(recipe, seed=0)
    brief = replace(recipe.training, epochs=5, patience=None)
    losses = fit(model, data.everything, brief).history.train
    assert losses[-1] < losses[0]
    with torch.no_grad():
        outputs, _ = model(airline.test_inputs(recipe))
    forecasts = airline.forecast(outputs, recipe)
    assert forecasts.shape == (1, 48)
    assert bool(forecasts.isfinite().all())


@pytest.mark.parametrize("name", find("airline").recipes)
def test_nothing_is_learnt_from_the_test_months(airline, name):
    class Changed(type(airline)):
        series = (*airline.series[:96], *(1.0 + k for k in range(48)))

    recipe = airline.recipe(name)
    assert Changed().training_data(recipe).everything.digest() == airline.training_data(recipe).everything.digest()


@pytest.mark.parametrize("name", find("airline").recipes)
def test_a_forecast_sees_no_month_from_its_own_on(airline, name):
    recipe = airline.recipe(name)
    model = airline.build(recipe, seed=0)

    def forecasts(task):
        with torch.no_grad():
            return task.forecast(model(task.test_inputs(recipe))[0], recipe)[0]

    class Changed(type(airline)):
        series = (*airline.series[:120], *(airline.series[k] + 50 for k in range(120, 144)))

    before, after = forecasts(airline), forecasts(Changed())
    assert torch.equal(before[:25], after[:25])  # up to the first changed month itself
    assert not torch.equal(before[25:], after[25:])


@pytest.mark.parametrize("name", find("airline").recipes)
def test_a_network_without_error_forecasts_what_was_observed(airline, name):
    recipe = airline.recipe(name)
    forecasts = airline.forecast(airline.test_data(recipe).targets, recipe)
    torch.testing.assert_close(forecasts[0], airline.values[96:], rtol=1e-6, atol=0)


def test_the_default_recipe_beats_every_baseline(airline):
    recipe, errors = airline.recipe(), []
    for seed in recipe.seeds:
        with torch.no_grad():
            outputs, _ = train(airline, recipe, seed).model(airline.test_inputs(recipe))
        errors.append(airline.metrics(airline.forecast(outputs, recipe))["rmse"].item())
    baselines = [airline.metrics(b.forecasts)["rmse"].item() for b in airline.baselines().values()]
    assert len(errors) >= 5
    assert max(errors) < min(baselines)


def test_training_chooses_the_epochs_then_trains_on_everything(airline):
    recipe = replace(
        airline.recipe("survey"),
        validation=12,
        training=replace(airline.recipe("survey").training, epochs=60, batch_size=None, learning_rate=0.05, patience=5),
    )
    trained = train(airline, recipe, seed=1)
    assert trained.chosen_by.stopped_early
    assert len(trained.result.history.train) == trained.chosen_by.best_epoch
    expected = airline.build(recipe, seed=1)
    settings = replace(recipe.training, epochs=trained.chosen_by.best_epoch, patience=None, seed=1)
    fit(expected, airline.training_data(recipe).everything, settings)
    for name, value in expected.state_dict().items():
        assert torch.equal(trained.model.state_dict()[name], value)
    kept = train(airline, replace(recipe, refit=False), seed=1)
    assert kept.chosen_by is kept.result
    assert kept.result.history == trained.chosen_by.history


def test_training_goes_on_from_its_checkpoints(airline, tmp_path):
    recipe = replace(
        airline.recipe("survey"), training=replace(airline.recipe("survey").training, epochs=2, batch_size=31)
    )

    class StopError(Exception):
        pass

    def stop(progress):
        if progress.done > 0.5:
            raise StopError

    whole = train(airline, recipe, seed=3)
    with pytest.raises(StopError):
        train(airline, recipe, seed=3, folder=tmp_path, callback=stop)
    heard = []
    resumed = train(airline, recipe, seed=3, folder=tmp_path, callback=heard.append)
    assert resumed.result.history == whole.result.history
    for name, value in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], value)
    again = train(airline, recipe, seed=3, folder=tmp_path)
    assert again.result == resumed.result


def test_another_cell_in_a_recipe(airline):
    own = airline.build(airline.recipe("survey"), 0).state_dict().keys()
    peephole = airline.build(airline.recipe("survey"), 0, cell="peephole").state_dict().keys()
    assert any("peephole" in name for name in peephole - own)


def test_one_seed_one_network(airline):
    recipe = airline.recipe("survey")
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    first, second, other = (airline.build(recipe, seed).dense.weight for seed in (0, 0, 1))
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_the_catalogue():
    assert catalogue()["airline"] is find("airline")
    for name, task in catalogue().items():
        assert task.name == name
        assert task.default_recipe in task.recipes
        for text in (task.title, task.quantity, task.unit, task.citation, task.data_source):
            assert text
        for key, recipe in task.recipes.items():
            assert recipe.name == key
        assert task.metric in task.metrics(next(iter(task.baselines().values())).forecasts)


@pytest.mark.parametrize(("name", "says"), [("airlin", "did you mean 'airline'"), ("zzz", "known are airline")])
def test_an_unknown_task_names_the_nearest(name, says):
    with pytest.raises(CellwrightError, match=says):
        find(name)
