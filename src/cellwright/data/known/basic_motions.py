"""BasicMotions: a smart watch on four activities."""

from __future__ import annotations

from cellwright.data.known.uea import ARCHIVE, SOURCE, half, official
from cellwright.data.layouts import KnownSet

_TRAIN = half(
    "BasicMotions_TRAIN.ts",
    6,
    100,
    {"Badminton": 10, "Running": 10, "Standing": 10, "Walking": 10},
    "8dc43cc6306cb679c888c01e26f91772ac4441a916da43bac8b79734a538b9d6",
)
_TEST = half(
    "BasicMotions_TEST.ts",
    6,
    100,
    {"Badminton": 10, "Running": 10, "Standing": 10, "Walking": 10},
    "79213102bc6fca1a398ad98ce1185dff0208fa3d1465e687f48288946b0ff8dc",
)

SET = KnownSet(
    name="BasicMotions",
    title="accelerometer and gyroscope of a smart watch: standing, running, walking, badminton",
    shape="40 + 40 cases of 6 × 100 values, 4 classes",
    licence="none stated for the set; the copy comes from aeon, BSD-3-Clause",
    source=SOURCE,
    citation=f"{ARCHIVE}",
    forms=(official("BasicMotions", _TRAIN, _TEST),),
    halves=(_TRAIN.path, _TEST.path),
)
