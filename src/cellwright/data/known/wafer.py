"""Wafer: sensors during the making of wafers, normal or not."""

from __future__ import annotations

from cellwright.data.known.ucr import ARCHIVE, LICENCE, SOURCE, half, official
from cellwright.data.layouts import Form, KnownSet

_TRAIN = half(
    "Wafer_TRAIN.tsv", 152, {"1": 903, "-1": 97}, "a5d44c056e929ce6f406c9e88c135f1d0996bfe73f3aa4508804914956477a02"
)
_TEST = half("Wafer_TEST.tsv", 152, {"1": 5499, "-1": 665})

SET = KnownSet(
    name="Wafer",
    title="a sensor during the processing of a silicon wafer, normal (1) or abnormal (-1)",
    shape="1000 + 6164 cases of 152 values, 2 classes",
    licence=LICENCE,
    source=SOURCE,
    citation="Olszewski, Generalized Feature Extraction for Structural Pattern Recognition in Time-Series Data, "
    f"thesis CMU-CS-01-108, 2001; {ARCHIVE}",
    forms=(
        official("Wafer", _TRAIN, _TEST, "ucr_wafer"),
        Form(
            title="the training half alone",
            folders=("ucr_wafer", "Wafer"),
            files=(_TRAIN,),
            note="without the test half, split it by stratified folds",
        ),
    ),
    halves=(_TRAIN.path, _TEST.path),
)
