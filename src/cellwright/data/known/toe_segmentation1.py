"""ToeSegmentation1: a normal walk, or a pretended limp."""

from __future__ import annotations

from cellwright.data.known.ucr import ARCHIVE, LICENCE, SOURCE, half, official
from cellwright.data.layouts import KnownSet

_TRAIN = half(
    "ToeSegmentation1_TRAIN.tsv",
    277,
    {"0": 20, "1": 20},
    "ac11daa3a328c64f5dfb2618e95495f88a7275628d8451b01234df7753cb88ff",
)
_TEST = half(
    "ToeSegmentation1_TEST.tsv",
    277,
    {"0": 120, "1": 108},
    "c79797439bd9c8ebd4aaf4d5ee9555033db4aa4d7506002e4cb6c8ef72526d2d",
)

SET = KnownSet(
    name="ToeSegmentation1",
    title="path of a toe (CMU motion capture) in normal or pretended abnormal walk",
    shape="40 + 228 cases of 277 values, 2 classes",
    licence=LICENCE,
    source=SOURCE,
    citation="Ye & Keogh, Time series shapelets: a novel technique that allows accurate, interpretable and fast "
    f"classification, Data Mining and Knowledge Discovery 22, 149-182, 2011; {ARCHIVE}",
    forms=(official("ToeSegmentation1", _TRAIN, _TEST, "ucr_small"),),
    halves=(_TRAIN.path, _TEST.path),
)
