"""GF180MCU of GlobalFoundries: the open 0.18 um process, its 3.3 V transistors, from the user's copy of its models."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import ClassVar

from cellwright.circuit.technologies.kept import first_with, included
from cellwright.circuit.technologies.technology import Corner, Spread, Technology, Wrapped, subcircuits
from cellwright.errors import CellwrightError, named

FOLDER = "CELLWRIGHT_GF180"
"""The environment variable that names the folder of the models, or a PDK of which it is a part."""

SWITCHES, MODELS = "design.ngspice", "sm141064.ngspice"
_PLACES = ("libs.tech/ngspice", "gf180mcu?/libs.tech/ngspice", "models/ngspice")
_LINES = re.DOTALL | re.MULTILINE
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
        return included(f"gf180-{section}", lambda: _content(folder(), section))

    def matched_area(self, width: float, length: float) -> float:
        """What the foundry's p_sqrtarea squares: the channel less par_l, and par_w wider."""
        return (width + 0.1e-6) * (length - 0.15e-6)


def folder() -> Path:
    """The folder that holds both files."""
    given = os.environ.get(FOLDER, "")
    if not given:
        raise CellwrightError(
            f"the models of GF180MCU are not here: set {FOLDER} to the folder that holds {SWITCHES} and {MODELS} "
            "(models/ngspice of github.com/google/globalfoundries-pdk-libs-gf180mcu_fd_pr), or to a PDK with libs.tech"
        )
    root = Path(given)
    found = first_with((SWITCHES, MODELS), [root, *(each for place in _PLACES for each in sorted(root.glob(place)))])
    if found is None:
        raise CellwrightError(
            f"{FOLDER}={given} holds no {SWITCHES} beside a {MODELS}, nor does its libs.tech/ngspice: name the folder "
            "that holds both"
        )
    return found


@cache
def _content(folder: Path, section: str) -> str:
    """The two kinds of transistors of a section of the models, and the numbers that they go by.

    The foundry's subcircuits nfet_03v3 and pfet_03v3 wrap models of the same names, but keep delvto and mulu0 to their
    own random numbers: ours take their place.
    """
    text = (folder / MODELS).read_text(encoding="utf-8", errors="replace")
    parts = [(folder / SWITCHES).read_text(encoding="utf-8", errors="replace"), _section(text, "noise_corner")]
    parts += [_models(text, section, "nfet_03v3"), _models(text, section, "pfet_03v3")]
    return "".join(parts) + subcircuits(Wrapped("nfet_03v3", _DIFFUSION), Wrapped("pfet_03v3", _DIFFUSION)) + "\n"


def _models(text: str, section: str, kind: str) -> str:
    """The models of one kind of transistors, from the section of their own that a section asks for."""
    own = re.search(rf"\b{kind}_\w+", _section(text, section))
    models = re.findall(rf"^\.model +{kind}\..*?(?=^[^+])", _section(text, own[0]), _LINES) if own else []
    if not models:
        raise _unexpected(kind)
    return "".join(models)


def _section(text: str, name: str) -> str:
    """What stands between ``.lib <name>`` and ``.endl``."""
    found = re.search(rf"^\.lib +{name} *\n(.*?)^\.endl", text, _LINES | re.IGNORECASE)
    if found is None:
        raise _unexpected(name)
    return found[1]


def _unexpected(what: str) -> CellwrightError:
    return CellwrightError(f"{MODELS} of GF180MCU has no {what}: revision 9 is expected")


CATALOGUE = {"gf180": GF180()}
