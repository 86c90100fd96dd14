"""Epilepsy: activities, one of them a mimicked seizure."""

from __future__ import annotations

from cellwright.data.known.uea import ARCHIVE, SOURCE, half, official
from cellwright.data.layouts import KnownSet

_TRAIN = half(
    "Epilepsy_TRAIN.ts",
    3,
    206,
    {"EPILEPSY": 34, "RUNNING": 36, "SAWING": 30, "WALKING": 37},
    "e2555afb91b2484831bcc66b3b5db3a362ba0697e855cfbb041eac165e371022",
)
_TEST = half(
    "Epilepsy_TEST.ts",
    3,
    206,
    {"EPILEPSY": 34, "RUNNING": 37, "SAWING": 30, "WALKING": 37},
    "e68e220e31a9235fd7da23bbae2e59bd8315a3cc4c2b12f803885235b61b52ac",
)

SET = KnownSet(
    name="Epilepsy",
    title="accelerometer on the wrist: walking, running, sawing, mimicking a seizure",
    shape="137 + 138 cases of 3 × 206 values, 4 classes",
    licence="none stated",
    source=SOURCE,
    citation="Villar et al., Generalized Models for the Classification of Abnormal Movements in Daily Life and its "
    "Applicability to Epilepsy Convulsion Recognition, International Journal of Neural Systems 26(6), 2016; "
    f"{ARCHIVE}",
    forms=(official("Epilepsy", _TRAIN, _TEST),),
    halves=(_TRAIN.path, _TEST.path),
)
