"""The package itself: what it offers, that offering it costs nothing, and that its rooms build on one another."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cellwright

SOURCE = Path(cellwright.__file__).parent
ROOMS = [
    *"program cells kernels layers digital learning data tasks crossbar circuit export estimators".split(),
    *"report studies cli".split(),
]
GROUND = ["errors", "files", "stopping", "units"]


def test_the_changelog_begins_with_this_version() -> None:
    changelog = (SOURCE.parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = next(line for line in changelog.splitlines() if line.startswith("## [") and "Unreleased]" not in line)
    assert newest.startswith(f"## [{cellwright.__version__}] - ")


@pytest.mark.parametrize("name", cellwright.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(cellwright, name) is not None
    assert name in dir(cellwright)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'cellwright' has no attribute 'GRUU'"):
        _ = cellwright.GRUU


def test_importing_the_package_does_not_import_torch() -> None:
    code = "import sys, cellwright; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _imports(file: Path) -> set[str]:
    """The rooms that a file imports from, also inside functions."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, (
                f"{file}:{node.lineno}: imports name the package: from cellwright.program import ..."
            )
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    return {module.split(".")[1] for module in modules if module.startswith("cellwright.")}


@pytest.mark.parametrize("file", sorted(SOURCE.glob("*/**/*.py")), ids=lambda file: str(file.relative_to(SOURCE)))
def test_a_room_imports_only_from_those_below_it(file: Path) -> None:
    room = file.relative_to(SOURCE).parts[0]
    below = {*GROUND, *ROOMS[: ROOMS.index(room) + 1], "__version__"}
    assert _imports(file) <= below
