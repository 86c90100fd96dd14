"""PenDigits: the pen on ten digits."""

from __future__ import annotations

from cellwright.data.known.uea import ARCHIVE, SOURCE, half, official
from cellwright.data.layouts import KnownSet

_TRAIN = half(
    "PenDigits_TRAIN.ts",
    2,
    8,
    {"0": 780, "1": 779, "2": 780, "3": 719, "4": 780, "5": 720, "6": 720, "7": 778, "8": 719, "9": 719},
    "4d24d1f0d4f477cfc3efeaa1aebacba53c8c145d99b7fa37b962139958c1f4af",
)
_TEST = half(
    "PenDigits_TEST.ts",
    2,
    8,
    {"0": 363, "1": 364, "2": 364, "3": 336, "4": 364, "5": 335, "6": 336, "7": 364, "8": 336, "9": 336},
    "ddd62484a72ebf058f8f0e0390ba3cdff174faa71397ff5336b2d4119ee76f6c",
)

SET = KnownSet(
    name="PenDigits",
    title="path of a pen that writes a digit",
    shape="7494 + 3498 cases of 2 × 8 values, 10 classes",
    licence="CC BY 4.0 at UCI",
    source=SOURCE,
    citation="Alimoglu, Combining Multiple Classifiers for Pen-Based Handwritten Digit Recognition, thesis, "
    f"Bogazici University 1996; {ARCHIVE}",
    forms=(official("PenDigits", _TRAIN, _TEST),),
    halves=(_TRAIN.path, _TEST.path),
)
