"""What `cellwright show --kernel` prints."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cellwright.cells import catalogue
from cellwright.cli import app


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["show", *arguments])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def in_words(text: str) -> str:
    """Without the code."""
    parts = text.split("; ModuleID")
    return parts[0] + "".join(part[part.index("\n\nThe loop") :] for part in parts[1:-1] if "\n\nThe loop" in part)


@pytest.mark.parametrize("name", ["lstm", "peephole", "gru", "lnlstm"])
def test_a_kernel_in_words(name: str, golden) -> None:
    golden(f"{name}_kernel.txt", in_words(shown(name, "--kernel", "--vectors", "sse")))


@pytest.mark.parametrize("name", catalogue("sequence"))
def test_every_cell_is_compiled(name: str) -> None:
    text = shown(name, "--kernel")
    assert "interpreted" not in text
    for kind in ("forward", "training", "backward"):
        assert f'define void @"{kind}"' in text


def test_code_for_other_processors() -> None:
    """NEON's and the others' assembly is emitted, whatever runs this test."""
    for vectors, instruction in {"neon": "fmla", "avx512": "zmm", "avx2": "ymm", "sse": "xmm"}.items():
        assert instruction in shown("lstm", "--kernel", "--assembly", "--vectors", vectors)


def test_an_unknown_processor_is_refused() -> None:
    result = CliRunner().invoke(app, ["show", "lstm", "--kernel", "--vectors", "nen"])
    assert result.exit_code == 2
    assert "did you mean 'neon'?" in result.stderr
