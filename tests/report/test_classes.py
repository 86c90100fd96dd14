"""The report of a run that classifies sequences."""

import csv
import io
import json
from html import unescape

import numpy as np
import pytest
from rich.console import Console

from cellwright.report import Score, class_story, results_table, wording, write_report
from cellwright.report.canvas import svg
from cellwright.report.class_figures import confusion
from cellwright.report.class_result import files
from cellwright.report.figures import figures
from cellwright.report.page import html
from cellwright.report.result import result_json

NUMBERS = wording.Numbers()


def printed(record, width=100):
    console = Console(width=width, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(results_table(record))
    return capture.get()


def said(text):
    return " ".join(text.replace("\u202f", " ").split())


@pytest.fixture(scope="module")
def drawn(classified):
    """The figures, drawn once: they are the same to the words around them."""
    return {name: svg(figure, name) for name, figure in figures(classified).items()}


@pytest.fixture(scope="module")
def page(classified, drawn):
    return html(classified, drawn)


def test_the_headline_sets_the_chip_beside_software_and_a_neighbour(classified):
    chip, software, neighbour = (
        f"{100 - error:.2f}"
        for error in (classified.chip_whole.mean, classified.software.mean, classified.baselines[1].error)
    )
    sentence = said(class_story.headline(classified))
    assert f"classifies with a balanced accuracy of {chip} ± " in sentence
    assert f"in software with {software} ± " in sentence
    assert f"; 1-nearest-neighbour, without a network, reaches {neighbour} %." in sentence


def test_a_better_chip_is_luck(classified, replace):
    lucky = replace(classified, chip_whole=Score(mean=1.0), software=Score(mean=2.0))
    assert "no improvement to count on" in class_story.headline(lucky)
    assert "improvement" not in class_story.headline(classified)


def test_the_departure_is_a_share_of_decisions(classified, replace):
    sentence = said(class_story.departure(classified))
    assert f"changes {classified.departure.median:.2f} % of the decisions of the median chip" in sentence
    worst = classified.worst_cause
    assert f"The largest single cause is {worst.title}" in sentence
    assert f"alone it changes {worst.departure_alone.median:.2f} % of them" in sentence
    assert "cause" not in class_story.departure(replace(classified, causes=()))


def test_accuracies_are_what_errors_leave(classified):
    error = classified.chip_whole
    accuracy = classified.balanced_accuracy(error)
    assert accuracy.mean == 100 - error.mean
    assert accuracy.percentiles == {p: 100 - error.percentiles[100 - p] for p in (5, 50, 95)}
    assert list(accuracy.percentiles) == [5, 50, 95]
    assert (accuracy.std, accuracy.count) == (error.std, error.count)


def test_every_system_and_every_class_is_in_the_table_and_on_the_page(classified, page):
    text = printed(classified)
    for system in class_story.systems(classified):
        for score in (system.balanced, system.accuracy):
            assert NUMBERS.with_std(score) in text
            assert NUMBERS.mean(score) in page
    for row in class_story.recalls(classified):
        line = next(line for line in text.splitlines() if line.startswith(f"{row.name} "))
        for score in row.recalls:
            assert NUMBERS.with_std(score) in line
            assert NUMBERS.mean(score) in page
        assert f"<td>{row.trained}</td><td>{row.tested}</td>" in page
    assert classified.note in unescape(page)


def test_the_page_speaks_of_decisions(page):
    for words in ("The forecast", "RMSE", "forecast.csv", "root mean square"):
        assert words not in page
    for words in ("balanced error", "test.csv", "over the test sequence 1:", "the same decisions as in software"):
        assert words in page


def test_the_decisions_of_an_ideal_chip_are_not_made_up(classified, replace, drawn):
    other = replace(classified, departure_ideal=Score(mean=3.0), chip_ideal=Score(mean=9.0))
    ideal = next(system for system in class_story.systems(other) if system.name == "ideal chip")
    assert (ideal.balanced.mean, ideal.accuracy) == (91.0, None)
    assert "the same decisions" not in html(other, drawn)


@pytest.mark.parametrize("width", [40, 80, 100])
@pytest.mark.parametrize("run", ["classified", "hostile_classes"])
def test_no_line_is_wider_than_the_terminal(request, run, width):
    assert max(map(len, printed(request.getfixturevalue(run), width).splitlines())) <= width


def test_the_matrices_hold_the_counts(classified):
    axes = confusion(classified).axes
    for panel, decisions in zip(axes, (classified.decisions.software, classified.decisions.chip), strict=False):
        matrix = classified.confusion(decisions)
        shares = 100 * matrix / matrix.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(panel.images[0].get_array(), shares, rtol=1e-12)
        assert [text.get_text() for text in panel.texts] == [f"{number:.1f}" for number in matrix.ravel()]
        assert [label.get_text() for label in panel.get_xticklabels()] == list(classified.classes)
    assert [label.get_text() for label in axes[0].get_yticklabels()] == list(classified.classes)


def test_many_classes_are_numbered_from_one_without_counts(classify, drawn):
    many = classify(tuple(f"class {number}" for number in range(40)), tested=400)
    figure = confusion(many)
    assert not figure.axes[0].texts
    figure.draw_without_rendering()
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert not [label for label in labels if "class" in label]
    assert figure.axes[0].xaxis.get_major_formatter()(0, None) == "1"
    assert "Recall by class, 40 rows" in html(many, drawn)


def test_a_class_without_test_sequences_is_a_dash(classified, replace, drawn):
    three = replace(classified, classes=(*classified.classes, "rare"), training_counts=(40, 41, 1))
    assert np.isnan(np.asarray(confusion(three).axes[0].images[0].get_array().filled(np.nan))[2]).all()
    assert "<td>1</td><td>0</td><td>–</td>" in html(three, drawn)
    assert json.loads(result_json(three))["software"]["recall"]["rare"] is None


def test_result_json(classified):
    result = json.loads(result_json(classified))
    chip = result["chip"]
    assert list(chip) == ["ideal", "whole", "departure_from_software", "left_digital", "by_cause"]
    keys = {"balanced_accuracy", "std", "percentiles", "accuracy", "recall", "confusion"}
    assert result["software"].keys() == result["baselines"]["1-nearest-neighbour"].keys() == keys
    assert chip["whole"].keys() == keys | {"chips"}
    assert chip["whole"]["balanced_accuracy"] == 100 - classified.chip_whole.mean
    assert chip["whole"]["confusion"] == classified.confusion(classified.decisions.chip).tolist()
    recalls = [score.mean for score in classified.recall(classified.decisions.software)]
    assert list(result["software"]["recall"].values()) == recalls
    assert np.mean(recalls) == pytest.approx(result["software"]["balanced_accuracy"], rel=1e-12)
    assert chip["departure_from_software"]["changed_decisions_percent"] == classified.departure.mean
    assert chip["by_cause"]["wires"]["alone"] == classified.causes[-1].alone.mean
    assert result["classes"]["abnormal"] == {"training_sequences": 41, "test_sequences": classified.test_counts[1]}


def test_every_test_sequence_has_a_row(classified, tmp_path):
    write_report(classified, tmp_path)
    assert not (tmp_path / "forecast.csv").exists()
    text = (tmp_path / "test.csv").read_text(encoding="utf-8")
    assert text == files(classified)["test.csv"]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["sequence"] for row in rows] == list(classified.sequences)
    assert [row["label"] for row in rows] == [classified.classes[index] for index in classified.truth]
    for at, row in enumerate(rows):
        assert row["software_seed_3"] == classified.classes[classified.decisions.software[3, at]]
        share = (classified.decisions.chip[:, at] == 1).mean()
        assert float(row["chip_share_abnormal"]) == pytest.approx(share, rel=1e-5)
