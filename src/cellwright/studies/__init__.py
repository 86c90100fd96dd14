"""Studies: questions asked of a task, a cell and a chip. The main job is ``run``."""

from cellwright.studies.run import RunSettings, run_study

__all__ = ["RunSettings", "run_study"]
