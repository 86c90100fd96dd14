"""Tasks: what is learnt, one file each, with data, recipes, metric, baselines and what was published."""

from cellwright.tasks.classifier import Classifier, Pooling
from cellwright.tasks.forecast_file import ForecastFile
from cellwright.tasks.forecaster import Forecaster
from cellwright.tasks.labelled import LabelledFile, LabelledRecipe, LabelledTask, read_task
from cellwright.tasks.listing import catalogue, find
from cellwright.tasks.series import SeriesRecipe, SeriesTask, Window
from cellwright.tasks.table import TableTask
from cellwright.tasks.task import Baseline, Certainty, Published, Recipe, Task, TrainingData
from cellwright.tasks.training import Trained, train

__all__ = [
    "Baseline",
    "Certainty",
    "Classifier",
    "ForecastFile",
    "Forecaster",
    "LabelledFile",
    "LabelledRecipe",
    "LabelledTask",
    "Pooling",
    "Published",
    "Recipe",
    "SeriesRecipe",
    "SeriesTask",
    "TableTask",
    "Task",
    "Trained",
    "TrainingData",
    "Window",
    "catalogue",
    "find",
    "read_task",
    "train",
]
