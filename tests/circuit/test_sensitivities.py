"""What single transistors do to blocks, beside the theory of weak inversion, and one chip beside ngspice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cellwright import Recurrent
from cellwright.circuit import technologies
from cellwright.circuit.blocks.pairs import TanhPair
from cellwright.circuit.calibration import Conditions, Laboratory
from cellwright.circuit.circuit import Circuit
from cellwright.circuit.design import Design
from cellwright.circuit.mismatch import Mismatch
from cellwright.circuit.sensitivities import amplifier_sensitivities, pair_sensitivities


@pytest.fixture(scope="module")
def laboratory(needs) -> Laboratory:
    needs.program("ngspice", remedy="apt install ngspice")
    return Laboratory(Design(), Conditions(technologies.find("generic180")))


def test_a_pairs_offset_is_the_difference_of_its_thresholds(laboratory: Laboratory) -> None:
    found = pair_sensitivities(laboratory, TanhPair)
    left, right = found.threshold[1, 1:3]
    assert left == pytest.approx(-1, abs=0.02)
    assert right == pytest.approx(1, abs=0.02)
    # A current factor of one of them is a threshold of n U: u in sigma(v / u) of a pair, here tanh(v / 2u).
    assert found.factor[1, 1] == pytest.approx(laboratory.constants.tanh_slope / 2, rel=0.02)
    assert found.left[1:3].max() < 0.01


def test_a_mirrors_factor_is_that_of_its_transistors(laboratory: Laboratory) -> None:
    found = pair_sensitivities(laboratory, TanhPair)
    tail, back, forth = found.factor[2, 0], found.factor[3, 3], found.factor[3, 4]
    assert (tail, back, forth) == pytest.approx((1, -1, 1), abs=0.02)
    # In weak inversion a threshold would do 1 / n U; at this current the mirrors are a little beyond it.
    weak = 2 / laboratory.constants.tanh_slope
    assert 0.6 * weak < -found.threshold[2, 0] < weak
    assert found.threshold[3, 4] == pytest.approx(-found.threshold[3, 3], rel=0.01)


def test_an_amplifiers_offset_is_its_pairs_and_a_part_of_its_loads(laboratory: Laboratory) -> None:
    found = amplifier_sensitivities(laboratory).threshold[0]
    assert (found[1], found[2]) == pytest.approx((-1, 1), abs=0.02)
    assert 0.3 < -found[3] < 1
    assert np.abs(found[[0, 5, 6]]).max() < 0.02


def test_a_shift_of_bias_and_mirrors_alike_does_nothing(laboratory: Laboratory) -> None:
    found = pair_sensitivities(laboratory, TanhPair)
    drawn = {
        f"{kind}_{each.name}": np.full(1, kind == "mu") * 1.0 for each in found.transistors for kind in ("vt", "mu")
    }
    drawn["vt_m6"], drawn["mu_m6"] = np.full(1, 2e-3), np.full(1, 1.1)
    alone = found.effect(drawn)
    together = found.effect(drawn, {"vt": np.full(1, 2e-3), "mu": np.full(1, 1.1)})
    assert np.abs(alone).max() > 0.01
    assert np.abs(together).max() < 1e-12


def test_ngspice_and_the_twin_agree_on_a_chip(laboratory: Laboratory) -> None:
    torch.manual_seed(1)
    layer = Recurrent("lstm", 1, 1, dtype=torch.float64)
    circuit = Circuit.of(layer, laboratory.conditions)
    x = torch.tensor([[0.5], [-0.5]], dtype=torch.float64)
    mismatch = Mismatch("generic180", 3)
    spice = circuit.simulate({"x": x.numpy()}, mismatch=mismatch, chip=1).values
    nominal, chips = circuit.twin.run({"x": x}), circuit.chips(mismatch, [0, 1]).run({"x": x})
    for name in ("h", "c"):
        error = spice[name] - nominal[name].numpy()
        assert np.abs(error).max() > 0.02
        assert np.abs(spice[name] - chips[name][:, 1].numpy()).max() < 0.1 * np.abs(error).max() + 0.002
