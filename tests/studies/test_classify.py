"""A person's own sequences through the main job, and what the command line makes of its options."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, recall_score
from typer.testing import CliRunner

from cellwright.cli import app
from cellwright.crossbar import program
from cellwright.errors import CellwrightError
from cellwright.report import ClassReport
from cellwright.studies import hardware
from cellwright.studies.files import own_file
from cellwright.studies.job import Job, RunSettings
from cellwright.studies.narration import Narration
from cellwright.studies.predict import predict
from cellwright.studies.run import run_study
from cellwright.tasks import LabelledFile
from cellwright.tasks.labelled import default_recipe


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Rising and falling lines with noise, of 6 or 8 values, to train on and to test."""
    folder = tmp_path_factory.mktemp("classify")
    draw = np.random.default_rng(0)
    for part, count in (("TRAIN", 12), ("TEST", 9)):
        rows = []
        for k in range(count):
            values = np.linspace(-1, 1, 8) * (-1) ** k + 0.8 * draw.standard_normal(8)
            cells = [f"{value:.4f}" for value in values[: 6 + 2 * (k % 3 > 0)]]
            rows.append("\t".join([str(k % 2 + 1), *cells, *["NaN"] * (8 - len(cells))]))
        (folder / f"Lines_{part}.tsv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def settings(files):
    path = str(files / "Lines_TRAIN.tsv")
    return RunSettings(task=path, seeds=2, chips=2, file=LabelledFile(path=path))


@pytest.fixture(scope="module")
def small():
    """The default recipe, for few epochs and few devices."""

    def recipe(sequences):
        usual = default_recipe(sequences)
        return replace(usual, hidden_size=3, bidirectional=False, training=replace(usual.training, epochs=12))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cellwright.tasks.labelled.default_recipe", recipe)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def report(settings, folder, small):
    return run_study(settings, folder)


def test_the_report_has_what_scikit_learn_computes(report, settings):
    assert isinstance(report, ClassReport)
    assert (report.classes, report.training_counts) == (("1", "2"), [6, 6])
    assert report.truth.tolist() == [0, 1] * 4 + [0]
    assert report.sequences == [str(k) for k in range(1, 10)]
    assert "tested on Lines_TEST.tsv, which lies beside it" in report.note
    software, chip = report.decisions.software, report.decisions.chip
    assert (software.shape, chip.shape) == ((2, 9), (2 * 2, 9))
    errors = [100 - 100 * balanced_accuracy_score(report.truth, row) for row in chip]
    assert report.chip_whole.mean == pytest.approx(np.mean(errors))
    recalls = np.mean([recall_score(report.truth, row, average=None) for row in chip], 0)
    assert [score.mean for score in report.recall(chip)] == pytest.approx(100 * recalls)
    matrices = np.mean([confusion_matrix(report.truth, row) for row in software], 0)
    assert report.confusion(software) == pytest.approx(matrices)
    departures = [100 * np.mean(row != software[k // 2]) for k, row in enumerate(chip)]
    assert report.departure.mean == pytest.approx(np.mean(departures))
    assert [(b.name, b.title) for b in report.baselines] == [
        ("nearest", "1-nearest neighbour"),
        ("commonest", "commonest class"),
    ]


def test_an_ideal_chip_decides_as_software_does(report):
    assert report.departure_ideal.mean == 0
    assert report.chip_ideal.mean == pytest.approx(report.software.mean)


def test_gates_are_those_of_a_sequence_without_its_padding(report):
    assert report.gate_sequence == "test sequence 1, class 1"
    assert {gate.shape for gate in report.gates.values()} == {(6, 3)}


def test_one_seed_gives_the_same_and_results_are_found_again(report, settings, small, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("cellwright.studies.run.write_report", lambda *_: None)
    assert np.array_equal(run_study(settings, tmp_path).decisions.chip, report.decisions.chip)
    monkeypatch.setattr("cellwright.studies.run.study", None)  # nothing is programmed again
    assert np.array_equal(run_study(settings, folder).decisions.chip, report.decisions.chip)


def test_the_folder_has_the_report(report, folder):
    assert {"report.html", "result.json", "model.safetensors"} <= {path.name for path in folder.iterdir()}


def test_other_sequences_are_another_run(settings):
    described = Job(settings).described()
    assert described["data_source"] != Job(_held_out(settings)).described()["data_source"]


def _held_out(settings):
    return RunSettings(task=settings.task, file=LabelledFile(path=settings.task, test=0.5))


def test_chips_take_many_sequences_in_pieces(settings, small, monkeypatch):
    """An ideal chip draws nothing, so that pieces are the whole to rounding."""
    job = Job(settings)
    model = job.task.build(job.recipe, 0)
    chip = program(model, job.chip.ideal(), chips=3, calibration=job.calibration)
    whole = hardware.chip_forecasts(job, chip)
    monkeypatch.setattr(hardware, "ROWS", 3 * 2 * 8)
    seen = []
    chip.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    assert torch.equal(hardware.chip_forecasts(job, chip), whole)
    assert seen == [2, 2, 2, 2, 1]


def test_commands_repeat_a_run(settings, files):
    assert Job(settings).command == f"cellwright run {files}/Lines_TRAIN.tsv --task classify --seeds 2 --chips 2"
    assert Job(settings).default_folder.name == "Lines_TRAIN-classify"
    named = LabelledFile(path=settings.task, test_file=str(files / "Lines_TEST.tsv"))
    assert f"--test-file {files}/Lines_TEST.tsv" in Job(RunSettings(task=settings.task, file=named)).command


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.ts", None, "there is no file"),
        ("a.ts", "@classLabel true a b\n@data\n1,2:c\n", "line 3: the label 'c' is none of @classLabel"),
        ("a.tsv", "1\t2\n1\t3\n", "a has sequences of one class alone, '1'"),
        ("a.tsv", "1\t2\t3\n1\t2\t3\n2\t2\t2\n2\t3\tx\n", "line 4: value 2 is 'x', expected a number"),
        ("a.csv", "1,2\n", "is no file of labelled sequences"),
    ],
)
def test_bad_files_end_in_one_line_and_status_2(tmp_path, monkeypatch, name, content, says):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_text(content)
    result = CliRunner().invoke(app, ["run", name, "--task", "classify"])
    assert result.exit_code == 2
    assert says in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_options_of_a_file():
    assert own_file("a.ts", "classify", test=None, test_file="") == LabelledFile(path="a.ts")
    assert own_file("a.tsv", "classify", test=0.3) == LabelledFile(path="a.tsv", test=0.3)
    assert own_file("a.csv", target="y", test=None).test == 0.2
    assert own_file("airline", test=None) is None


@pytest.mark.parametrize(
    ("task", "kind", "options", "says"),
    [
        ("a.ts", "clasify", {}, "no kind of task is called 'clasify': did you mean 'classify'"),
        ("a.ts", "forecast", {}, "a.ts is a file of labelled sequences: classify them with --task classify"),
        ("a.ts", "classify", {"target": "y"}, "--target is not for --task classify"),
        ("a.csv", "forecast", {"target": "y", "test_file": "b"}, "--test-file is not for --task forecast"),
        ("airline", "classify", {}, "--task is for a file of your own, and 'airline' is none"),
        ("airline", "forecast", {"test": 0.3}, "--test is for a file of your own"),
    ],
)
def test_options_that_do_not_go_together(task, kind, options, says):
    with pytest.raises(CellwrightError, match=says):
        own_file(task, kind, **options)


def test_a_saved_run_tells_the_classes_of_new_sequences(report, files, folder, tmp_path):
    found = predict(folder, files / "Lines_TEST.tsv", tmp_path / "out.csv")
    softmax = found.probabilities
    assert softmax.shape == (9, 2)
    assert np.allclose(softmax.sum(1), 1)
    assert found.labels == ("1", "2") * 4 + ("1",)
    assert found.balanced_accuracy == pytest.approx(100 * balanced_accuracy_score(found.labels, found.decisions))
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "sequence,label,decision,probability_1,probability_2"
    assert [line.split(",")[2] for line in lines[1:]] == found.decisions
    # The networks are those of the run: where all of them decided alike there, so do they here.
    for index, decided in enumerate(report.decisions.software.T):
        if len(set(decided)) == 1:
            assert found.decisions[index] == report.classes[decided[0]]


def test_sequences_that_do_not_fit_the_run(report, folder, tmp_path):
    path = tmp_path / "other.ts"
    path.write_text("@problemName other\n@univariate false\n@classLabel true 1 2\n@data\n1,2:3,4:1\n5,6:7,8:2\n")
    with pytest.raises(CellwrightError, match=r"has 2 dimensions, this run was trained on 1"):
        predict(folder, path)


def test_labels_that_the_run_does_not_know_count_in_nothing(report, folder, tmp_path):
    path = tmp_path / "other.tsv"
    path.write_text("1\t0\t1\t2\nx\t2\t1\t0\nx\t2\t1\t1\n")
    found = predict(folder, path)
    assert found.unknown == ["x", "x"]
    said = printed(found)
    assert "Balanced accuracy over 1 sequence:" in said
    assert "2 sequences with a label that the run does not know count in nothing: x" in said
    path.write_text("y\t0\t1\t2\nx\t2\t1\t0\n")
    found = predict(folder, path)
    assert found.plain()["balanced_accuracy"] is None
    assert "Balanced accuracy" not in printed(found)


def printed(found):
    console = Console(width=200, force_terminal=False, color_system=None)
    with console.capture() as capture:
        found.tell(Narration(console))
    return capture.get()
