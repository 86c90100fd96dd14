"""Tell the classes of a person's own sequences apart: files of the UCR and UEA archives, or of their formats."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from cellwright.data import LabelledSequences, read_labelled, test_file_beside
from cellwright.errors import CellwrightError, shown
from cellwright.learning import FitSettings, Loss, SequenceData, own_random_numbers
from cellwright.tasks.chunks import Chunks
from cellwright.tasks.classifier import Classifier, Pooling
from cellwright.tasks.nearest import nearest
from cellwright.tasks.task import Baseline, Published, Recipe, Task, TrainingData, by_name
from cellwright.tasks.thinned import thinned

Indices = NDArray[np.int64]

HELD_OUT, MOST_TESTED = 0.25, 500
"""The part of the sequences that is tested where no file holds those to test; how many of them a run tests at most."""


@dataclass(frozen=True, kw_only=True)
class LabelledFile:
    """Which sequences to tell apart.

    Attributes:
        path: ``.tsv``, ``.txt`` or ``.ts``, see ``cellwright.data.read_labelled``.
        test_file: the sequences to test; empty for ``NAME_TEST`` beside ``NAME_TRAIN`` if it is there.
        test: the part of each class that is held out as a test; 0 for none where there is a file of them, else
            `HELD_OUT`.

    Raises:
        CellwrightError: a part out of its range, or a part and a file.
    """

    path: str
    test_file: str = ""
    test: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.test < 1:
            raise CellwrightError(f"--test {self.test:g}: expected a fraction between 0 and 1, such as 0.25")
        if self.test and self.test_file:
            raise CellwrightError("--test holds out a part of the file, --test-file names another: give one of them")


@dataclass(frozen=True, kw_only=True)
class LabelledRecipe(Recipe):
    """How sequences are classified.

    steps: of the network for the longest sequence; more time steps than that are taken several at once.
    differences: the network also sees first differences. bidirectional, pooling, dropout, noise: see ``Classifier``.
    validation: the part of each class that is held out to choose the number of epochs by; 0 for none.
    """

    steps: int
    differences: bool = True
    bidirectional: bool = True
    pooling: Pooling = "last"
    dropout: float = 0.0
    noise: float = 0.0
    validation: float = 0.0


UPDATES, BATCH, LEAST_EPOCHS, MOST_EPOCHS = 800, 16, 20, 200


def default_recipe(sequences: int) -> LabelledRecipe:
    """The default for so many training sequences: about `UPDATES` steps of the optimiser."""
    batches = -(-sequences // BATCH)
    epochs = min(max(-(-UPDATES // batches), LEAST_EPOCHS), MOST_EPOCHS)
    return LabelledRecipe(
        name="default",
        title="an LSTM in both directions over a few time steps at once",
        cell="lstm",
        hidden_size=16,
        steps=32,
        dropout=0.2,
        noise=0.3,
        training=FitSettings(
            epochs=epochs,
            optimizer="adamw",
            learning_rate=0.01,
            optimizer_options={"weight_decay": 0.01},
            schedule=partial(CosineAnnealingLR, T_max=epochs),
            batch_size=BATCH,
            clip_norm=1.0,
        ),
        source="chosen here, on the training parts of known sets: docs/classification.md",
    )


class LabelledTask(Task):
    """The classes of sequences that were not trained on.

    Everything that is fitted or chosen comes from the training sequences.

    Args:
        training, test: the sequences. The classes are those of the training sequences.
        note: what they are, for people.

    Raises:
        CellwrightError: one class alone, a test sequence of a class or with channels that the training sequences do not
            have; constant sequences.
    """

    name = "classify"
    quantity, unit = "class", "%"
    citation = ""
    metric = "balanced_error"
    default_recipe = "default"

    def __init__(self, training: LabelledSequences, test: LabelledSequences, note: str = "") -> None:
        _check_training(training)
        known = {label for label, count in training.counts.items() if count}
        self.classes = tuple(label for label in training.classes if label in known)
        _check_test(training, test, self.classes)
        self.training, self.tested, self.note = training, test, note
        self._chunks: dict[tuple[int, bool], Chunks] = {}
        self.title = f"{training.name}: {len(self.classes)} classes"
        self.data_source = f"{training.name}, {len(training):,} sequences to train on, {len(test):,} to test"
        # At once, so that sequences that cannot be scaled are refused before anything is written.
        try:
            self.chunks(self.recipe())
        except CellwrightError as error:
            raise CellwrightError(f"{training.name}: {error}") from error

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        return by_name((default_recipe(len(self.training)),))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all sequences and labels: two equal digests mean the same data."""
        total = hashlib.sha256()
        for data in (self.training, self.tested):
            total.update(repr((data.labels, data.lengths.tolist(), data.channels)).encode())
            for sequence in data.sequences:
                total.update(np.ascontiguousarray(sequence).tobytes())
        return total.hexdigest()

    @property
    def truth(self) -> Tensor:
        """The classes of the test sequences, as indices (sequences,)."""
        return self._indices(self.tested)

    def chunks(self, recipe: Recipe) -> Chunks:
        """Scales and chunks, fitted on the training sequences."""
        recipe = _labelled_recipe(recipe)
        key = recipe.steps, recipe.differences
        if key not in self._chunks:
            self._chunks[key] = Chunks.fit(self.training.sequences, recipe.steps, differences=recipe.differences)
        return self._chunks[key]

    def build(self, recipe: Recipe, seed: int, cell: str = "") -> Classifier:
        recipe = _labelled_recipe(recipe)
        with own_random_numbers(torch.device("cpu"), seed):
            return Classifier(
                cell or recipe.cell,
                self.chunks(recipe).features,
                recipe.hidden_size,
                len(self.classes),
                bidirectional=recipe.bidirectional,
                pooling=recipe.pooling,
                dropout=recipe.dropout,
                noise=recipe.noise,
            )

    def training_data(self, recipe: Recipe) -> TrainingData:
        recipe = _labelled_recipe(recipe)
        chunks = self.chunks(recipe)
        everything = SequenceData(chunks.encode(self.training.sequences), self._indices(self.training))
        if not recipe.validation:
            return TrainingData(everything, None, everything)
        kept, held_out = split(self.training, recipe.validation)
        return TrainingData(_part(everything, kept), _part(everything, held_out), everything)

    def loss(self, recipe: Recipe) -> Loss:
        """Cross entropy of the logits."""
        return torch.nn.functional.cross_entropy

    def test_inputs(self, recipe: Recipe) -> Tensor:
        return self.chunks(recipe).encode(self.tested.sequences)

    def forecast(self, outputs: Tensor, recipe: Recipe) -> Tensor:
        """Logits (networks * sequences, classes) as the class of each test sequence, indices (networks, sequences)."""
        count = len(self.tested)
        if outputs.dim() != 2 or outputs.shape[1] != len(self.classes) or len(outputs) % count or not len(outputs):
            raise CellwrightError(
                f"outputs of shape {tuple(outputs.shape)}: expected (networks * {count}, {len(self.classes)})"
            )
        return outputs.detach().cpu().argmax(-1).reshape(-1, count)

    def metrics(self, forecasts: Tensor) -> dict[str, Tensor]:
        """Balanced error and error of classes ``forecasts`` (..., test sequences), in per cent.

        The balanced error is 100 less the mean of the recalls of the classes that the test sequences have.
        """
        right = self._right(forecasts)
        return {
            "balanced_error": 100 - self.recall(forecasts).nanmean(-1),
            "error": 100 - 100 * right.double().mean(-1),
        }

    def recall(self, forecasts: Tensor) -> Tensor:
        """The part of each class that is found, in per cent, (..., classes); NaN for one that no test sequence has."""
        right = self._right(forecasts).double()
        members = torch.nn.functional.one_hot(self.truth, len(self.classes)).double()
        return 100 * (right @ members) / members.sum(0)

    def _right(self, forecasts: Tensor) -> Tensor:
        if forecasts.dim() == 0 or forecasts.shape[-1] != len(self.tested):
            raise CellwrightError(
                f"classes of shape {tuple(forecasts.shape)}: expected one for each of the {len(self.tested)} test "
                "sequences"
            )
        return forecasts.cpu() == self.truth

    def departures(self, forecasts: Tensor, software: Tensor) -> Tensor:
        """The part of the test sequences, in per cent, that get another class than in software."""
        return 100 * (forecasts != software).double().mean(-1)

    def baselines(self) -> dict[str, Baseline]:
        """The class of the nearest training sequence, and the commonest class."""
        return self._baselines

    @cached_property
    def _baselines(self) -> dict[str, Baseline]:
        labels = self._indices(self.training)
        found = labels[torch.from_numpy(nearest(self.training.sequences, self.tested.sequences))]
        commonest = torch.bincount(labels).argmax().expand(len(self.tested))
        return {
            "nearest": Baseline("nearest", "1-nearest neighbour", "the class of the nearest training sequence", found),
            "commonest": Baseline("commonest", "commonest class", "the class of most training sequences", commonest),
        }

    def published(self) -> tuple[Published, ...]:
        return ()

    def _indices(self, data: LabelledSequences) -> Tensor:
        place = {label: index for index, label in enumerate(self.classes)}
        return torch.tensor([place[label] for label in data.labels])


