"""One small run of the main job, shared."""

from pathlib import Path

import pytest

from cellwright.report import RunReport
from cellwright.studies import RunSettings, run_study

SMALL = RunSettings(task="airline", seeds=2, chips=4)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunReport, Path]:
    """Two networks, four chips each: the report and its folder."""
    folder = tmp_path_factory.mktemp("small") / "run"
    return run_study(SMALL, folder), folder
