"""What is made of a regularised layer: a resumed training, a chip, fixed point, a file, training that meets chips."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from onnxruntime import InferenceSession
from torch import nn

from cellwright import FitSettings, Recurrent, fit, to_onnx
from cellwright.crossbar import ChipSettings, HardwareAware, program
from cellwright.digital import FixedPoint, fixed_point
from cellwright.errors import CellwrightError
from cellwright.learning import SequenceData

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(6, 5, 3, dtype=torch.float64, generator=GENERATOR)
DATA = SequenceData(X, X.cumsum(1).tanh().mean(-1, keepdim=True))
DROPOUTS = {"zoneout": {"h": 0.1, "c": 0.4}, "input_dropout": 0.2, "recurrent_dropout": 0.3}


class Network(nn.Module):
    def __init__(self, **options: object) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.layer = Recurrent("lstm", 3, 4, batch_first=True, **{**DROPOUTS, **options})
            self.dense = nn.Linear(4, 1)
        self.double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(self.layer(x)[0])


class StopError(Exception):
    pass


def test_a_training_that_was_stopped_ends_with_the_same_bits(tmp_path: Path) -> None:
    settings = FitSettings(epochs=3, learning_rate=0.05, batch_size=2)
    whole, resumed = Network(weight_dropout=0.5), Network(weight_dropout=0.5)
    fit(whole, DATA, settings)
    batches = iter(range(5))

    def stop(progress: object) -> None:
        if next(batches) == 4:
            raise StopError

    kept = {"checkpoint": tmp_path / "run.pt", "seconds_between_checkpoints": 0}
    with pytest.raises(StopError):
        fit(Network(weight_dropout=0.5), DATA, settings, callback=stop, **kept)
    fit(resumed, DATA, settings, **kept)
    assert all(torch.equal(a, b) for a, b in zip(resumed.parameters(), whole.parameters(), strict=True))


def test_chips_files_and_fixed_point_compute_what_evaluation_does(laws, tmp_path: Path) -> None:
    """Made of a model in training: masks are no part of them, the expectation of zoneout is."""
    model = Network()
    chip = program(model, ChipSettings().ideal(), chips=1, calibration=X)
    rounded = fixed_point(model, FixedPoint(bits=24), calibration=X)
    to_onnx(model, tmp_path / "model.onnx", X)
    session = InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    written = torch.from_numpy(session.run(None, {session.get_inputs()[0].name: X.numpy()})[0])
    expected = model.eval()(X)
    laws.same(chip(X)[0], expected, tolerance=1e-10)
    laws.same(written, expected)
    assert (rounded(X) - expected).abs().max() < 1e-5
    assert (Network(zoneout=0.0).eval()(X) - expected).abs().max() > 1e-3


def test_training_on_chips_has_the_masks_of_software(laws) -> None:
    model = Network()
    aware = HardwareAware(model, ChipSettings().ideal(), calibration=X)
    results = []
    for each in (aware, model):
        torch.manual_seed(2)
        results.append(each(X))
    laws.same(*results, tolerance=1e-9)
    dropping = HardwareAware(Network(weight_dropout=0.5), ChipSettings().ideal(), calibration=X)
    with pytest.raises(CellwrightError, match="weight_dropout drops stored weights, but a chip holds its own"):
        dropping(X)