def read_task(file: LabelledFile) -> LabelledTask:
    """The task of a file; where the test sequences are from, it notes.

    Raises:
        CellwrightError: see ``read_labelled`` and ``LabelledTask``.
    """
    data = read_labelled(file.path)
    beside = Path(file.test_file) if file.test_file else None if file.test else test_file_beside(file.path)
    if beside is not None:
        how = (
            "named by --test-file" if file.test_file else "which lies beside it; --test FRACTION would hold out a part"
        )
        note = f"Trained on all of {Path(file.path).name}, tested on {beside.name}, {how}."
        return _task(data, read_labelled(beside), note)
    part = file.test or HELD_OUT
    _check_training(data)
    _check_divisible(data)
    kept, held_out = split(data, part)
    note = f"No file of test sequences: {100 * part:g} % of each class of {Path(file.path).name} are held out."
    return _task(data.select(kept), data.select(held_out), note)


def _task(training: LabelledSequences, test: LabelledSequences, note: str) -> LabelledTask:
    """The task with about `MOST_TESTED` test sequences at most, so that many chips can take them."""
    if len(test) > MOST_TESTED:
        chosen = spread(test, MOST_TESTED)
        note += f" Of {len(test):,} test sequences {len(chosen):,} are tested, evenly spread over each class."
        test = test.select(chosen)
    return LabelledTask(training, test, note)


