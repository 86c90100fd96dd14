"""Files that people bring: tables of numbers, labelled sequences, and the data sets that everyone knows."""

from cellwright.data.labelled import read_labelled, test_file_beside
from cellwright.data.sequences import LabelledSequences
from cellwright.data.table import Table, read_table

__all__ = ["LabelledSequences", "Table", "read_labelled", "read_table", "test_file_beside"]
