"""Running ngspice: against circuits that are solved on paper, and everything that can go wrong."""

from __future__ import annotations

import logging
import os
import stat
import threading
from pathlib import Path

import numpy as np
import pytest

from cellwright.circuit import Analysis, ConvergenceError, Ngspice, find_ngspice, read_raw, simulate
from cellwright.circuit.ngspice import PROGRAM, REMEDIES
from cellwright.errors import CellwrightError

CHARGING = "* a capacitor is charged\nV1 a 0 PULSE(0 1 0 1p 1p 1 2)\nR1 a b 1k\nC1 b 0 1n\n.tran 10n 5u\n.end\n"
TWO_SOURCES = "* two sources in parallel\nV1 a 0 1\nV2 a 0 2\n.op\n.end\n"
ENDLESS = (
    "* a comparator that fights with itself\nV1 a 0 PULSE(0 1 1u 1n 1n 1u 4u)\n"
    "B1 b 0 i = v(b)>0.5*v(a) ? 1m : -1m\nC1 b 0 1f\nB3 c 0 v = sgn(v(b)-v(c))*v(a)\n.tran 1n 10u\n.end\n"
)


@pytest.fixture(autouse=True)
def _ngspice(needs) -> None:
    needs.program("ngspice", remedy="apt install ngspice")


def program(path: Path, script: str) -> str:
    """A program that does what a shell script says."""
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_capacitor_is_charged_as_on_paper() -> None:
    done = simulate(CHARGING)
    time = done["time"]
    assert done.remedy is None
    assert time[-1] == pytest.approx(5e-6)
    np.testing.assert_allclose(done["b"], 1 - np.exp(-time / 1e-6), atol=2e-4)
    np.testing.assert_allclose(done["i(v1)"], (done["b"] - done["a"]) / 1e3, atol=1e-9)


def test_several_analyses_come_in_order() -> None:
    divider = "* a divider\nV1 a 0 DC 2 AC 1\nR1 a b 1k\nC1 b 0 1n\nR2 b 0 1k\n"
    done = simulate(f"{divider}.op\n.dc V1 0 2 0.5\n.ac lin 1 318309.886 318309.886\n.end\n")
    assert [analysis.name for analysis in done.analyses] == [
        "AC Analysis",
        "DC transfer characteristic",
        "Operating Point",
    ]
    by_name = {analysis.name: analysis for analysis in done.analyses}
    assert by_name["Operating Point"]["b"].tolist() == pytest.approx([1.0])
    np.testing.assert_allclose(by_name["DC transfer characteristic"]["b"], np.arange(0, 2.5, 0.5) / 2)
    # The corner of 500 ohm and 1 nF lies at 1 / (2 pi R C).
    assert by_name["AC Analysis"]["b"][0] == pytest.approx(0.5 / (1 + 1j), rel=1e-6)


def test_a_raw_file_in_letters_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    binary = simulate(CHARGING)
    monkeypatch.setenv("SPICE_ASCIIRAWFILE", "1")
    lettered = simulate(CHARGING)
    np.testing.assert_allclose(lettered["b"], binary["b"], rtol=1e-12)


def test_an_unknown_vector_is_named_with_those_there_are() -> None:
    with pytest.raises(CellwrightError, match=r"no vector 'z'; it has: time, v\(a\), v\(b\), i\(v1\)"):
        simulate(CHARGING)["z"]


@pytest.mark.parametrize(
    ("netlist", "says"),
    [
        ("* t\nV1 a 0 1\nX1 a b nosuch\n.op\n.end\n", "unknown subckt: x1 a b nosuch"),
        ("* t\nV1 a 0 {x}\nR1 a 0 1\n.op\n.end\n", r"line no. 2: Undefined parameter \[x\]"),
        ("* t\nM1 a b 0 0 none\nV1 a 0 1\n.op\n.end\n", "could not find a valid modelname"),
        ("* t\nV1 a 0 1\nR1 a 0 1\n.end\n", "no analysis"),
        ("", "ngspice refuses the netlist"),
    ],
)
def test_ngspice_s_own_words_are_passed_on(netlist: str, says: str) -> None:
    with pytest.raises(CellwrightError, match=says) as caught:
        simulate(netlist)
    assert not isinstance(caught.value, ConvergenceError)
    assert "\n" not in str(caught.value)


