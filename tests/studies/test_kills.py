"""A few kills of the benchmark, which has more of them: nothing lost, every file whole, the same bits in the end."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks/kills.py"
KILLS = 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork; run on Linux or macOS")
def test_a_killed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    table = tmp_path / "kills.csv"
    command = [sys.executable, BENCHMARK, "--kills", str(KILLS), "--seeds", "1", "--chips", "2", "--csv", table]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{KILLS} kills: nothing lost, every file whole, every run ended with the same bits" in done.stdout
    with table.open(encoding="utf-8") as file:
        assert [row["kill"] for row in csv.DictReader(file)] == [str(number) for number in range(1, KILLS + 1)]
