"""The corpus, and the folder that its entries are tried in."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"corpus_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


CORPUS = list(_beside("bad_input").read_corpus(Path(__file__).parent))


@pytest.fixture(scope="session")
def makers() -> ModuleType:
    return _beside("makers")


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good files and earlier results, not to be written to."""
    folder = tmp_path_factory.mktemp("house")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        _beside("house").build(folder)
    return folder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "bad" in metafunc.fixturenames:
        metafunc.parametrize("bad", CORPUS, ids=lambda entry: f"{entry.topic}: {entry.name}")


@pytest.fixture(scope="session")
def corpus() -> list[object]:
    return list(CORPUS)
