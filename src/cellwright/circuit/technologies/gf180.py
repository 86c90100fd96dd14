"""GF180MCU of GlobalFoundries: the open 0.18 um process, its 3.3 V transistors, from the user's copy of its models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from cellwright.circuit.technologies.technology import Corner, Spread, Technology, Wrapped, subcircuits
from cellwright.errors import CellwrightError, named

FOLDER = "CELLWRIGHT_GF180"
"""The environment variable that names the folder of the models, or a PDK of which it is a part."""

SWITCHES, MODELS = "design.ngspice", "sm141064.ngspice"
_PLACES = (".", "libs.tech/ngspice", "gf180mcu?/libs.tech/ngspice", "models/ngspice")
_SECTIONS = {"typical": "typical", "fast": "ff", "slow": "ss", "fast-slow": "fs", "slow-fast": "sf"}

_DIFFUSION = 0.44e-6
"""m: saref of the models, the length of those that were measured."""


class GF180(Technology):
    """nfet_03v3 and pfet_03v3 of GF180MCU: a real process, with the foundry's own models."""

    name = "gf180"
    title = "GF180MCU, 0.18 um, 3.3 V"
    source = "GlobalFoundries, sm141064.ngspice revision 9 of globalfoundries-pdk-libs-gf180mcu_fd_pr, Apache-2.0"
    supply = 3.3
    shortest = 0.28e-6
    threshold_spread: ClassVar[Spread] = {"n": 7.148e-9, "p": 6.66e-9}
    gain_spread: ClassVar[Spread] = {"n": 7.008e-9, "p": 2.833e-9}
    capacitor_density = 1.99e-3
    sheet_resistance = 1000.0
    resistor_width = 1e-6
    claims = True
    densities_source = (
        "sm141064.ngspice: par_vth and par_k of nfet_03v3 and pfet_03v3 (section fets_mm); c_cox of cap_mim_2f0fF; "
        "rsh_ppolyf_u_1k (section res_typical); 1 um is our choice of a resistor's width"
    )

    def models(self, corner: Corner = "typical") -> str:
        section = named("corner", corner, _SECTIONS)
        folder = _folder()
        # The foundry's subcircuits nfet_03v3 and pfet_03v3 wrap models of the same names, but keep delvto and mulu0 to
        # their own random numbers: ours stand beside them.
        return f'.include "{folder / SWITCHES}"\n.lib "{folder / MODELS}" {section}\n' + subcircuits(
            Wrapped("nfet_03v3", _DIFFUSION), Wrapped("pfet_03v3", _DIFFUSION)
        )

    def matched_area(self, width: float, length: float) -> float:
        """What the foundry's p_sqrtarea squares: the channel less par_l, and par_w wider."""
        return (width + 0.1e-6) * (length - 0.15e-6)


def _folder() -> Path:
    """The folder that holds both files."""
    given = os.environ.get(FOLDER, "")
    if not given:
        raise CellwrightError(
            f"the models of GF180MCU are not here: set {FOLDER} to the folder that holds {SWITCHES} and {MODELS} "
            "(models/ngspice of github.com/google/globalfoundries-pdk-libs-gf180mcu_fd_pr), or to a PDK with libs.tech"
        )
    for place in _PLACES:
        for folder in sorted(Path(given).glob(place)) if place != "." else [Path(given)]:
            if (folder / SWITCHES).is_file() and (folder / MODELS).is_file():
                return folder.resolve()
    raise CellwrightError(
        f"{FOLDER}={given} holds no {SWITCHES} beside a {MODELS}, nor does its libs.tech/ngspice: name the folder that "
        "holds both"
    )


CATALOGUE = {"gf180": GF180()}
