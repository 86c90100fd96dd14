"""Layouts: what the files of a data set must hold, and whether they do."""

from cellwright.data.layouts.archives import Archive
from cellwright.data.layouts.arrays import Hdf5, Idx, Npz, PianoRolls, Sound
from cellwright.data.layouts.checking import Checked, CheckedFile, check, located, whats_wrong
from cellwright.data.layouts.content import Content, Examined
from cellwright.data.layouts.known_set import Form, KnownFile, KnownSet
from cellwright.data.layouts.tables import Cases, Rows
from cellwright.data.layouts.texts import Fasta, Json, Letters, Sentences, Trees

__all__ = [
    "Archive",
    "Cases",
    "Checked",
    "CheckedFile",
    "Content",
    "Examined",
    "Fasta",
    "Form",
    "Hdf5",
    "Idx",
    "Json",
    "KnownFile",
    "KnownSet",
    "Letters",
    "Npz",
    "PianoRolls",
    "Rows",
    "Sentences",
    "Sound",
    "Trees",
    "check",
    "located",
    "whats_wrong",
]
