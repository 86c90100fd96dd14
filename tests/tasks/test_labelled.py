"""The classes of a person's own sequences: splits, chunks, metrics and baselines against scikit-learn and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.neighbors import KNeighborsClassifier

from cellwright.data import LabelledSequences, read_labelled
from cellwright.data import test_file_beside as file_beside
from cellwright.errors import CellwrightError
from cellwright.tasks import LabelledFile, LabelledTask, read_task, train
from cellwright.tasks.chunks import Chunks
from cellwright.tasks.labelled import default_recipe, split, spread
from cellwright.tasks.nearest import nearest


def made(labels, *, seed=0, channels=1, lengths=(12, 9, 15)):
    """Noise around a rising (b) or falling (any other) line."""
    draw = np.random.default_rng(seed)
    sequences = []
    for k, label in enumerate(labels):
        line = np.linspace(-1, 1, lengths[k % len(lengths)])[:, None] * (1 if label == "b" else -1)
        sequences.append(line + 0.3 * draw.standard_normal((len(line), channels)))
    return LabelledSequences(
        name="made",
        sequences=tuple(sequences),
        labels=tuple(labels),
        classes=tuple(sorted(set(labels))),
        channels=tuple(f"channel {k}" for k in range(channels)),
    )


def short(task):
    """The default recipe with little training."""
    recipe = task.recipe()
    return replace(recipe, training=replace(recipe.training, epochs=15, schedule=None))


@pytest.fixture
def task():
    return LabelledTask(made("ab" * 12), made("aabbab" * 3, seed=1))


def test_learns_ragged_sequences_and_repeats_itself(task):
    recipe = short(task)
    first, second = (train(task, recipe, 3).model for _ in range(2))
    for ours, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    with torch.no_grad():
        found = task.forecast(first.eval()(task.test_inputs(recipe))[0], recipe)
    assert found.shape == (1, 18)
    assert float(task.metrics(found)["balanced_error"]) < 10


def test_validation_chooses_the_epochs(task):
    recipe = replace(short(task), validation=0.25)
    data = task.training_data(recipe)
    assert (len(data.train), len(data.validation), len(data.everything)) == (18, 6, 24)
    trained = train(task, recipe, 0)
    assert len(trained.result.history.train) == trained.chosen_by.best_epoch


@settings(max_examples=30)
@given(st.lists(st.integers(0, 2), min_size=4, max_size=30), st.data())
def test_metrics_are_those_of_scikit_learn(truth, data):
    truth = [0, 0, 1, 1, 2, 2, *truth]
    given = data.draw(st.lists(st.integers(0, 2), min_size=len(truth), max_size=len(truth)))
    task = LabelledTask(
        made("aabbcc"), replace(made("a" * len(truth)), labels=tuple("abc"[k] for k in truth), classes=tuple("abc"))
    )
    found = torch.tensor([given, truth])
    metrics = task.metrics(found)
    assert metrics["balanced_error"][0] == pytest.approx(100 - 100 * balanced_accuracy_score(truth, given))
    assert metrics["error"][0] == pytest.approx(100 * np.mean(np.array(truth) != given))
    assert task.recall(found)[0].numpy() == pytest.approx(
        100 * recall_score(truth, given, average=None, labels=[0, 1, 2])
    )
    assert metrics["balanced_error"][1] == metrics["error"][1] == 0


def test_a_class_without_test_sequences_has_no_recall():
    task = LabelledTask(made("aabbcc"), made("ab"))
    found = torch.tensor([0, 2])
    assert task.recall(found).tolist()[:2] == [100.0, 0.0]
    assert bool(task.recall(found)[2].isnan())
    assert float(task.metrics(found)["balanced_error"]) == 50.0


def test_forecasts_are_the_largest_logits(task):
    logits = torch.randn(2 * 18, 2, generator=torch.Generator().manual_seed(0))
    found = task.forecast(logits, task.recipe())
    assert torch.equal(found, logits.argmax(1).reshape(2, 18))
    with pytest.raises(CellwrightError, match=r"outputs of shape \(17, 2\): expected \(networks \* 18, 2\)"):
        task.forecast(logits[:17], task.recipe())
    with pytest.raises(CellwrightError, match="expected one for each of the 18 test sequences"):
        task.metrics(found[:, :3])


@pytest.mark.parametrize(
    ("name", "error"),
    [("ECG200", 0.120), ("GunPoint", 0.0867), ("ItalyPowerDemand", 0.0447), ("ToeSegmentation1", 0.3202)],
)
def test_the_nearest_neighbour_errs_as_published(needs, name, error):
    """Errors of 1-NN with Euclid's distance as the UCR archive prints them."""
    path = needs.data(f"ucr_small/{name}_TRAIN.tsv")
    task = LabelledTask(read_labelled(path), read_labelled(file_beside(path)))
    found = task.metrics(task.baselines()["nearest"].forecasts)["error"] / 100
    assert round(float(found), 4) == error


