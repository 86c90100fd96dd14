"""Files that people bring: tables of numbers, labelled sequences, and the data sets that everyone knows."""

from cellwright.data.table import Table, read_table

__all__ = ["Table", "read_table"]
