import functools
import json

import pytest
import torch

from cellwright.errors import CellwrightError
from cellwright.learning import FitSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 2.5),
        ("epochs", None),
        ("epochs", True),
        ("batch_size", 0),
        ("truncate", -1),
        ("patience", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("clip_norm", -1.0),
        ("clip_value", float("inf")),
        ("min_improvement", -0.1),
        ("schedule_each", "batch"),
        ("seed", 1.5),
        ("optimizer", 7),
    ],
)
def test_a_setting_out_of_range_is_named(name, value):
    with pytest.raises(CellwrightError, match=f"{name}="):
        FitSettings(**{"epochs": 1, name: value})


def test_an_unknown_optimiser_names_the_nearest():
    with pytest.raises(CellwrightError, match="did you mean 'adam'"):
        FitSettings(epochs=1, optimizer="adm")


def test_a_factory_sets_its_own_learning_rate():
    with pytest.raises(CellwrightError, match="factory sets its own"):
        FitSettings(epochs=1, optimizer=torch.optim.SGD, learning_rate=0.1)


def test_options_that_the_optimiser_does_not_take_are_refused():
    with pytest.raises(CellwrightError, match="momentum"):
        FitSettings(epochs=1, optimizer="adam", optimizer_options={"momentum": 0.9}).build_optimizer(
            torch.nn.Linear(1, 1)
        )


def test_a_factory_must_make_an_optimiser():
    with pytest.raises(CellwrightError, match="made a list"):
        FitSettings(epochs=1, optimizer=list).build_optimizer(torch.nn.Linear(1, 1))


def test_a_frozen_model_has_nothing_to_train():
    with pytest.raises(CellwrightError, match="nothing to train"):
        FitSettings(epochs=1).build_optimizer(torch.nn.Linear(1, 1).requires_grad_(False))


def test_names_are_found_in_any_case_and_options_arrive():
    settings = FitSettings(epochs=1, optimizer="SGD", learning_rate=0.5, optimizer_options={"momentum": 0.9})
    made = settings.build_optimizer(torch.nn.Linear(1, 1))
    assert isinstance(made, torch.optim.SGD)
    assert (made.defaults["lr"], made.defaults["momentum"]) == (0.5, 0.9)


def test_frozen_parameters_are_left_out():
    model = torch.nn.Linear(2, 1)
    model.bias.requires_grad_(False)
    made = FitSettings(epochs=1).build_optimizer(model)
    assert [p is model.weight for group in made.param_groups for p in group["params"]] == [True]


def test_described_is_plain_and_tells_functions_with_their_arguments():
    settings = FitSettings(
        epochs=3,
        optimizer=functools.partial(torch.optim.SGD, lr=0.1),
        schedule=functools.partial(torch.optim.lr_scheduler.StepLR, step_size=2),
    )
    described = json.loads(json.dumps(settings.described()))
    assert described["optimizer"]["keywords"] == {"lr": 0.1}
    assert described["schedule"]["call"].endswith("StepLR")
    assert described["epochs"] == 3


def test_settings_cannot_be_changed_from_outside():
    options = {"momentum": 0.9}
    settings = FitSettings(epochs=1, optimizer="sgd", optimizer_options=options)
    options["momentum"] = 0.0
    assert settings.optimizer_options == {"momentum": 0.9}
    assert hash(settings) == hash(FitSettings(epochs=1, optimizer="sgd"))
