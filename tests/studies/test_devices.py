"""Devices on the command line: listed, shown, and fitted to a file of pulses."""

import csv
import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cellwright.cli import BAD_INPUT, app
from cellwright.crossbar.devices import catalogue, find

runner = CliRunner()


def printed(*arguments: str) -> str:
    result = runner.invoke(app, ["device", *arguments], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refused(*arguments: str) -> str:
    result = runner.invoke(app, ["device", *arguments])
    assert result.exit_code == BAD_INPUT
    assert result.stderr.count("\n") == 1
    return result.stderr


def pulses(path: Path, step: float = 0.04, unit: float = 1.0) -> Path:
    """Two devices with soft bounds at 10 and 110 uS, the second with a tenth less; no noise but for rounding."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("device", "pulse", "voltage", "conductance_uS"))
        for device, scale in (("A", 1.0), ("B", 0.9)):
            g = 10.0
            for index in range(241):
                volt = 0.0 if not index else 1.5 if (index - 1) % 80 < 40 else -1.5
                ripple = 1 + 0.3 * math.sin(1.7 * index) * math.sqrt(2)  # as cycles vary, by 30 %
                g += scale * step * ripple * {0.0: 0.0, 1.5: 110 - g, -1.5: 10 - g}[volt]
                writer.writerow((device, index, volt, f"{unit * g:.6f}"))
    return path


def test_the_list_is_the_catalogue() -> None:
    lines = printed("list").splitlines()
    assert {line.split()[0] for line in lines[1:]} == set(catalogue())
    assert any("189 µS to 277 µS" in line.replace("\u202f", " ") and "Li et al. 2019" in line for line in lines)


@pytest.mark.parametrize("name", catalogue())
def test_show_prints_numbers_with_units_and_sources(name: str) -> None:
    shown = printed("show", name).replace("\u202f", " ")
    assert shown.startswith(f"{name}: ")
    assert "Source: " in shown
    assert "Assumed: " in shown
    assert "200 mV for " in shown
    for part in find(name).spread.values():
        assert f"± {100 * part:g} %" in shown


def test_fit_writes_a_device_its_residuals_and_a_picture(tmp_path: Path) -> None:
    out = tmp_path / "out"
    shown = printed("fit", str(pulses(tmp_path / "wafer.csv")), "--out", str(out)).replace("\u202f", " ")
    assert "Fitted to 482 pulses of 2 devices." in shown
    assert "Residual after one pulse, root mean square: " in shown
    assert "% of the window" in shown
    assert {path.name for path in out.iterdir()} == {"wafer.json", "wafer-residuals.csv", "wafer.svg", "wafer.png"}
    device = find(str(out / "wafer.json"))
    assert device.highest == pytest.approx(110e-6, rel=0.05)
    assert device.citation == "fitted by cellwright to wafer.csv"
    kept = json.loads((out / "wafer.json").read_text(encoding="utf-8"))["fit"]
    assert kept["devices"] == 2
    assert kept["parameters"]["step"]["unit"] == "S"
    with (out / "wafer-residuals.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    squares = [float(row["residual_S"]) ** 2 for row in rows if row["residual_S"]]
    assert len(rows) == 482
    assert math.sqrt(sum(squares) / len(squares)) == pytest.approx(kept["residual"])
    assert (out / "wafer.png").read_bytes().startswith(b"\x89PNG")
    assert "measured" in (out / "wafer.svg").read_text(encoding="utf-8")


def test_a_device_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    command = ("fit", str(pulses(tmp_path / "p.csv")), "--out", str(tmp_path), "--name", "mine")
    printed(*command)
    before = (tmp_path / "mine.json").read_bytes()
    assert "is there already: choose another --name, or replace it with --overwrite" in refused(*command)
    printed(*command, "--overwrite")
    assert (tmp_path / "mine.json").read_bytes() == before


def test_bad_pulses_are_refused_in_one_line_and_leave_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    absurd = pulses(tmp_path / "absurd.csv", unit=1e6)
    assert "a conductance of 10 S is that of no device" in refused("fit", str(absurd), "--out", str(out))
    assert "there is no file" in refused("fit", str(tmp_path / "none.csv"), "--out", str(out))
    assert "is no name of a device" in refused("fit", str(absurd), "--name", "../x", "--out", str(out))
    assert "did you mean 'li2019'?" in refused("show", "li201")
    assert not out.exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    found = refused("fit", str(pulses(tmp_path / "p.csv")), "--out", str(tmp_path / "file"))
    assert "cannot write to" in found
