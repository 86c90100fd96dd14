"""What all sets of the UCR archive of 2018 share; this file describes none."""

from __future__ import annotations

from cellwright.data.layouts import Form, KnownFile, Rows

SOURCE = "https://www.cs.ucr.edu/~eamonn/time_series_data_2018/"
LICENCE = "none stated; the archive asks for citation"
ARCHIVE = "archive: Dau et al., The UCR Time Series Archive, IEEE/CAA Journal of Automatica Sinica 6, 1293-1305, 2019"


def half(path: str, length: int, labels: dict[str, int], sha256: str = "") -> KnownFile:
    """A file of one half: a case a line, the class first, ``length`` values after it, tabs between."""
    table = Rows(rows=sum(labels.values()), columns=length + 1, separator="\t", label=0, labels=labels)
    return KnownFile(path=path, content=table, sha256=sha256)


def official(name: str, train: KnownFile, test: KnownFile, *more_folders: str) -> Form:
    """NAME_TRAIN.tsv and NAME_TEST.tsv in a folder of that name."""
    return Form(
        title="the archive's: NAME_TRAIN.tsv, NAME_TEST.tsv",
        folders=(f"UCRArchive_2018/{name}", name, *more_folders),
        files=(train, test),
    )
