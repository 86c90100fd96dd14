"""StandWalkJump: an electrocardiogram in motion."""

from __future__ import annotations

from cellwright.data.known.uea import ARCHIVE, SOURCE, half, official
from cellwright.data.layouts import KnownSet

_TRAIN = half(
    "StandWalkJump_TRAIN.ts",
    4,
    2500,
    {"jumping": 4, "standing": 4, "walking": 4},
    "8c8c6ed5178ea28781f6e06f5bd5e4c032f1600570343f7f7ca596c936497237",
)
_TEST = half(
    "StandWalkJump_TEST.ts",
    4,
    2500,
    {"jumping": 5, "standing": 5, "walking": 5},
    "2309512e424c608393a1af7296fb8b53780b54699f5146283a19411bc3419959",
)

SET = KnownSet(
    name="StandWalkJump",
    title="spectrogram bands of an electrocardiogram: standing, walking, jumping",
    shape="12 + 15 cases of 4 × 2500 values, 3 classes",
    licence="none stated",
    source=SOURCE,
    citation="Behravan et al., Rate-Adaptive Compressed-Sensing and Sparsity Variance of Biomedical Signals, BSN "
    f"2015; {ARCHIVE}",
    forms=(official("StandWalkJump", _TRAIN, _TEST),),
    halves=(_TRAIN.path, _TEST.path),
)
