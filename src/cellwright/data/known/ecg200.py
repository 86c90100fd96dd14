"""ECG200: heartbeats, normal or of an infarction."""

from __future__ import annotations

from cellwright.data.known.ucr import ARCHIVE, LICENCE, SOURCE, half, official
from cellwright.data.layouts import KnownSet

_TRAIN = half(
    "ECG200_TRAIN.tsv", 96, {"1": 69, "-1": 31}, "bd08b37147ebf205231ad43e02c42dd5c14bc348f4ccc7614f85634c8916bf21"
)
_TEST = half(
    "ECG200_TEST.tsv", 96, {"1": 64, "-1": 36}, "c8ac02caf98be23c47c044fde026219301ceaf0b2f97bc107bd0cd96330b867c"
)

SET = KnownSet(
    name="ECG200",
    title="single heartbeats, normal (1) or of a myocardial infarction (-1)",
    shape="100 + 100 cases of 96 values, 2 classes",
    licence=LICENCE,
    source=SOURCE,
    citation="Olszewski, Generalized Feature Extraction for Structural Pattern Recognition in Time-Series Data, "
    f"thesis CMU-CS-01-108, 2001; {ARCHIVE}",
    forms=(official("ECG200", _TRAIN, _TEST, "ucr_small"),),
    halves=(_TRAIN.path, _TEST.path),
)