def spread(data: LabelledSequences, most: int) -> Indices:
    """About ``most`` sequences, evenly spread over each class, which keeps its part of the whole and one at least."""
    labels, chosen = np.array(data.labels), []
    for label in data.classes:
        members = np.flatnonzero(labels == label)
        count = max(round(most * len(members) / len(labels)), min(1, len(members)))
        chosen.append(thinned(members, count))
    return np.sort(np.concatenate(chosen))


def split(data: LabelledSequences, part: float) -> tuple[Indices, Indices]:
    """Which sequences to keep and which to hold out: ``part`` of each class, at least one of it and never all.

    The same file is split in the same way, whatever the seed. A class of one sequence is kept.
    """
    draw = np.random.default_rng(0)
    labels, held_out = np.array(data.labels), []
    for label in data.classes:
        members = draw.permutation(np.flatnonzero(labels == label))
        count = min(max(round(part * len(members)), 1), len(members) - 1) if len(members) else 0
        held_out.append(members[:count])
    out = np.sort(np.concatenate(held_out))
    return np.setdiff1d(np.arange(len(data)), out), out


def _part(data: SequenceData, indices: Indices) -> SequenceData:
    chosen = data.select(torch.from_numpy(indices))
    return SequenceData(chosen.inputs, chosen.targets)


def _labelled_recipe(recipe: Recipe) -> LabelledRecipe:
    if not isinstance(recipe, LabelledRecipe):
        raise CellwrightError(f"recipe {recipe.name!r} is no recipe for labelled sequences: expected a LabelledRecipe")
    return recipe


def _check_training(data: LabelledSequences) -> None:
    present = {label: count for label, count in data.counts.items() if count}
    if len(present) < 2:
        raise CellwrightError(
            f"{data.name} has sequences of one class alone, {shown(next(iter(present)))}: expected at least two classes"
        )


def _check_divisible(data: LabelledSequences) -> None:
    """Whether there is a sequence of each class to train on and one to test."""
    if lonely := [label for label, count in data.counts.items() if count == 1]:
        raise CellwrightError(
            f"{data.name} has one sequence alone of the class {shown(lonely[0])}"
            + (f" and of {len(lonely) - 1} more" if len(lonely) > 1 else "")
            + ": expected at least two of each; add some, or leave the class out"
        )


def _check_test(training: LabelledSequences, test: LabelledSequences, classes: Sequence[str]) -> None:
    if len(test.channels) != len(training.channels):
        raise CellwrightError(
            f"the test sequences have dimensions: {len(test.channels)}; the training sequences have "
            f"{len(training.channels)}: expected as many"
        )
    if strange := sorted(set(test.labels) - set(classes)):
        raise CellwrightError(
            f"the test sequences have the class {shown(strange[0])}, which no training sequence has: classes to be "
            f"learnt are {', '.join(map(shown, classes[:12]))}{' and others' if len(classes) > 12 else ''}"
        )
