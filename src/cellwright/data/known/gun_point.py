"""GunPoint: a hand that draws a gun, or points."""

from __future__ import annotations

from cellwright.data.known.ucr import ARCHIVE, LICENCE, SOURCE, half, official
from cellwright.data.layouts import KnownSet

_TRAIN = half(
    "GunPoint_TRAIN.tsv", 150, {"1": 24, "2": 26}, "4d14e4f44a6230087cb4b4ed7844c8b0feb76f07a76108cc367d689e0de8f609"
)
_TEST = half(
    "GunPoint_TEST.tsv", 150, {"1": 76, "2": 74}, "5537eb2f3050e1514f3221b5f4c9799b350fb229ea15eed9e78bbae855505ccf"
)

SET = KnownSet(
    name="GunPoint",
    title="path of a hand that draws a gun (1) or points with a finger (2)",
    shape="50 + 150 cases of 150 values, 2 classes",
    licence=LICENCE,
    source=SOURCE,
    citation="Ratanamahatana & Keogh, Making Time-series Classification More Accurate Using Learned Constraints, "
    f"SDM 2004; {ARCHIVE}",
    forms=(official("GunPoint", _TRAIN, _TEST, "ucr_small"),),
    halves=(_TRAIN.path, _TEST.path),
)
