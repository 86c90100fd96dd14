"""What all sets of the UEA archive of multivariate series share; this file describes none."""

from __future__ import annotations

from cellwright.data.layouts import Cases, Form, KnownFile
from cellwright.data.layouts.content import Count

SOURCE = "https://www.timeseriesclassification.com"
ARCHIVE = "archive: Bagnall et al., The UEA multivariate time series classification archive, 2018, arXiv:1811.00075"


def half(path: str, channels: int, length: Count, labels: dict[str, int], sha256: str) -> KnownFile:
    """A ``.ts`` file of one half."""
    cases = Cases(cases=sum(labels.values()), channels=channels, length=length, labels=labels)
    return KnownFile(path=path, content=cases, sha256=sha256)


def official(name: str, train: KnownFile, test: KnownFile) -> Form:
    """NAME_TRAIN.ts and NAME_TEST.ts in a folder of that name."""
    return Form(
        title="the archive's: NAME_TRAIN.ts, NAME_TEST.ts",
        folders=(f"Multivariate_ts/{name}", name, "uea_small"),
        files=(train, test),
    )
