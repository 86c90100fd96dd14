"""What all tests share: one thread for torch, repeatable property tests, and skips that say what to install."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

# Before torch is imported, and for the processes that tests start: two tests at once must not fight for the cores,
# and sums come out in the same order on every machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("CELLWRIGHT_DATA", ROOT.parent / "shared" / "data"))
if (DATA.parent / "pdk" / "gf180mcu").is_dir():
    os.environ.setdefault("CELLWRIGHT_GF180", str(DATA.parent / "pdk" / "gf180mcu"))
REQUIRE_ALL = os.environ.get("CELLWRIGHT_REQUIRE_ALL", "0") not in ("", "0")

# No deadline, as the first example that touches torch pays for its import. Everyone gets the same examples;
# `pytest --hypothesis-profile=explore` looks further, with new ones at every run.
settings.register_profile("explore", deadline=None, derandomize=False, print_blob=True)
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


class Needs:
    """What a test needs from outside. Where it is absent the test is skipped, or fails if CELLWRIGHT_REQUIRE_ALL=1."""

    def __call__(self, present: object, what: str, remedy: str) -> None:
        """Go on only if ``present`` is true; ``remedy`` says what to install."""
        if present:
            return
        message = f"{what} is missing: {remedy}"
        if REQUIRE_ALL:
            pytest.fail(f"{message} (CELLWRIGHT_REQUIRE_ALL is set)", pytrace=False)
        pytest.skip(message)

    def program(self, *names: str, remedy: str) -> str:
        """The path of the first of these programs that is installed."""
        paths = [path for name in names if (path := shutil.which(name))]
        self(paths, f"the program {' or '.join(names)}", remedy)
        return paths[0]

    def data(self, name: str) -> Path:
        """The path of a file or folder among the data sets, such as ``airline/airline-passengers.csv``."""
        path = DATA / name
        self(path.exists(), f"the data set {path}", "put it there, or set CELLWRIGHT_DATA to the folder of data sets")
        return path

    def pdk(self, technology: str) -> None:
        """Go on only if the models of this technology are here, and an ngspice to run them."""
        from cellwright.circuit import technologies
        from cellwright.errors import CellwrightError

        self.program("ngspice", remedy="apt install ngspice")
        try:
            technologies.find(technology).models()
        except CellwrightError as error:
            self(False, f"the technology {technology}", str(error))


@pytest.fixture(scope="session")
def needs() -> Needs:
    """See ``Needs``: ``needs.program("chromium", remedy="apt install chromium")``, ``needs.data("airline")``."""
    return Needs()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write tests/goldens anew; review the difference")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the one kept under that name in tests/goldens (``pytest --update-goldens`` writes it)."""

    def compare(name: str, text: str) -> None:
        path = Path(__file__).parent / "goldens" / name
        if request.config.getoption("--update-goldens"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path.name} is missing: run pytest --update-goldens, then read what it wrote"
        assert text == path.read_text(encoding="utf-8"), (
            f"{name} has changed: if it should, run pytest --update-goldens"
        )

    return compare
