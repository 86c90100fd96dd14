"""JapaneseVowels: nine speakers, by the length that each took."""

from __future__ import annotations

from cellwright.data.known.uea import ARCHIVE, SOURCE, half, official
from cellwright.data.layouts import KnownSet

_TRAIN = half(
    "JapaneseVowels_TRAIN.ts",
    12,
    (7, 26),
    {"1": 30, "2": 30, "3": 30, "4": 30, "5": 30, "6": 30, "7": 30, "8": 30, "9": 30},
    "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
)
_TEST = half(
    "JapaneseVowels_TEST.ts",
    12,
    (7, 29),
    {"1": 31, "2": 35, "3": 88, "4": 44, "5": 29, "6": 24, "7": 40, "8": 50, "9": 29},
    "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
)

SET = KnownSet(
    name="JapaneseVowels",
    title="12 coefficients of linear prediction over two vowels; who speaks",
    shape="270 + 370 cases of 12 × 7 to 29 values, 9 classes",
    licence="CC BY 4.0 at UCI",
    source=SOURCE,
    citation="Kudo, Toyama & Shimbo, Multidimensional curve classification using passing-through regions, Pattern "
    f"Recognition Letters 20, 1103-1111, 1999; {ARCHIVE}",
    forms=(official("JapaneseVowels", _TRAIN, _TEST),),
    halves=(_TRAIN.path, _TEST.path),
)
