"""What the estimators do: learn, repeat themselves, resume, and work with scikit-learn's tools and on chips."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cellwright import CellwrightError, RecurrentClassifier, RecurrentRegressor
from cellwright.cells import find
from cellwright.crossbar import ChipSettings, program

FAST = {"hidden_size": 4, "epochs": 3, "random_state": 0}
LEARNS = {"hidden_size": 8, "epochs": 40, "learning_rate": 0.03, "random_state": 0}


@pytest.mark.parametrize(
    "options",
    [{}, {"cell": "gru"}, {"cell": find("peephole")}, {"bidirectional": False, "pooling": "last", "dropout": 0.1}],
)
def test_a_classifier_learns(rising, options):
    X, y = rising
    model = RecurrentClassifier(**LEARNS, **options).fit(X[::2], y[::2])
    assert model.classes_.tolist() == ["falls", "rises"]
    assert model.score(X[1::2], y[1::2]) == 1.0
    probabilities, logits = model.predict_proba(X), model.decision_function(X)
    np.testing.assert_allclose(probabilities[:, 1], 1 / (1 + np.exp(-logits)), rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X), model.classes_[(logits > 0).astype(int)])


def test_a_regressor_learns_from_sequences_of_any_lengths(ragged):
    sequences, y = ragged
    model = RecurrentRegressor(**{**LEARNS, "epochs": 100}).fit(sequences[:30], y[:30])
    assert model.score(sequences[:30], y[:30]) > 0.99
    assert model.score(sequences[30:], y[30:]) > 0.8


def test_outputs_have_the_shape_of_targets(rising):
    X, _ = rising
    for y in (X[:, -1], X[:, -1:], X[:, -2:]):
        assert RecurrentRegressor(**FAST).fit(X, y).predict(X).shape == y.shape


@pytest.mark.parametrize("options", [{}, {"batch_size": 8, "patience": 2, "validation_fraction": 0.2}])
def test_a_weight_is_a_repetition_in_any_order(ragged, options):
    sequences, y = ragged
    weights = np.arange(40) % 3
    weighted = RecurrentRegressor(**FAST, **options).fit(sequences, y, weights).predict(sequences)
    order = np.random.default_rng(3).permutation(np.arange(40).repeat(weights))
    repeated = RecurrentRegressor(**FAST, **options).fit([sequences[k] for k in order], y[order]).predict(sequences)
    np.testing.assert_array_equal(weighted, repeated)


def test_balanced_classes_are_those_weights(rising):
    X, y = rising[0][:25], rising[1][:25]
    balanced = RecurrentClassifier(**FAST, class_weight="balanced").fit(X, y)
    weighted = RecurrentClassifier(**FAST).fit(X, y, np.where(y == "falls", 25 / 2 / 20, 25 / 2 / 5))
    np.testing.assert_array_equal(balanced.predict_proba(X), weighted.predict_proba(X))


@pytest.mark.parametrize("options", [{}, {"patience": 2, "validation_fraction": 0.2, "dropout": 0.5, "batch_size": 8}])
def test_one_seed_one_result(rising, options):
    X, y = rising
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    first = RecurrentClassifier(**FAST, **options).fit(X, y).predict_proba(X)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    torch.manual_seed(6)
    np.testing.assert_array_equal(RecurrentClassifier(**FAST, **options).fit(X, y).predict_proba(X), first)
    other = RecurrentClassifier(**{**FAST, "random_state": 1}, **options).fit(X, y).predict_proba(X)
    assert not np.array_equal(other, first)


def test_threads_do_not_draw_from_one_another(rising):
    X, y = rising
    options = {**FAST, "dropout": 0.5}
    expected = RecurrentClassifier(**options).fit(X, y).predict_proba(X)
    fits = joblib.Parallel(n_jobs=4, backend="threading")(
        joblib.delayed(RecurrentClassifier(**options).fit)(X, y) for _ in range(8)
    )
    for model in fits:
        np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_patience_stops_with_the_best_weights(rising):
    X, y = rising
    noise = np.random.default_rng(2).permutation(y)
    model = RecurrentClassifier(**{**LEARNS, "epochs": 200}, patience=5, validation_fraction=0.25).fit(X, noise)
    history = model.result_.history.validation
    assert model.result_.stopped_early
    assert len(history) == model.result_.best_epoch + 5
    assert min(history) == history[model.result_.best_epoch - 1]


def test_an_interrupted_fit_goes_on_to_the_same_bits(rising, tmp_path, monkeypatch):
    X, y = rising
    options = {**FAST, "epochs": 10, "batch_size": 16, "dropout": 0.2}
    expected = RecurrentClassifier(**options).fit(X, y).predict_proba(X)
    model = RecurrentClassifier(**options, checkpoint=tmp_path / "own.checkpoint").fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected)

    model.set_params(checkpoint=tmp_path / "another.checkpoint")
    loss, calls = RecurrentClassifier._loss, []

    def interrupted(self, outputs, targets):
        calls.append(1)
        if len(calls) == 14:
            signal.raise_signal(signal.SIGINT)
        return loss(self, outputs, targets)

    with monkeypatch.context() as patch:
        patch.setattr(RecurrentClassifier, "_loss", interrupted)
        patch.setattr(interrupted, "__qualname__", loss.__qualname__)
        patch.setattr(interrupted, "__module__", loss.__module__)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), expected)


@pytest.mark.parametrize("model", [RecurrentClassifier(**FAST), RecurrentRegressor(**FAST)])
def test_a_fitted_estimator_is_kept(rising, tmp_path, model):
    X, y = rising
    model.fit(X, y == "rises")
    joblib.dump(model, tmp_path / "model.joblib")
    for kept in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(kept.predict(X), model.predict(X))
        assert repr(kept) == repr(model)
    with pytest.raises(NotFittedError):
        clone(model).predict(X)


def test_searches_in_two_processes(ragged):
    sequences, y = ragged
    grid = GridSearchCV(RecurrentRegressor(**FAST), {"hidden_size": [2, 4], "cell": ["gru"]}, cv=2, n_jobs=2)
    assert grid.fit(sequences, y).best_params_["cell"] == "gru"
    alone = cross_val_score(RecurrentRegressor(**FAST, cell="gru"), sequences, y, cv=2)
    np.testing.assert_array_equal([grid.cv_results_[f"split{k}_test_score"][1] for k in range(2)], alone)


def test_numbers_drawn_by_a_search_are_numbers(rising):
    X, y = rising
    drawn = {"hidden_size": np.arange(2, 6), "learning_rate": np.logspace(-3, -1, 5), "epochs": np.arange(1, 3)}
    search = RandomizedSearchCV(RecurrentClassifier(random_state=0), drawn, n_iter=2, cv=2, random_state=0)
    assert search.fit(X, y).best_estimator_.predict(X).shape == (40,)


def test_a_pipeline(rising):
    X, y = rising
    pipeline = make_pipeline(StandardScaler(), RecurrentClassifier(**LEARNS))
    assert pipeline.fit(X, y).score(X, y) == 1.0
    assert pipeline.set_params(recurrentclassifier__hidden_size=3).fit(X, y)[-1].network_.dense.in_features == 2 * 3


def test_an_ideal_chip_predicts_the_same(ragged):
    sequences, y = ragged
    model = RecurrentClassifier(**FAST).fit([one.astype(np.float32) for one in sequences], y > 5)
    inputs = model.network_inputs(sequences)
    chip = program(model.network_, ChipSettings().ideal(), chips=2, calibration=inputs)
    logits, _ = chip(inputs)
    expected = torch.from_numpy(model.predict_proba(sequences)).expand(2, -1, -1)
    torch.testing.assert_close(logits.softmax(-1), expected, rtol=1e-5, atol=1e-6, check_dtype=False)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cell": "lsmt"}, "did you mean 'lstm'"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"epochs": 0}, "epochs=0"),
        ({"learning_rate": -1}, "learning_rate=-1"),
        ({"batch_size": 1.5}, "batch_size=1.5"),
        ({"pooling": "median"}, "pooling='median'"),
        ({"dropout": 2}, "dropout"),
        ({"bidirectional": "yes"}, "bidirectional"),
        ({"patience": 1, "validation_fraction": 1.0}, "validation_fraction=1.0"),
        ({"patience": 1, "validation_fraction": 0.01}, "holds out validation_fraction=0.01 of 40 samples"),
    ],
)
def test_parameters_that_make_no_sense(rising, options, says):
    model = RecurrentClassifier(**{**FAST, **options})
    with pytest.raises(CellwrightError, match=says) as caught:
        model.fit(*rising)
    assert "\n" not in str(caught.value)
    with pytest.raises(NotFittedError):
        model.predict(rising[0])


def test_a_checkpoint_of_other_data_is_refused(rising, tmp_path):
    X, y = rising
    model = RecurrentClassifier(**FAST, checkpoint=tmp_path / "run.checkpoint").fit(X, y)
    with pytest.raises(CellwrightError, match="made with other settings: data"):
        model.fit(X + 1.5 * X**2, y)


def test_without_scikit_learn_the_extra_is_named():
    code = """
import sys
sys.modules["sklearn"] = None
import cellwright
try:
    cellwright.RecurrentClassifier
except cellwright.CellwrightError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "estimators need the package scikit-learn: pip install 'cellwright[sklearn]'\n"


def test_a_fit_in_a_thread_is_a_fit(rising):
    """Ctrl-C is the main thread's; elsewhere training goes on without its handler."""
    fitted = []
    thread = threading.Thread(target=lambda: fitted.append(RecurrentClassifier(**FAST).fit(*rising)))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(
        fitted[0].predict_proba(rising[0]), RecurrentClassifier(**FAST).fit(*rising).predict_proba(rising[0])
    )
