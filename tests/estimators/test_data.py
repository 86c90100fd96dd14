"""What sequences may look like, how they are scaled, and what is said of those that make no sense."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from cellwright import CellwrightError, RecurrentClassifier, RecurrentRegressor

FAST = {"hidden_size": 4, "epochs": 3, "random_state": 0}


def padded(sequences):
    values = np.full((len(sequences), max(map(len, sequences)), sequences[0].shape[1]), np.nan)
    for row, one in zip(values, sequences, strict=True):
        row[: len(one)] = one
    return values


def test_a_table_is_sequences_of_one_feature(rising):
    X, y = rising
    forms = [X, X[:, :, None], list(X), X.tolist(), X[:, :, None].tolist(), list(X[:, :, None]), torch.tensor(X)]
    models = [RecurrentClassifier(**FAST).fit(form, y) for form in forms]
    assert [model.n_features_in_ for model in models] == [12, 1, 12, 12, 1, 1, 12]
    for model in models:
        for form in forms:
            np.testing.assert_array_equal(model.predict_proba(form), models[0].predict_proba(X))


def test_a_list_is_an_array_with_padding(ragged):
    sequences, y = ragged
    as_objects = np.empty(len(sequences), dtype=object)
    as_objects[:] = sequences
    forms = [sequences, tuple(sequences), padded(sequences), as_objects]
    predictions = [RecurrentRegressor(**FAST).fit(form, y).predict(forms[0]) for form in forms]
    for other in predictions[1:]:
        np.testing.assert_array_equal(other, predictions[0])


def test_sequences_of_one_feature_may_differ_in_length(ragged):
    sequences, y = [one[:, 0] for one in ragged[0]], ragged[1]
    model = RecurrentRegressor(**FAST).fit(sequences, y)
    np.testing.assert_array_equal(model.predict(padded([one[:, None] for one in sequences])), model.predict(sequences))
    # Two that happen to be equally long look like a table.
    np.testing.assert_allclose(model.predict([sequences[0]] * 2), model.predict(sequences)[0], rtol=1e-12)
    table = padded([one[:, None] for one in sequences])[:, :, 0]
    np.testing.assert_array_equal(RecurrentRegressor(**FAST).fit(table, y).predict(table), model.predict(sequences))


@pytest.mark.parametrize("estimator", [RecurrentClassifier(**FAST), RecurrentRegressor(**FAST)])
def test_padding_changes_no_prediction(ragged, estimator):
    sequences, y = ragged
    model = estimator.fit(sequences, y > 5)
    alone = np.concatenate([model.predict([one]) for one in sequences])
    np.testing.assert_allclose(model.predict(sequences).astype(float), alone.astype(float), rtol=1e-12)


def test_scaling_is_that_of_scikit_learn(ragged):
    sequences, y = ragged
    weights = np.arange(1.0, 41.0)
    model = RecurrentRegressor(**FAST).fit(sequences, y, weights)
    inputs = StandardScaler().fit(np.concatenate(sequences), sample_weight=weights.repeat([len(s) for s in sequences]))
    np.testing.assert_allclose(model.input_scaling_.mean, inputs.mean_, rtol=1e-12)
    np.testing.assert_allclose(model.input_scaling_.deviation, inputs.scale_, rtol=1e-12)
    target = StandardScaler().fit(y[:, None], sample_weight=weights)
    np.testing.assert_allclose(model.target_scaling_.mean, target.mean_, rtol=1e-12)
    np.testing.assert_allclose(model.target_scaling_.deviation, target.scale_, rtol=1e-12)
    expected = inputs.transform(sequences[3])
    torch.testing.assert_close(model.network_inputs(sequences)[3, : len(expected)], torch.from_numpy(expected))
    with torch.no_grad():
        outputs = model.network_(torch.from_numpy(expected)[None])[0]
    np.testing.assert_allclose(model.predict([sequences[3]]), target.inverse_transform(outputs)[:, 0], rtol=1e-12)


def test_scaling_sees_the_training_part_alone(rising):
    X, y = rising
    model = RecurrentClassifier(**FAST, patience=2, validation_fraction=0.25).fit(X, y)
    means = X.mean(axis=1)
    assert model.input_scaling_.mean[0] != pytest.approx(means.mean())
    assert len(model.result_.history.validation) == 3


def test_constants_are_scaled_to_zero(rising):
    X, y = rising
    with_constant = np.stack([X, np.full_like(X, 0.1)], axis=2)
    model = RecurrentClassifier(**FAST).fit(with_constant, y)
    assert bool((model.network_inputs(with_constant)[:, :, 1].abs() < 1e-9).all())
    target = RecurrentRegressor(**FAST).fit(X, np.full(40, 7.0)).predict(X)
    np.testing.assert_allclose(target, 7.0, atol=1.0)


@pytest.mark.parametrize(("given", "trained"), [(np.float32, torch.float32), (np.float64, torch.float64)])
def test_the_network_has_the_dtype_of_the_data(rising, given, trained):
    X, y = rising
    model = RecurrentClassifier(**FAST).fit(X.astype(given), y)
    assert {parameter.dtype for parameter in model.network_.parameters()} == {trained}
    assert model.predict(X.astype(np.float32)).shape == model.predict(X).shape == (40,)


def changed(X, *place, value=np.nan):
    X = np.array(X)
    X[place] = value
    return X


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda X: changed(X, 3, 4), "Input X contains NaN: sample 3 at step 4"),
        (lambda X: changed(np.stack([X, X], 2), 2, 11, 1), "Input X contains NaN: sample 2 at step 11"),
        (lambda X: changed(X, 5), "sample 5 has no other value"),
        (lambda X: changed(X, 3, 4, value=np.inf), "Input X contains infinity"),
        (lambda X: X * 1e300, "too large"),
        (lambda X: X[:, :0], "0 feature"),
        (lambda X: X[:, :, None][:, :, :0], "at least one sample, step and feature"),
        (lambda X: X[0], "Expected 2D array, got 1D array"),
        (lambda X: X[:, :, None, None], "dim 4"),
        (lambda X: [*X[:39, :, None], X[39:40, :0].T], "sequence 39 of X: Found array with 0 sample"),
        (lambda X: [*X[:39, :, None], np.ones((3, 2))], "sequence 39 of X has 2 features a step, but sequence 0 has 1"),
        (lambda X: [*X[:39, :, None], np.full((3, 1), np.nan)], "sample 39 has no other value"),
        (lambda X: [*X[:39, :, None], np.full((3, 1), "a")], "sequence 39 of X: "),
        (lambda X: X[:5], "inconsistent numbers of samples"),
        (lambda X: [], "Expected 2D array"),
    ],
)
def test_sequences_that_make_no_sense(rising, change, says):
    X, y = rising
    with pytest.raises(ValueError, match=says) as caught:
        RecurrentClassifier(**FAST).fit(change(X), y)
    if isinstance(caught.value, CellwrightError):
        assert "\n" not in str(caught.value)


def test_predictions_need_the_features_of_fit(rising, ragged):
    X, y = rising
    of_table, of_two = RecurrentClassifier(**FAST).fit(X, y), RecurrentRegressor(**FAST).fit(*ragged)
    with pytest.raises(ValueError, match="X has 11 features, but RecurrentClassifier is expecting 12 features"):
        of_table.predict(X[:, :11])
    assert of_table.predict(X[:, :11, None]).shape == (40,)
    for wrong in (X, X[:, :, None]):
        with pytest.raises(CellwrightError, match="X has 1 features a step, but RecurrentRegressor is expecting 2"):
            of_two.predict(wrong)
    with pytest.raises(CellwrightError, match="X has 2 features a step, but RecurrentClassifier is expecting 1"):
        of_table.predict(ragged[0])


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (np.ones(39), r"sample_weight has the shape \(39,\)"),
        (-np.ones(40), "at least zero"),
        (np.zeros(40), "not all of them zero"),
        (np.full(40, np.nan), "finite"),
        (["a"] * 40, "expected a number for each of the 40 samples"),
        (np.repeat([0, 1], 20), "y has one class, 'rises'"),
    ],
)
def test_weights_that_make_no_sense(rising, weights, says):
    with pytest.raises(CellwrightError, match=says):
        RecurrentClassifier(**FAST).fit(*rising, weights)
