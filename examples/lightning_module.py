"""Train a recurrent network of Cellwright with Lightning: ragged batches, clipping, early stopping, checkpoints.

    pip install cellwright lightning
    python examples/lightning_module.py [FOLDER]

Cellwright's layers and networks are plain torch modules, so that nothing of this is about Cellwright but two lines.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from cellwright.tasks import Forecaster

Sequence = tuple[Tensor, Tensor]
Batch = tuple[Tensor, Tensor, Tensor]


class Sums(lightning.LightningDataModule):
    """The adding problem (Hochreiter & Schmidhuber 1997, section 5.4) on short sequences of different lengths.

    Each step has a number and a mark; the target is the sum of the two numbers that are marked.
    """

    def __init__(self, sequences: int = 600, batch_size: int = 20, workers: int = 0) -> None:
        super().__init__()
        self.sequences, self.batch_size, self.workers = sequences, batch_size, workers

    def setup(self, stage: str) -> None:
        draws = torch.Generator().manual_seed(0)
        made = [self._sequence(draws) for _ in range(self.sequences)]
        held_out = self.sequences // 5
        self.training, self.validation = made[held_out:], made[:held_out]

    def _sequence(self, draws: torch.Generator) -> Sequence:
        length = int(torch.randint(4, 11, (), generator=draws))
        numbers, marks = torch.rand(length, generator=draws), torch.zeros(length)
        marks[torch.randperm(length, generator=draws)[:2]] = 1
        return torch.stack([numbers, marks], 1), (numbers * marks).sum()

    def train_dataloader(self) -> DataLoader[Sequence]:
        return self._loader(self.training, shuffle=True)

    def val_dataloader(self) -> DataLoader[Sequence]:
        return self._loader(self.validation, shuffle=False)

    def _loader(self, data: list[Sequence], *, shuffle: bool) -> DataLoader[Sequence]:
        order = torch.Generator().manual_seed(1)
        return DataLoader(data, self.batch_size, shuffle, generator=order, collate_fn=padded, num_workers=self.workers)  # type: ignore[arg-type]  # a list is a data set


def padded(sequences: list[Sequence]) -> Batch:
    """(inputs, lengths, targets): inputs (batch, time, features) of the longest, with zeros after the others' ends."""
    inputs, targets = zip(*sequences, strict=True)
    lengths = torch.tensor([len(one) for one in inputs])
    return pad_sequence(list(inputs), batch_first=True), lengths, torch.stack(targets)


class Adder(lightning.LightningModule):
    """A recurrent layer of any cell with one output, trained by its squared error."""

    def __init__(self, cell: str = "lstm", hidden_size: int = 16, learning_rate: float = 0.02) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.learning_rate = learning_rate
        self.network = Forecaster(cell, input_size=2, hidden_size=hidden_size)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        outputs, _ = self.network(inputs, lengths=lengths)
        return outputs[:, 0]

    def training_step(self, batch: Batch, _: int) -> Tensor:
        return self._squared_error(batch)

    def validation_step(self, batch: Batch, _: int) -> None:
        self.log("validation", self._squared_error(batch), batch_size=len(batch[2]))

    def _squared_error(self, batch: Batch) -> Tensor:
        inputs, lengths, targets = batch
        return torch.nn.functional.mse_loss(self(inputs, lengths), targets)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)


def trainer(folder: Path, epochs: int) -> lightning.Trainer:
    """On the CPU, keeping the best weights in ``folder`` and nothing else anywhere."""
    best = ModelCheckpoint(folder, filename="best", monitor="validation")
    return lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        devices=1,
        gradient_clip_val=1.0,
        callbacks=[best, EarlyStopping("validation", patience=5)],
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def main(folder: Path, epochs: int = 30) -> float:
    """Train, read the best checkpoint back, return its validation loss."""
    torch.manual_seed(0)
    data, run = Sums(), trainer(folder, epochs)
    run.fit(Adder(), datamodule=data)
    best = Adder.load_from_checkpoint(folder / "best.ckpt")
    (scores,) = run.validate(best, datamodule=data, verbose=False)
    return scores["validation"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="for checkpoints; by default one that is removed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        kept = arguments.folder or Path(temporary)
        print(f"squared error on sequences held out: {main(kept):.5f}; of always saying the mean: {1 / 6:.5f}")
