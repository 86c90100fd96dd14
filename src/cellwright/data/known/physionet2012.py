"""PhysioNet's challenge of 2012: stays in intensive care, measured when it mattered."""

from __future__ import annotations

from cellwright.data.layouts import Archive, Form, KnownFile, KnownSet, Rows

# Time as HH:MM; a value of -1 is unknown. Rows of one stay.
_STAY = Rows(rows=(6, 1481), columns=3, header=("Time", "Parameter", "Value"), words=(0, 1))
_OUTCOMES = KnownFile(
    path="Outcomes-a.txt",
    content=Rows(
        rows=4000,
        columns=6,
        header=("RecordID", "SAPS-I", "SOFA", "Length_of_stay", "Survival", "In-hospital_death"),
        label=5,
        labels={"0": 3446, "1": 554},
    ),
    sha256="2613ea60ccda29f87571a7d6b09ad130858a8ccd66325bd073365925026883c2",
)
_ARCHIVED = Archive(pattern="set-a/*.txt", members=4000, each=_STAY)
_FOLDERS = ("challenge-2012", "physionet2012", "physionet2012_seta")

SET = KnownSet(
    name="physionet2012_seta",
    title="PhysioNet/CinC challenge 2012, set A: 48 hours in intensive care, up to 42 quantities at irregular "
    "times; who died",
    shape="4000 stays of 6 to 1481 measurements, 554 deaths",
    licence="Open Data Commons Attribution License 1.0 at PhysioNet",
    source="https://physionet.org/content/challenge-2012/1.0.0/",
    citation="Silva, Moody, Scott, Celi & Mark, Predicting in-hospital mortality of ICU patients: the "
    "PhysioNet/Computing in Cardiology Challenge 2012, Computing in Cardiology 39, 245-248, 2012",
    forms=(
        Form(
            title="set-a/ID.txt, as published",
            folders=_FOLDERS,
            files=(KnownFile(path="set-a/*.txt", content=_STAY, count=4000), _OUTCOMES),
        ),
        Form(
            title="set-a.zip, as published",
            folders=_FOLDERS,
            files=(KnownFile(path="set-a.zip", content=_ARCHIVED), _OUTCOMES),
        ),
        Form(
            title="set-a.tar.gz, as published",
            folders=_FOLDERS,
            files=(KnownFile(path="set-a.tar", content=_ARCHIVED), _OUTCOMES),
        ),
        Form(
            title="set-a packed with tar and xz",
            folders=_FOLDERS,
            files=(
                KnownFile(
                    path="set-a.tar.xz",
                    content=_ARCHIVED,
                    sha256="364879d2f04a751df783803ee94685cef4f78c74626b97979047e4fb1120bbda",
                ),
                _OUTCOMES,
            ),
        ),
    ),
)
