"""The example for Lightning runs, and Lightning's tools do with our modules what they do with torch's."""

from __future__ import annotations

import pytest
import torch

# Lightning 2.6 asks torch's trees in a manner that torch 2.9 deprecates, and advises on the machine's cores.
pytestmark = [
    pytest.mark.filterwarnings(r"ignore:`isinstance\(treespec, LeafSpec\)` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where results go; the working folder is another, and stays empty."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield tmp_path / "kept"
    assert list((tmp_path / "here").iterdir()) == []


def test_the_example_learns(example, folder):
    """A twentieth of what always saying the mean costs: 1/6, the variance of a sum of two uniform numbers."""
    assert example.main(folder, epochs=12) < 1 / 120


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_checkpoint_has_the_same_bits(example, folder, cell):
    torch.manual_seed(0)
    model, data = example.Adder(cell, hidden_size=4), example.Sums(sequences=50)
    run = example.trainer(folder, epochs=1)
    run.fit(model, datamodule=data)
    read = example.Adder.load_from_checkpoint(folder / "best.ckpt")
    assert read.hparams["cell"] == cell
    inputs, lengths, _ = next(iter(data.val_dataloader()))
    with torch.no_grad():
        assert torch.equal(read.eval()(inputs, lengths), model.eval()(inputs, lengths))
    (scores,) = run.validate(read, datamodule=data, verbose=False)
    assert scores["validation"] == run.callback_metrics["validation"]


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
def test_a_resumed_training_has_the_same_bits(example, folder):
    class InOrder(example.Sums):
        """The random numbers of a loader are no part of Lightning's checkpoint."""

        def train_dataloader(self):
            return self._loader(self.training, shuffle=False)

    def trained(*epochs):
        torch.manual_seed(0)
        path = None
        for count in epochs:
            run = example.trainer(folder / f"{epochs}", count)
            model = example.Adder(hidden_size=4)
            run.fit(model, datamodule=InOrder(sequences=50), ckpt_path=path)
            run.save_checkpoint(path := folder / f"{epochs}" / f"{count}.ckpt")
        return model.state_dict()

    whole, resumed = trained(4), trained(2, 4)
    assert all(torch.equal(resumed[name], tensor) for name, tensor in whole.items())


def test_training_stops_early(example, folder):
    run = example.trainer(folder, epochs=30)
    run.fit(example.Adder(hidden_size=4, learning_rate=0.0), datamodule=example.Sums(sequences=20))
    assert run.current_epoch == 6


def test_gradients_are_clipped(example, folder):
    class Steep(example.Adder):
        def _squared_error(self, batch):
            return 1e6 * super()._squared_error(batch)

        def on_train_batch_end(self, *_):
            norms.append(torch.nn.utils.get_total_norm([p.grad for p in self.parameters()]).item())

    norms = []
    example.trainer(folder, epochs=1).fit(Steep(hidden_size=4), datamodule=example.Sums(sequences=50))
    assert norms == pytest.approx([1.0] * 2, rel=1e-5)


def test_a_compiled_module_trains_alike(example, folder):
    """Through dynamo, without the C++ compiler that its default needs."""
    losses = []
    for name in ("plain", "compiled"):
        torch.manual_seed(0)
        model, data = example.Adder(hidden_size=4), example.Sums(sequences=50)
        run = example.trainer(folder / name, epochs=2)
        run.fit(torch.compile(model, backend="eager") if name == "compiled" else model, datamodule=data)
        losses.append(run.callback_metrics["validation"])
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-5, atol=0)


def test_workers_load_the_same_batches(example):
    batches = []
    for workers in (0, 2):
        data = example.Sums(sequences=50, workers=workers)
        data.setup("fit")
        batches.append([tensor for batch in data.train_dataloader() for tensor in batch])
    assert all(torch.equal(*pair) for pair in zip(*batches, strict=True))
