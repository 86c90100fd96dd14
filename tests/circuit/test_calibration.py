"""Sweeps of blocks: kept on disk, and made again where what is kept cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellwright.circuit.calibration import swept

NETLIST = "* a divider\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1k\n.op\n.end\n"


@pytest.mark.parametrize("content", [None, b"", b"no archive"])
def test_what_cannot_be_read_or_written_is_simulated(
    content: bytes | None,
    needs,  # type: ignore[no-untyped-def]
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needs.program("ngspice", remedy="apt install ngspice")
    folder = tmp_path / "caches"
    monkeypatch.setenv("CELLWRIGHT_CACHE", str(folder))
    if content is None:
        folder.write_text("a file where the folder should be", encoding="utf-8")
    else:
        swept(NETLIST, ("v(out)",))
        (kept,) = (folder / "circuit").iterdir()
        kept.write_bytes(content)
    assert swept(NETLIST, ("v(out)",))["v(out)"] == pytest.approx(0.5)
