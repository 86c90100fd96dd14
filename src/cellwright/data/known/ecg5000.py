"""ECG5000: heartbeats of one patient in five classes."""

from __future__ import annotations

from cellwright.data.known.ucr import ARCHIVE, LICENCE, SOURCE, half, official
from cellwright.data.layouts import Form, KnownFile, KnownSet, Npz

_TRAIN_LABELS = {"1": 292, "2": 177, "3": 10, "4": 19, "5": 2}
_TEST_LABELS = {"1": 2627, "2": 1590, "3": 86, "4": 175, "5": 22}
_TRAIN = half("ECG5000_TRAIN.tsv", 140, _TRAIN_LABELS)
_TEST = half("ECG5000_TEST.tsv", 140, _TEST_LABELS)

SET = KnownSet(
    name="ECG5000",
    title="heartbeats of a patient with heart failure, normal (1) and four other classes",
    shape="500 + 4500 cases of 140 values, 5 classes",
    licence=LICENCE,
    source=SOURCE,
    citation="record chf07 of the BIDMC database, Goldberger et al., Circulation 101, e215-e220, 2000; Chen et "
    f"al., Data Mining and Knowledge Discovery 29, 1622-1664, 2015; {ARCHIVE}",
    forms=(
        official("ECG5000", _TRAIN, _TEST, "ecg5000"),
        Form(
            title="one NumPy file: X_train, y_train, X_test, y_test",
            folders=("ecg5000", "ECG5000"),
            files=(
                KnownFile(
                    path="ecg5000.npz",
                    content=Npz(
                        arrays={"X_train": (500, 140), "y_train": (500,), "X_test": (4500, 140), "y_test": (4500,)},
                        labels={"y_train": _TRAIN_LABELS, "y_test": _TEST_LABELS},
                    ),
                    sha256="4b18e5e015b98c80936ac450d781facf3733b917a52900b12795c98b4632e62f",
                ),
            ),
        ),
    ),
    halves=(_TRAIN.path, _TEST.path),
)
