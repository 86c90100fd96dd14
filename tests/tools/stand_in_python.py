"""Plays the Python that tools/setup.sh is told to use: real code, but no virtual environments and no packages.

It is called as ``stand_in_python.py PLAYED_BY ARGUMENTS``, where PLAYED_BY is the path that the script believes to be
a Python. In the environment, STAND_IN_PRELUDE is code to run before any other, STAND_IN_LOG the file that notes what
was made and installed, and STAND_IN_FAILS is ``venv`` or the argument of pip that fails.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

played_by = Path(sys.argv[1])
torch = played_by.with_name("torch-version")


def note(line: str) -> None:
    with Path(os.environ["STAND_IN_LOG"]).open("a", encoding="utf-8") as log:
        log.write(line + "\n")


def version(name: str) -> str:
    if name != "torch" or not torch.exists():
        sys.exit(f"PackageNotFoundError: {name}")
    return torch.read_text(encoding="utf-8")


def install(arguments: list[str]) -> None:
    note("pip " + " ".join(arguments))
    if os.environ.get("STAND_IN_FAILS") in arguments:
        sys.exit("pip's long story")
    build = "+cpu" if "--index-url" in arguments else ""
    for argument in arguments:
        if argument.startswith("torch=="):
            torch.write_text(argument.removeprefix("torch").lstrip("=") + build, encoding="utf-8")


match sys.argv[2:]:
    case ["-c", code]:
        sys.modules["importlib.metadata"] = SimpleNamespace(version=version)  # type: ignore[assignment]
        exec(os.environ.get("STAND_IN_PRELUDE", "") + "\n" + code, {})
    case ["-m", "venv", folder]:
        note("venv")
        if os.environ.get("STAND_IN_FAILS") == "venv":
            sys.exit("venv's long story")
        programs = Path(folder) / "bin"
        programs.mkdir(parents=True)
        shutil.copy(played_by, programs / "python")
    case ["-m", "pip", "install", "--disable-pip-version-check", *arguments]:
        install(arguments)
    case ["--version"]:
        pass
    case unknown:
        sys.exit(f"the stand-in does not know {unknown}")
