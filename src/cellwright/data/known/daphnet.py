"""Daphnet: freezing of gait in Parkinson's disease."""

from __future__ import annotations

from cellwright.data.layouts import Form, KnownFile, KnownSet, Rows

_PLACES = ("ankle", "leg", "trunk")
_AXES = ("horiz_fwd", "vert", "horiz_lateral")
_HEADER = ("timestamp", *(f"{place}_{axis}" for place in _PLACES for axis in _AXES), "is_anomaly")

SET = KnownSet(
    name="Daphnet",
    title="three accelerometers on patients with Parkinson's disease, with episodes of freezing of gait",
    shape="17 recordings of 9 channels at 64 Hz; the copy: one part, 7040 rows",
    licence="CC BY 4.0 at UCI; the copy comes from aeon, BSD-3-Clause",
    source="https://archive.ics.uci.edu/dataset/245/daphnet+freezing+of+gait",
    citation="Bächlin et al., Wearable Assistant for Parkinson's Disease Patients With the Freezing of Gait "
    "Symptom, IEEE Transactions on Information Technology in Biomedicine 14, 436-446, 2010",
    forms=(
        Form(
            title="UCI: time in ms, nine channels, annotation",
            folders=("dataset_fog_release/dataset", "Daphnet", "daphnet"),
            files=(KnownFile(path="S*R*.txt", content=Rows(rows=(1, None), columns=11, separator=None), count=17),),
        ),
        Form(
            title="S06R02E0 of aeon's: CSV with a header",
            folders=("uea_small",),
            files=(
                KnownFile(
                    path="S06R02E0.csv",
                    content=Rows(rows=7040, columns=11, header=_HEADER, words=(0,), label=10, labels={"0": 7040}),
                    sha256="5a1d2990fec3846c3e1bc43487f0860e63434bd06b3df763012e97ce23d0d84c",
                ),
            ),
            note="no row of it is anomalous",
        ),
    ),
)
