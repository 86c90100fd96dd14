"""The command line: what it prints, and how it refuses."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cellwright.cells import catalogue
from cellwright.cli import BAD_INPUT, INTERRUPTED, app

runner = CliRunner()


def refused(*arguments: str) -> str:
    """The one line that a refused command prints."""
    result = runner.invoke(app, list(arguments))
    assert result.exit_code == BAD_INPUT
    assert result.stdout == ""
    assert result.stderr.startswith("cellwright: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_help_does_not_wait_for_torch() -> None:
    script = "import sys; from cellwright.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    script += "heavy = {'torch', 'numpy', 'matplotlib', 'scipy'} & sys.modules.keys(); assert not heavy, heavy"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout
    assert "show" in done.stdout


def test_help_names_every_recipe_and_device() -> None:
    from cellwright.crossbar.devices import catalogue as devices
    from cellwright.tasks import catalogue as tasks

    shown = " ".join(runner.invoke(app, ["run", "--help"]).stdout.split())
    for task in tasks().values():
        assert f"{task.name}: {task.default_recipe} (the default)" in shown
        assert all(recipe in shown for recipe in task.recipes)
    assert all(device in shown for device in devices())


def test_cells_lists_the_catalogue() -> None:
    result = runner.invoke(app, ["cells"])
    assert result.exit_code == 0
    first_words = {line.split()[0] for line in result.stdout.splitlines() if line.strip()}
    assert set(catalogue()) <= first_words


def test_help_names_every_technology_and_corner() -> None:
    from cellwright.circuit.technologies import CORNERS
    from cellwright.circuit.technologies import catalogue as technologies

    shown = " ".join(runner.invoke(app, ["circuit", "--help"]).stdout.split())
    assert all(name in shown for name in (*technologies(), *CORNERS))


@pytest.mark.parametrize("name", catalogue())
def test_show_prints_equations_counts_and_source(name: str) -> None:
    result = runner.invoke(app, ["show", name])
    assert result.exit_code == 0
    output = next(iter(catalogue()[name].state_axes())).replace("1", "₁")
    assert f"{output}ₜ = " in result.stdout
    assert "weights" in result.stdout
    assert "Source: " in result.stdout


def test_show_says_what_p_is() -> None:
    shown = runner.invoke(app, ["show", "lstmp"]).stdout
    assert "A step of M units, projected to P, on N inputs: 4MN + 5MP weights" in shown


def test_show_prints_latex() -> None:
    result = runner.invoke(app, ["show", "lstm", "--latex"])
    assert result.stdout.startswith("\\begin{aligned}")
    assert "h_{t} &= o_{t} \\odot \\tanh\\left(c_{t}\\right)" in result.stdout


def test_show_takes_a_cell_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from cellwright.cells import Cell, affine, tanh\n"
        "class Mine(Cell):\n"
        "    '''A tanh unit.'''\n"
        "    def step(self, x, h):\n"
        "        return tanh(affine('h', x, h))\n",
        encoding="utf-8",
    )
    result = runner.invoke(app, ["show", f"{path}:Mine"])
    assert result.exit_code == 0, result.stderr
    assert "hₜ = tanh(W_h xₜ + U_h hₜ₋₁ + b_h)" in result.stdout


def test_version() -> None:
    from cellwright import __version__

    assert runner.invoke(app, ["--version"]).stdout.strip() == __version__


def test_an_unknown_cell_names_the_nearest() -> None:
    assert "did you mean 'peephole'?" in refused("show", "peephol")
    assert "did you mean 'gru'?" in refused("show", "GRU")
    assert "did you mean 'additive attention'?" in refused("show", "additive-attention")


def test_an_unknown_task_names_the_known(tmp_path: Path) -> None:
    assert "airline" in refused("run", "airlne", "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_an_unknown_recipe_names_the_known(tmp_path: Path) -> None:
    assert "survey" in refused("run", "airline", "--recipe", "servey", "--out", str(tmp_path / "out"))


def test_an_unknown_device_names_the_known(tmp_path: Path) -> None:
    assert "li2019" in refused("run", "airline", "--device", "li2018", "--out", str(tmp_path / "out"))


def test_a_file_as_results_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("mine", encoding="utf-8")
    assert "is a file" in refused("run", "airline", "--out", str(path))
    assert path.read_text(encoding="utf-8") == "mine"


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine", encoding="utf-8")
    assert "no results of cellwright" in refused("run", "airline", "--out", str(tmp_path), "--overwrite")
    assert (tmp_path / "thesis.tex").exists()


def test_a_network_too_large_for_its_array_is_refused_before_it_is_trained(tmp_path: Path) -> None:
    """Nine gates of 15 units need more than the 64 bit lines of the largest array."""
    out, path = tmp_path / "out", tmp_path / "wide.py"
    gates = " + ".join(f"affine('g{number}', x, h)" for number in range(9))
    path.write_text(
        "from cellwright.cells import Cell, affine, tanh\n"
        "class Wide(Cell):\n"
        "    def step(self, x, h):\n"
        f"        return tanh({gates})\n".replace(" + ", ") * tanh("),
        encoding="utf-8",
    )
    words = ["--recipe", "li2019", "--cell", f"{path}:Wide", "--chips", "2", "--seeds", "1", "--out", str(out)]
    told = refused("run", "airline", *words, "--no-tiling")
    assert "but the largest array has 128 x 64 and tiling is off: make the network smaller" in told
    assert not out.exists()


def test_interrupting_ends_with_130(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cellwright.studies.run.run_study", interrupted)
    result = runner.invoke(app, ["run", "airline", "--out", str(tmp_path / "out")])
    assert result.exit_code == INTERRUPTED
    assert "resumes" in result.stderr


def test_show_prints_a_topology() -> None:
    shown = runner.invoke(app, ["show", "bidirectional"]).stdout
    assert "reads the sequence from its end" in shown
    assert "overrightarrow" in shown
    assert "connects cells, and has no loop" in refused("show", "bidirectional", "--kernel")


def test_show_draws_a_cell(tmp_path: Path) -> None:
    picture = tmp_path / "lstm.svg"
    result = runner.invoke(app, ["show", "lstm", "--picture", str(picture)])
    assert result.exit_code == 0, result.stderr
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    for folder in (str(tmp_path), "/", ""):
        assert "is a folder: name a file in it, such as lstm.svg" in refused("show", "lstm", "--picture", folder)
