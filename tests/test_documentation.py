"""What the README and the documentation show is run."""

import csv
import re
import shlex
import statistics
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


def test_the_figures_in_the_documentation_are_the_measured_ones() -> None:
    with (ROOT / "benchmarks/airline_recipes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    page = (ROOT / "docs/airline.md").read_text(encoding="utf-8")
    for recipe in ("best", "survey", "li2019"):
        software = [float(row["software"]) for row in rows if row["recipe"] == recipe]
        chip = statistics.mean(float(row["chip"]) for row in rows if row["recipe"] == recipe)
        mean = statistics.mean(software)
        spread = f"{mean:.2f} ± {statistics.stdev(software):.2f} | {mean / 5.18:.2f} | {chip:.2f} | {chip / 5.18:.2f}"
        assert f"| `{recipe}` | {spread} |" in page
        if recipe == "best":
            readme = (ROOT / "README.md").read_text(encoding="utf-8")
            assert f"| {mean:.2f} | {mean / 5.18:.2f} |" in readme
            assert f"| {chip:.2f} | {chip / 5.18:.2f} |" in readme