def test_what_has_no_solution_is_tried_again_in_the_open(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(ConvergenceError, match="for the operating point") as caught:
        simulate(TWO_SOURCES)
    assert caught.value.node in ("v1#branch", "v2#branch")
    assert caught.value.time is None
    assert [record.getMessage().rpartition("; trying ")[2] for record in caplog.records] == [r.name for r in REMEDIES]
    assert all(remedy.name in str(caught.value) for remedy in REMEDIES)


def test_the_remedy_that_helped_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ngspice that gives up, in its own words, until it may use Gear's method."""
    real = find_ngspice().path
    words = 'doAnalyses: TRAN:  Timestep too small; time = 1.5e-06, timestep = 1e-20: trouble with node "b"'
    stubborn = program(
        tmp_path / "stubborn",
        f'[ "$1" = --version ] || grep -q method=gear circuit.cir && exec {real} "$@"\necho \'{words}\'; exit 1',
    )
    monkeypatch.setenv(PROGRAM, stubborn)
    with pytest.raises(ConvergenceError, match=r"no solution at 1\.5e-06 s at b") as caught:
        simulate(CHARGING, remedies=REMEDIES[:1])
    assert (caught.value.node, caught.value.time) == ("b", 1.5e-6)
    done = simulate(CHARGING)
    assert done.remedy is REMEDIES[1]
    assert done["b"][-1] == pytest.approx(1 - np.exp(-5), abs=1e-3)


def test_a_run_that_does_not_end_is_stopped() -> None:
    with pytest.raises(CellwrightError, match="stopped after 1 s"):
        simulate(ENDLESS, timeout=1)


def test_what_is_left_of_an_earlier_run_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that claims success and writes nothing: there must be no result, whatever lies in the folder."""
    stale = find_ngspice().path
    monkeypatch.chdir(tmp_path)
    os.system(f"{stale} -b -r result.raw /dev/null > /dev/null 2>&1")
    (tmp_path / "result.raw").write_bytes(b"Title: old")
    silent = program(
        tmp_path / "silent", 'case "$1" in --version) echo ngspice-39;; *) echo "No. of Data Rows : 5";; esac'
    )
    monkeypatch.setenv(PROGRAM, silent)
    with pytest.raises(CellwrightError, match="computed nothing"):
        simulate(CHARGING)


def test_a_program_that_is_missing_old_or_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, script, says in (
        ("old", "echo ngspice-26", "is ngspice 26: 39 or newer"),
        ("other", "echo hello", "no ngspice"),
    ):
        monkeypatch.setenv(PROGRAM, program(tmp_path / name, script))
        with pytest.raises(CellwrightError, match=says):
            find_ngspice()
    monkeypatch.setenv(PROGRAM, str(tmp_path / "none"))
    with pytest.raises(CellwrightError, match="names no program"):
        find_ngspice()
    monkeypatch.delenv(PROGRAM)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CellwrightError, match="ngspice is not installed: install ngspice 39 or newer"):
        find_ngspice()


def test_a_raw_file_that_is_cut_off(tmp_path: Path) -> None:
    whole = (
        b"Title: t\nPlotname: p\nFlags: real\nNo. Variables: 1\nNo. Points: 2\nVariables:\n\t0\ttime\ttime\nBinary:\n"
    )
    path = tmp_path / "result.raw"
    path.write_bytes(whole + bytes(16))
    assert read_raw(path)[0]["time"].tolist() == [0.0, 0.0]
    path.write_bytes(whole + bytes(9))
    with pytest.raises(CellwrightError, match="ends before the 2 points"):
        read_raw(path)
    path.write_bytes(b"something else")
    with pytest.raises(CellwrightError, match="no raw file of ngspice"):
        read_raw(path)


def test_a_person_s_own_settings_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a relative tolerance of 0.9 a diode's voltage would be wrong by 8 %."""
    diode = "* a diode\nV1 a 0 1\nR1 a b 1k\nD1 b 0 plain\n.model plain d\n.op\n.end\n"
    exact = simulate(diode)["b"][0]
    (tmp_path / ".spiceinit").write_text("option reltol=0.9\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert simulate(diode)["b"][0] == exact


def test_folders_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "Ä folder; with $HOME's (spaces)"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert simulate(CHARGING)["time"][-1] == pytest.approx(5e-6)
    assert list(folder.iterdir()) == []


def test_what_a_model_says_in_vain_is_told(caplog: pytest.LogCaptureFixture) -> None:
    netlist = "* t\nV1 a 0 1\nR1 a b 1k\nD1 b 0 plain\nD2 b 0 plain\n.model plain d isat=1e-14\n.op\n.end\n"
    with caplog.at_level(logging.WARNING):
        simulate(netlist)
    assert [record.getMessage() for record in caplog.records] == [
        "ngspice ignores what a model says: unrecognized parameter (isat)"
    ]


def test_a_title_may_say_anything_and_the_end_may_be_written_in_capitals() -> None:
    assert simulate(CHARGING.replace("* a capacitor is charged", "* aborted, singular matrix")).remedy is None
    blocks = TWO_SOURCES.replace(".op", ".subckt none a\nR1 a 0 1\n.ends\n.op")
    with pytest.raises(ConvergenceError, match="tried: more iterations"):
        simulate(blocks.replace(".end\n", ".END\n"), remedies=REMEDIES[:1])
    with pytest.raises(CellwrightError, match=r"has no line \.end"):
        simulate(blocks.replace(".end\n", ""))


def test_values_out_of_range_are_named() -> None:
    netlist = "* t\nV1 a 0 0\nB1 b 0 v = ln(v(a)-1)\nR1 b 0 1\n.op\n.end\n"
    with pytest.raises(ConvergenceError, match=r"operating point.*: -1 out of range for ln in line b1$"):
        simulate(netlist, remedies=())


def test_a_crash_is_called_one(tmp_path: Path) -> None:
    crashing = program(tmp_path / "crashing", 'case "$1" in --version) echo ngspice-39;; *) kill -SEGV $$;; esac')
    with pytest.raises(CellwrightError, match="ended by SIGSEGV: it crashed, or the memory ran out"):
        simulate(CHARGING, program=Ngspice(crashing, 39, klu=False, osdi=False))
    gone = Ngspice(str(tmp_path / "gone"), 39, klu=False, osdi=False)
    with pytest.raises(CellwrightError, match=r"does not run: .*no such file"):
        simulate(CHARGING, program=gone)


def test_what_is_no_number_is_no_result() -> None:
    analysis = Analysis("Operating Point", {"v(a)": np.array([1.0, 2.0]), "v(b)": np.array([0.0, np.nan])})
    with pytest.raises(CellwrightError, match=r"Operating Point has no number for v\(b\) at point 1"):
        analysis.check_numbers()


def test_runs_beside_one_another_do_not_meet() -> None:
    found: dict[int, float] = {}

    def run(ohms: int) -> None:
        found[ohms] = float(simulate(f"* t\nI1 0 a 1\nR1 a 0 {ohms}\n.op\n.end\n")["a"][0])

    threads = [threading.Thread(target=run, args=(ohms,)) for ohms in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == pytest.approx({ohms: float(ohms) for ohms in range(1, 9)})


def test_who_waits_is_told_and_can_stop_it(tmp_path: Path) -> None:
    told: list[float] = []

    def stop(seconds: float) -> None:
        told.append(seconds)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate("* an hour of a resistor\nV1 a 0 sin(0 1 1meg)\nR1 a 0 1\n.tran 1n 3600\n.end\n", waiting=stop)
    assert len(told) == 1