def test_nearest_is_that_of_scikit_learn(monkeypatch):
    monkeypatch.setattr("cellwright.tasks.nearest.PIECE", 200)  # several pieces
    training, test = made("ab" * 9, channels=2, lengths=(8,)), made("ab" * 9, seed=1, channels=2, lengths=(8,))
    rows, others = (np.stack(data.sequences) for data in (training, test))
    scale = rows.std((0, 1))
    model = KNeighborsClassifier(1).fit((rows / scale).reshape(18, -1), range(18))
    assert (
        nearest(training.sequences, test.sequences).tolist() == model.predict((others / scale).reshape(18, -1)).tolist()
    )


def test_sequences_of_other_lengths_are_stretched():
    ramp = np.linspace(0, 1, 9)[:, None]
    assert nearest((ramp, 1 - ramp), (ramp[::2], 1 - ramp[::4], np.linspace(1, 0, 20)[:, None])).tolist() == [0, 1, 1]
    assert nearest((ramp, 1 - ramp), (np.array([[1.0]]),)).tolist() == [0]  # equally near: the first


def test_the_commonest_class(task):
    uneven = LabelledTask(made("aabbb"), made("ab"))
    assert uneven.baselines()["commonest"].forecasts.tolist() == [1, 1]


def test_chunks_by_hand():
    """Values 0 to 4: mean 2, standard deviation sqrt 2, differences 1; two time steps a step, the last filled up."""
    sequence = np.arange(5.0)[:, None]
    chunks = Chunks.fit((sequence,), 3, differences=False)
    assert (chunks.width, chunks.features) == (2, 2)
    scaled = (np.array([[0, 1], [2, 3], [4, 4]]) - 2) / np.sqrt(2)
    assert chunks.encode((sequence,))[0].numpy() == pytest.approx(scaled, abs=1e-6)
    both = chunks.encode((sequence, sequence[:2]))
    assert both[1, 0].numpy() == pytest.approx(scaled[0], abs=1e-6)
    assert bool(both[1, 1:].isnan().all())


def test_differences_are_scaled_by_their_own_spread():
    sequence = np.array([0.0, 1.0, 3.0, 4.0])[:, None]
    chunks = Chunks.fit((sequence,), 4, differences=True)
    # The differences 1, 2, 1 have the standard deviation sqrt(2) / 3; the first value has none, which counts as 0.
    expected = np.array([0, 1, 2, 1]) / (np.sqrt(2) / 3)
    assert chunks.encode((sequence,))[0, :, 1].numpy() == pytest.approx(expected, rel=1e-6)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(1, 50))
def test_no_sequence_has_more_steps_than_asked_for(lengths, steps):
    sequences = [np.arange(float(length))[:, None] + k for k, length in enumerate(lengths)]
    sequences.append(np.array([[0.0], [1.0]]))
    encoded = Chunks.fit(sequences, steps, differences=True).encode(sequences)
    assert encoded.shape[1] <= steps
    assert bool(encoded[:, 0].isfinite().all())


def test_scales_come_from_the_training_part_alone(task):
    shifted = replace(task.tested, sequences=tuple(1e6 + 1e6 * values for values in task.tested.sequences))
    recipe = task.recipe()
    other = LabelledTask(task.training, shifted)
    assert np.array_equal(other.chunks(recipe).mean, task.chunks(recipe).mean)
    assert float(other.test_inputs(recipe).nan_to_num().abs().max()) == 1000.0  # cut off


def test_a_constant_channel_is_no_harm_and_constant_sequences_are_refused():
    data = made("abab", channels=2)
    for values in data.sequences:
        values[:, 1] = 0.1
    task = LabelledTask(data, data)
    assert bool(task.training_data(task.recipe()).train.inputs.nan_to_num().isfinite().all())
    for values in data.sequences:
        values[:] = 0.1
    with pytest.raises(CellwrightError, match="one and the same value throughout"):
        LabelledTask(data, data).training_data(task.recipe())


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=40), st.floats(0.05, 0.95))
def test_a_split_is_stratified(labels, part):
    data = made(labels, lengths=(1,))
    kept, held_out = split(data, part)
    assert sorted([*kept, *held_out]) == list(range(len(labels)))
    for label, count in data.counts.items():
        out = sum(labels[k] == label for k in held_out)
        assert out == (0 if count == 1 else min(max(round(part * count), 1), count - 1))
    assert all(np.array_equal(one, other) for one, other in zip((kept, held_out), split(data, part), strict=True))


