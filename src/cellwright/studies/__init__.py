"""Studies: questions asked of a task, a cell and a chip. The main job is ``run``; ``sweep`` varies the chip."""

from cellwright.studies.run import RunSettings, run_study
from cellwright.studies.sweep import SweepSettings, run_sweep

__all__ = ["RunSettings", "SweepSettings", "run_study", "run_sweep"]
