"""Laws of every technology in every corner: transistors conduct, from cold to hot, and depart as they are told to."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from cellwright.circuit import simulate
from cellwright.circuit.technologies import CORNERS, catalogue, find
from cellwright.errors import CellwrightError

NAMES = tuple(catalogue())
FAST = {"typical": (0, 0), "fast": (1, 1), "slow": (-1, -1), "fast-slow": (1, -1), "slow-fast": (-1, 1)}
# One of each polarity. In weak inversion the current tells of thresholds, and it is proportional to mobility.
PAIR = """\
Vgn gn 0 {gate}
Vn dn 0 1
Xn dn gn 0 0 nmos w=4u l=1u {given}
Vgp vdd gp {gate}
Vp vdd dp 1
Xp dp gp vdd vdd pmos w=4u l=1u {given}
"""


def netlist(name: str, corner: str, body: str) -> str:
    technology = find(name)
    return f"* {name}\n{technology.models(corner)}\nVdd vdd 0 {technology.supply}\n{body}.end\n"


def currents(name: str, corner: str, gate: float, given: str = "", analysis: str = ".op") -> tuple[np.ndarray, ...]:
    """What an n and a p transistor conduct with 1 V from drain to source, A."""
    done = simulate(netlist(name, corner, PAIR.format(gate=gate, given=given) + analysis + "\n"))
    return -done["i(vn)"], -done["i(vp)"]


@pytest.mark.parametrize(("name", "corner"), [*product(NAMES, CORNERS)])
def test_both_polarities_conduct_from_cold_to_hot(name: str, corner: str, needs) -> None:
    needs.pdk(name)
    for current in currents(name, corner, 1.6, "", ".dc temp -40 85 12.5"):
        assert current.shape == (11,)
        assert (current > 1e-6).all()
        assert (current < 1e-2).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("temperature", [-40, 27, 85])
def test_the_temperature_is_an_option_of_the_netlist(name: str, temperature: int, needs) -> None:
    needs.pdk(name)
    swept = currents(name, "typical", 0.5, "", f".dc temp {temperature} {temperature} 1")
    given = currents(name, "typical", 0.5, "", f".options temp={temperature}\n.op")
    assert np.allclose(np.ravel(swept), np.ravel(given), rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_corners_are_what_they_are_called(name: str, needs) -> None:
    needs.pdk(name)
    low = 0.5
    typical = np.ravel(currents(name, "typical", low))
    for corner in CORNERS:
        ratios = np.ravel(currents(name, corner, low)) / typical
        for ratio, sign in zip(ratios, FAST[corner], strict=True):
            assert np.sign(np.log(ratio)) == sign or (sign == 0 and ratio == 1)


@pytest.mark.parametrize(("name", "corner"), [*product(NAMES, ("typical", "slow-fast"))])
def test_vt_moves_the_threshold_and_mu_multiplies_the_current(name: str, corner: str, needs) -> None:
    """By definition: a positive vt makes n transistors conduct less, p transistors more."""
    needs.pdk(name)
    shift, factor, low = 0.01, 1.03, 0.4
    n, p = currents(name, corner, low)
    slow, fast = currents(name, corner, low, f"vt={shift}")
    assert slow < n
    assert fast > p
    # The same currents at a gate voltage that is higher (n) or lower (p) by as much.
    assert currents(name, corner, low + shift, f"vt={shift}")[0] == pytest.approx(n, rel=0.005)
    assert currents(name, corner, low - shift, f"vt={shift}")[1] == pytest.approx(p, rel=0.005)
    quick = currents(name, corner, low, f"mu={factor}")
    assert np.ravel(quick) == pytest.approx(factor * np.ravel((n, p)), rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_a_pair_in_weak_inversion_is_a_tanh(name: str, needs) -> None:
    """With I = exp(V / (n V_T)), the difference of two shares of a tail is tanh(V / (2 n V_T))."""
    needs.pdk(name)
    middle, low = find(name).middle, -0.2
    gates = f"Vc c 0 {middle}\nVs s 0 0\nEp p c s 0 0.5\nEn n c s 0 -0.5\nIt t 0 100n\n"
    pair = f"Va a 0 {middle}\nVb b 0 {middle}\nXa a p t 0 nmos w=20u l=1u\nXb b n t 0 nmos w=20u l=1u\n"
    done = simulate(netlist(name, "typical", gates + pair + f".dc Vs {low} {-low} 0.01\n"))
    share = (done["i(vb)"] - done["i(va)"]) / 100e-9
    voltage = np.linspace(low, -low, len(share))
    thermal = 1.380649e-23 * 300.15 / 1.602176634e-19
    slope = np.gradient(share, voltage)[len(share) // 2]
    assert 1 < 1 / (2 * thermal * slope) < 1.7
    assert np.abs(share - np.tanh(slope * voltage)).max() < 0.02


@pytest.mark.parametrize("name", NAMES)
def test_copies_are_transistors_side_by_side(name: str, needs) -> None:
    needs.pdk(name)
    one, three = (np.ravel(currents(name, "typical", 0.5, f"copies={n}")) for n in (1, 3))
    assert three == pytest.approx(3 * one, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_corner_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(CellwrightError, match="no corner is called 'tt'"):
        find(name).models("tt")


@pytest.mark.parametrize("name", NAMES)
def test_spreads_and_densities_are_those_of_integrated_circuits(name: str) -> None:
    technology = find(name)
    for polarity in ("n", "p"):
        assert 1e-9 < technology.threshold_spread[polarity] < 2e-8  # 1 to 20 mV um
        assert 0 < technology.gain_spread[polarity] < 3e-8  # to 3 % um
    assert 5e-4 < technology.capacitor_density < 5e-3  # 0.5 to 5 fF/um2
    assert 100 < technology.sheet_resistance < 5000
    assert 0 < technology.matched_area(4e-6, 1e-6) <= 4.1e-12
    assert technology.source
    assert technology.densities_source
