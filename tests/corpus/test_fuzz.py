"""A few inputs of the fuzzing that ``benchmarks/fuzz_readers.py`` does for ten minutes."""

from __future__ import annotations

import importlib.util
import random
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from cellwright.errors import CellwrightError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
INPUTS = 40


@pytest.fixture
def fuzzing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    spec = importlib.util.spec_from_file_location("fuzz_readers", BENCHMARKS / "fuzz_readers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_no_reader_fails_on_changed_files(fuzzing: ModuleType, tmp_path: Path) -> None:
    found = fuzzing.fuzz(7, tmp_path, inputs=INPUTS)
    assert len(found) == len(fuzzing.readers(tmp_path))
    for name, mine in found.items():
        assert sum(mine.outcomes.values()) == INPUTS, name
        assert not mine.failures, f"{name}: {mine.failures[0]}"
        assert mine.outcomes[fuzzing.REFUSED], name


def test_valid_files_are_read(fuzzing: ModuleType, tmp_path: Path) -> None:
    """Else all inputs would be refused for one reason."""
    for reader in fuzzing.readers(tmp_path):
        for data in reader.valid:
            path = tmp_path / f"valid{reader.ending.removesuffix('.gz')}"
            path.write_bytes(data)
            assert fuzzing.outcome(reader, path) == (fuzzing.READ, ""), reader.name


def test_equal_seeds_give_equal_inputs(fuzzing: ModuleType, tmp_path: Path) -> None:
    for reader in fuzzing.readers(tmp_path):
        one, other, third = ([reader.input(draw) for _ in range(5)] for draw in map(random.Random, (3, 3, 4)))
        assert one == other
        assert one != third


def test_what_is_not_ours_is_a_failure(fuzzing: ModuleType, tmp_path: Path) -> None:
    """The guard sees other exceptions, warnings, long work, much memory and messages of several lines."""

    def raises(error: Exception) -> object:
        raise error

    def disguised(_: object) -> object:
        try:
            return bytearray(3 * 2**30)
        except MemoryError as error:
            raise CellwrightError("damaged") from error

    wrong: list[tuple[str, Callable[[Path], object]]] = [
        ("KeyError", lambda _: {}["x"]),
        ("UserWarning", lambda _: warnings.warn("careful", stacklevel=1)),
        ("RecursionError", lambda _: raises(RecursionError())),
        ("MemoryError", lambda _: bytearray(3 * 2**30)),
        ("too long", lambda _: time.sleep(1)),
        ("message not a line", lambda _: raises(CellwrightError("one\ntwo"))),
        ("MemoryError", disguised),
    ]
    for kind, read in wrong:
        reader = fuzzing.Reader(name="x", ending=".x", valid=[b"x"], mutations=fuzzing.BYTES, read=read)
        with fuzzing.guarded():
            fuzzing.LONGEST = 0.2 if kind == "too long" else 5
            assert fuzzing.outcome(reader, tmp_path / "x.x")[0] == kind
