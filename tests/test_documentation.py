"""What the README and the documentation show is run."""

import csv
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cellwright.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"# (\w+\.py)\n")
# The commands run as printed, on fewer networks and chips.
SMALLER = ["--seeds", "1", "--chips", "3"]


def blocks(page: Path, language: str) -> list[str]:
    return [text for name, text in FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "tests/layers/data/keras3.keras", "model.keras")
    for block in blocks(page, "python"):
        exec(compile(block, f"{page.name} block", "exec"), {"__name__": "documentation"})


def test_the_commands_for_a_cell_of_your_own_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    readme = ROOT / "README.md"
    for block in blocks(readme, "python"):
        if named := FILE_NAME.match(block):
            (tmp_path / named[1]).write_text(block, encoding="utf-8")
    commands = [
        shlex.split(line, comments=True)
        for block in blocks(readme, "")
        for line in block.splitlines()
        if line.startswith("cellwright ") and "my_cell.py" in line
    ]
    assert {command[1] for command in commands} == {"show", "run"}
    for _, *arguments in commands:
        result = CliRunner().invoke(app, arguments + (SMALLER if arguments[0] == "run" else []))
        assert result.exit_code == 0, result.output
        assert "hₜ = (1 − fₜ) ⊙ hₜ₋₁ + fₜ ⊙ gₜ" in result.stdout
    pages = list(tmp_path.glob("runs/*/report.html"))
    assert len(pages) == 1
    assert "MyCell" in pages[0].read_text(encoding="utf-8")


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_tree_in_the_readme_is_the_tree() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^  ([a-z]+)/  ", readme, re.MULTILINE))
    folders = {path.name for path in (ROOT / "src/cellwright").iterdir() if path.is_dir() and path.name[0] != "_"}
    assert shown == folders


def measured(name: str) -> list[dict[str, str]]:
    with (ROOT / "benchmarks" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_figures_in_the_documentation_are_the_measured_ones() -> None:
    page = (ROOT / "docs/airline.md").read_text(encoding="utf-8")
    for row in measured("airline_chips.csv"):
        mean, spread, low, median, high = (
            float(row[key]) for key in ("software", "software_std", "chip_p5", "chip_p50", "chip_p95")
        )
        chips = f"{median:.2f}, {low:.2f}–{high:.2f} | {median / 5.18:.2f}"
        assert f"| `{row['recipe']}` | {mean:.2f} ± {spread:.2f} | {mean / 5.18:.2f} | {chips} |" in page
    for row in measured("airline_causes.csv"):
        assert f"{float(row['alone_p50']):.2f} ({float(row['alone_p5']):.2f}–{float(row['alone_p95']):.2f})" in page


def test_the_figures_in_the_readme_are_the_measured_ones() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    best = [row for row in measured("airline_recipes.csv") if row["recipe"] == "best"]
    for system in ("software", "chip"):
        mean = statistics.mean(float(row[system]) for row in best)
        assert f"| {mean:.2f} | {mean / 5.18:.2f} |" in readme


@pytest.mark.parametrize(
    ("benchmark", "page", "least"),
    [
        ("kernels", "kernels.md", 20),
        ("chip", "chip-speed.md", 8),
        ("recovery.py", "recovery.md", 20),
        ("onnx_speed.py", "export.md", 20),
        ("estimators.py", "scikit-learn.md", 4),
        ("kills.py", "reliability.md", 6),
        ("own_data.py", "own-data.md", 20),
        ("long_file.py", "own-data.md", 4),
        ("own_data_classes.py", "classification.md", 10),
        ("layers/ctc.py", "ctc.md", 8),
        ("circuit/blocks.py", "circuit-blocks.md", 10),
        ("circuit/crossbar.py", "circuit.md", 5),
        ("circuit/programming.py", "circuit.md", 6),
        ("circuit/agreement.py", "circuit.md", 15),
        ("circuit/table4.py", "circuit-designs.md", 5),
        ("circuit/technologies.py", "technologies.md", 4),
        ("circuit/wafer_software.py", "circuit-problems.md", 5),
        ("circuit/training.py", "circuit-training.md", 8),
        ("circuit/wafer.py", "circuit-training.md", 9),
        ("circuit/cost.py", "circuit-cost.md", 30),
        ("circuit/hold_area.py", "circuit-cost.md", 9),
        ("circuit/temperature.py", "circuit-cost.md", 15),
    ],
)
def test_the_tables_of_benchmarks_are_the_measured_ones(benchmark: str, page: str, least: int) -> None:
    command = [sys.executable, ROOT / "benchmarks" / benchmark, "--markdown"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line for line in printed.splitlines() if line.startswith("|")]
    assert len(rows) > least
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    squeezed = [re.sub(r" *\| *", "|", re.sub(r"-+", "-", line)) for line in text.splitlines()]
    for row in rows:
        assert re.sub(r" *\| *", "|", re.sub(r"-+", "-", row)) in squeezed
