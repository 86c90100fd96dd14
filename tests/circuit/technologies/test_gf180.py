"""GF180MCU: the foundry's own subcircuits are the oracle."""

from __future__ import annotations

import re

import pytest

from cellwright.circuit.technologies import find, gf180
from cellwright.errors import CellwrightError

SIZES = ((4, 1), (0.42, 0.28), (20, 5))
BIASES = ((0.5, 0.1), (0.8, 3.3), (2.5, 1.0))
OURS = "{p}mos w={w}u l={l}u"
THEIRS = "{p}fet_03v3 w={w}u l={l}u as={{{w}*0.44p}} ad={{{w}*0.44p}} ps={{2*({w}+0.44)*1u}} pd={{2*({w}+0.44)*1u}}"


@pytest.mark.parametrize(("corner", "section"), [("typical", "typical"), ("fast", "ff"), ("slow-fast", "sf")])
def test_transistors_are_the_foundrys(corner, section, needs, currents) -> None:
    needs.pdk("gf180")
    here = gf180.folder()
    library = f'.include "{here}/design.ngspice"\n.lib "{here}/sm141064.ngspice" {section}'
    expected = currents(library, THEIRS, 3.3, SIZES, BIASES)
    assert currents(find("gf180").models(corner), OURS, 3.3, SIZES, BIASES) == pytest.approx(
        expected, rel=1e-9, abs=1e-15
    )  # rounding of volts, in A
    assert all(expected)


def test_spreads_are_those_of_the_foundrys_file(needs) -> None:
    needs.pdk("gf180")
    technology = find("gf180")
    text = (gf180.folder() / "sm141064.ngspice").read_text()
    matching = text.split(".lib fets_mm")[1].split(".endl fets_mm")[0]
    for polarity in ("n", "p"):
        own = matching.split(f".subckt {polarity}fet_03v3 ")[1].split(".ends")[0]
        number = dict(re.findall(r"^\+ (par_\w+)=(\S+)", own, re.MULTILINE))
        assert technology.threshold_spread[polarity] == pytest.approx(float(number["par_vth"]) * 1e-6)
        assert technology.gain_spread[polarity] == pytest.approx(float(number["par_k"]) * 1e-6)
        effective = (4e-6 - float(number["par_w"])) * (1e-6 - float(number["par_l"]))
        assert technology.matched_area(4e-6, 1e-6) == pytest.approx(effective)
    assert f"c_cox='{technology.capacitor_density * 1e3:.2f}e-3*mim_corner_2p0fF'" in text
    assert f"rsh_ppolyf_u_1k={technology.sheet_resistance:.0f}\n" in text


def test_a_missing_copy_gives_one_line(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("CELLWRIGHT_GF180")
    with pytest.raises(CellwrightError, match=r"set CELLWRIGHT_GF180 to the folder that holds design\.ngspice") as said:
        find("gf180").models()
    assert "\n" not in str(said.value)
    monkeypatch.setenv("CELLWRIGHT_GF180", str(tmp_path))
    with pytest.raises(CellwrightError, match=r"holds no design\.ngspice beside a sm141064\.ngspice"):
        find("gf180").models()


def test_a_pdk_is_taken_by_its_root(monkeypatch, tmp_path) -> None:
    folder = tmp_path / "gf180mcuD" / "libs.tech" / "ngspice"
    folder.mkdir(parents=True)
    for name in ("design.ngspice", "sm141064.ngspice"):
        (folder / name).write_text("* models\n")
    for root in (tmp_path, tmp_path / "gf180mcuD", folder):
        monkeypatch.setenv("CELLWRIGHT_GF180", str(root))
        assert gf180.folder() == folder
    with pytest.raises(CellwrightError, match=r"sm141064\.ngspice of GF180MCU has no noise_corner: revision 9"):
        find("gf180").models()
