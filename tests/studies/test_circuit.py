"""The command `cellwright circuit`, once as a whole, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cellwright import CellwrightError
from cellwright.layers.weights import packed_weights
from cellwright.report.circuit_record import CircuitReport
from cellwright.studies.circuit import CircuitSettings, run_circuit
from cellwright.studies.circuit_job import CircuitJob
from cellwright.tasks import find

ABOUT = {"task": "airline", "recipe": "survey", "cell": "lstm", "seed": "0"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of the survey's recipe with weights as large as trained ones, as a run leaves it."""
    task = find("airline")
    network = task.build(task.recipe("survey"), 3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.5)
    file = tmp_path_factory.mktemp("run") / "model.safetensors"
    file.write_bytes(packed_weights(network, {"cellwright": json.dumps(ABOUT)}))
    return file


@pytest.fixture(scope="module")
def made(model: Path, needs, tmp_path_factory: pytest.TempPathFactory) -> tuple[CircuitReport, Path]:  # type: ignore[no-untyped-def]
    needs.program("ngspice", remedy="apt install ngspice")
    folder = tmp_path_factory.mktemp("circuit") / "out"
    settings = CircuitSettings(task="airline", model=str(model.parent), steps=2, monte_carlo=2, trim=True)
    return run_circuit(settings, folder), folder


def test_spice_twin_and_software_tell_the_same_story(made: tuple[CircuitReport, Path]) -> None:
    report, _ = made
    assert [signal.name for signal in report.signals] == ["h", "c", "i", "f", "g", "o"]
    for signal, most in zip(report.states, (0.005, 0.02), strict=True):
        assert signal.departure("spice_vs_twin").largest < most
        assert signal.departure("twin_vs_software").largest < 0.1
        assert np.abs(signal.software).max() > 0.1
    # What is read lies on the curve.
    read = (np.arange(2) + report.read) * report.period
    for signal in report.states:
        np.testing.assert_allclose(
            [np.interp(read, report.time, wave) for wave in signal.wave.T], signal.spice.T, atol=1e-9
        )
    # An LSTM's state is made of its gates: as far as its blocks are exact.
    state, gates = report.signals[1].spice, {signal.name: signal.spice for signal in report.signals[2:]}
    before = np.concatenate([np.zeros((1, 4)), state[:1]])
    np.testing.assert_allclose(state, gates["f"] * before + gates["i"] * gates["g"], atol=0.03)


def test_chips_with_mismatch_err_more_and_each_in_its_own_way(made: tuple[CircuitReport, Path]) -> None:
    draws = made[0].draws
    assert draws is not None
    assert draws.errors.shape == draws.largest.shape == (2,)
    assert draws.errors[0] != draws.errors[1]
    assert (draws.largest > made[0].output.departure("spice_vs_twin").largest).all()
    assert (draws.rms < draws.largest).all()


def test_trimmed_chips_err_less(made: tuple[CircuitReport, Path]) -> None:
    draws, trimmed = made[0].draws, made[0].trimmed
    assert draws is not None
    assert trimmed is not None
    assert (trimmed.rms < 0.5 * draws.rms).all()
    assert made[0].command.endswith("--steps 2 --monte-carlo 2 --trim")


def test_energy_is_what_the_model_says(made: tuple[CircuitReport, Path]) -> None:
    """Within the 1.3 times of a block that are asked for."""
    report, _ = made
    measured, model = report.energies["opamp"]
    assert 1 / 1.3 < measured / model < 1.3
    assert report.energy_per_step >= measured
    assert report.area == pytest.approx(sum(report.areas.values()))


def test_the_folder_has_everything(made: tuple[CircuitReport, Path]) -> None:
    report, folder = made
    expected = {"cell.cir", "circuit.html", "result.json", "waveforms.csv", "steps.csv", "settings.json", "figures"}
    assert {path.name for path in folder.iterdir()} == expected
    assert report.ideal.keys() <= {"supply", "clock", "reference", "input", "measurement"}
    assert json.loads((folder / "result.json").read_text(encoding="utf-8"))["signals"].keys() >= {"h", "c"}
    assert len((folder / "waveforms.csv").read_text(encoding="utf-8").splitlines()) == len(report.time) + 1


def test_the_netlist_needs_nothing_beside_it(made: tuple[CircuitReport, Path]) -> None:
    _, folder = made
    text = (folder / "cell.cir").read_text(encoding="utf-8").lower()
    assert not any(line.startswith((".include", ".lib", ".inc")) for line in text.splitlines())
    assert text.rstrip().endswith(".endc\n.end")


def test_other_settings_do_not_overwrite(made: tuple[CircuitReport, Path], model: Path) -> None:
    _, folder = made
    with pytest.raises(CellwrightError, match="holds results made with other settings"):
        run_circuit(CircuitSettings(task="airline", model=str(model), steps=1), folder)


@pytest.mark.parametrize(("steps", "expected"), [(0, 3), (7, 7)])
def test_a_longer_sequence_ends_as_the_recipe_s_own(steps: int, expected: int, needs) -> None:  # type: ignore[no-untyped-def]
    needs.program("ngspice", remedy="apt install ngspice")
    job = CircuitJob(CircuitSettings(task="airline", recipe="survey", steps=steps))
    own = job.task.test_inputs(job.recipe)[0].double()
    assert job.sequence.shape == (expected, 1)
    assert torch.equal(job.sequence[-3:], own)
    assert job.forecasts == (steps == 0)


def test_the_command_repeats_what_was_asked_for(needs) -> None:  # type: ignore[no-untyped-def]
    needs.program("ngspice", remedy="apt install ngspice")
    settings = CircuitSettings(task="airline", cell="gru", steps=2, temperature=85.0, corner="slow")
    assert CircuitJob(settings).command == (
        "cellwright circuit airline --cell gru --steps 2 --corner slow --temperature 85"
    )


def test_more_steps_than_the_series_has_are_refused(needs) -> None:  # type: ignore[no-untyped-def]
    needs.program("ngspice", remedy="apt install ngspice")
    assert len(CircuitJob(CircuitSettings(task="airline", recipe="survey", steps=96)).sequence) == 96
    with pytest.raises(CellwrightError, match="--steps 97: the months before the test are enough for 96 steps"):
        CircuitJob(CircuitSettings(task="airline", recipe="survey", steps=97))


def test_a_file_makes_no_circuit() -> None:
    with pytest.raises(CellwrightError, match=r"no task is called 'sales\.csv': known are airline; .* of files"):
        CircuitJob(CircuitSettings(task="sales.csv"))