def test_test_sequences_are_named_or_beside_or_held_out(tmp_path):
    rows = "".join(f"{k % 2}\t{k}\t{k % 3}\n" for k in range(8))
    for name in ("A_TRAIN.tsv", "other.tsv"):
        (tmp_path / name).write_text(rows)
    path = str(tmp_path / "A_TRAIN.tsv")
    alone = read_task(LabelledFile(path=path))
    assert (len(alone.training), len(alone.tested)) == (6, 2)
    assert alone.note == "No file of test sequences: 25 % of each class of A_TRAIN.tsv are held out."
    (tmp_path / "A_TEST.tsv").write_text(rows)
    assert "tested on A_TEST.tsv, which lies beside it" in read_task(LabelledFile(path=path)).note
    assert len(read_task(LabelledFile(path=path, test=0.5)).tested) == 4
    named = read_task(LabelledFile(path=path, test_file=str(tmp_path / "other.tsv")))
    assert named.note == "Trained on all of A_TRAIN.tsv, tested on other.tsv, named by --test-file."


def test_a_long_test_is_spread_over_each_class(tmp_path, monkeypatch):
    monkeypatch.setattr("cellwright.tasks.labelled.MOST_TESTED", 9)
    for name, count in (("A_TRAIN.tsv", 8), ("A_TEST.tsv", 30)):
        (tmp_path / name).write_text("".join(f"{int(k % 3 == 0)}\t{k}\t{k % 5}\n" for k in range(count)))
    task = read_task(LabelledFile(path=str(tmp_path / "A_TRAIN.tsv")))
    assert task.note.endswith("Of 30 test sequences 9 are tested, evenly spread over each class.")
    assert task.tested.counts == {"0": 6, "1": 3}
    assert [int(values[0, 0]) + 1 for values in task.tested.sequences] == list(task.tested.numbers)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=5), st.integers(5, 50))
def test_spread_keeps_the_proportions(counts, most):
    labels = [label for label, count in zip("abcde", counts, strict=False) for _ in range(count)]
    data = made(labels, lengths=(1,))
    chosen = spread(data, min(most, len(labels))).tolist()
    assert len(set(chosen)) == len(chosen)
    for label, count in data.counts.items():
        share = min(most, len(labels)) * count / len(labels)
        assert abs(sum(labels[k] == label for k in chosen) - max(share, 1)) <= 0.5


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"test": 1.0}, "--test 1: expected a fraction between 0 and 1"),
        ({"test": float("nan")}, "--test nan"),
        ({"test": 0.2, "test_file": "b.ts"}, "give one of them"),
    ],
)
def test_bad_options(options, says):
    with pytest.raises(CellwrightError, match=says):
        LabelledFile(path="a.ts", **options)


@pytest.mark.parametrize(
    ("training", "test", "says"),
    [
        (made("aaa"), made("a"), "made has sequences of one class alone, 'a'"),
        (made("aabb"), made("abc"), "the test sequences have the class 'c', which no training sequence has"),
        (made("aabb"), made("ab", channels=2), "the test sequences have dimensions: 2; the training sequences have 1"),
    ],
)
def test_bad_sequences(training, test, says):
    with pytest.raises(CellwrightError, match=says):
        LabelledTask(training, test)


def test_a_class_is_held_out_from_two_sequences_on(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("1\t2\n1\t3\n2\t4\n")
    with pytest.raises(CellwrightError, match="a has one sequence alone of the class '2': expected at least two"):
        read_task(LabelledFile(path=str(path)))
    path.write_text("1\t2\n1\t3\n2\t4\n3\t4\n")
    with pytest.raises(CellwrightError, match="of the class '2' and of 1 more"):
        read_task(LabelledFile(path=str(path)))
    path.write_text("1\t2\n1\t3\n2\t4\n2\t5\n")
    task = read_task(LabelledFile(path=str(path)))
    assert task.training.counts == task.tested.counts == {"1": 1, "2": 1}


def test_a_class_of_one_training_sequence_is_learnt():
    task = LabelledTask(made("aab"), made("ab"))
    assert task.training.counts == {"a": 2, "b": 1}
    assert task.training_data(task.recipe()).train.targets.tolist() == [0, 0, 1]


def test_sequences_of_one_step_and_straight_lines_have_scales():
    """No step, or steps that are equal but for their last bits, are no scale for differences."""
    single = Chunks.fit([np.array([[1.0]]), np.array([[2.0]])], 4, differences=True)
    assert (single.difference > 0).all()
    lines = [0.1 * np.arange(20)[:, None] + start for start in range(3)]
    chunks = Chunks.fit(lines, 20, differences=True)
    assert chunks.difference * chunks.scale == pytest.approx(0.1)
    assert chunks.encode(lines)[:, 1:, 1].tolist() == [pytest.approx([1.0] * 19)] * 3


def test_the_default_trains_small_sets_longer():
    assert [default_recipe(n).training.epochs for n in (20, 100, 1000, 10_000)] == [200, 115, 20, 20]
