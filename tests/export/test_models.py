"""Models around recurrent layers: ours, and modules of one's own that torch.fx can trace."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import cellwright
from cellwright import Recurrent, tasks, to_onnx
from cellwright.errors import CellwrightError
from cellwright.tasks.forecaster import Forecaster

KERAS = Path(__file__).parents[1] / "layers" / "data" / "keras3.keras"


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize(("cell", "head"), [("lstm", "linear"), ("gru", "sigmoid"), ("lstmp", "linear")])
def test_a_forecaster(cell: str, head: Any, every_step: bool, tmp_path: Path, run: Callable, close: Callable) -> None:
    model = Forecaster(cell, 2, 6, 3, every_step=every_step, head=head)
    exported = to_onnx(model, tmp_path / "model.onnx")
    assert exported.inputs == ("inputs",)
    for batch, steps in ((1, 4), (5, 9)):
        x = drawn(batch, steps, 2)
        states = tuple(
            drawn(1, batch, size) for size in model.recurrent.cell.state_sizes(model.recurrent.layer_sizes(0)).values()
        )
        with torch.no_grad():
            output, final = model(x, states)
        got = run(tmp_path / "model.onnx", {"inputs": x, **dict(zip(exported.optional, states, strict=True))})
        close(got["output"], output)
        close(got["final_h"], final[0] if len(states) > 1 else final)


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_a_classifier_of_ours(pooling: Any, tmp_path: Path, run: Callable, close: Callable) -> None:
    model = tasks.Classifier("lstm", 2, 4, 3, bidirectional=True, pooling=pooling, dropout=0.2, noise=0.1).eval()
    exported = to_onnx(model, tmp_path / "model.onnx")
    assert exported.inputs == ("inputs",)
    for batch, steps in ((1, 4), (5, 9)):
        x = drawn(batch, steps, 2)
        with torch.no_grad():
            close(run(tmp_path / "model.onnx", {"inputs": x})["output"], model(x)[0])


class Classifier(nn.Module):
    """What people have: torch's own layer, both directions, the last step, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 5, 2, batch_first=True, bidirectional=True, dropout=0.3)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Sequential(nn.LayerNorm(10), nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 4), nn.Softmax(dim=-1))

    def forward(self, x: Tensor) -> Tensor:
        output, (h, c) = self.lstm(x)
        return self.head(self.drop(output[:, -1] + torch.cat([h[-1], c[-2]], dim=-1)))


class Tokens(nn.Module):
    """Symbols and further numbers about the whole sequence, time first."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.layer = Recurrent("fgr", 4, 6)
        self.output = nn.Linear(6 + 2, 7)

    def forward(self, symbols: Tensor, about: Tensor) -> dict[str, Tensor]:
        hidden, states = self.layer(self.embedding(symbols))
        seen = torch.cat([hidden.mean(0), about], 1)
        return {"scores": torch.log_softmax(self.output(seen), dim=1), "gate": states[2]}


class Arithmetic(nn.Module):
    """Every function that has a row."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = Recurrent("gru", 4, 4, batch_first=True)
        self.scale = nn.Parameter(torch.full((4,), 1.5))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = self.layer(x)[0] * self.scale
        left, right = y.chunk(2, -1)
        total = (left - right) / (2 + right.abs()) + torch.exp(-left) * 0.5
        first = total[:, 0, None].squeeze(1).relu().tanh()
        turned = torch.sqrt(torch.log(2 + y.transpose(0, 1).contiguous().sigmoid()))
        return first, turned[..., 1:3], y[:, ::2].sum(2), torch.softmax(y, 2).unsqueeze(1), y.mean(1, keepdim=True)


class TwoLayers(nn.Module):
    """Two states of two layers, each with a name of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = Recurrent("lstm", 3, 4), Recurrent("gru", 4, 2)

    def forward(self, x: Tensor, first: Any = None, second: Any = None) -> Any:
        y, first = self.one(x, first)
        y, second = self.two(y, state=second)
        return y, first, second


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[int, int], tuple[Any, ...]]]] = {
    "classifier": (Classifier, lambda batch, steps: (drawn(batch, steps, 3),)),
    "tokens": (Tokens, lambda batch, steps: (torch.arange(batch * steps).view(steps, batch) % 7, drawn(batch, 2))),
    "arithmetic": (Arithmetic, lambda batch, steps: (drawn(batch, steps, 4),)),
    "two layers": (
        TwoLayers,
        lambda batch, steps: (
            drawn(steps, batch, 3),
            (drawn(1, batch, 4), drawn(1, batch, 4, seed=1)),
            drawn(1, batch, 2),
        ),
    ),
    "sequential": (
        lambda: nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Sequential(nn.Linear(5, 2), nn.Sigmoid(), nn.Identity())),
        lambda batch, steps: (drawn(batch, steps, 3),),
    ),
}


def tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [tensor for item in (value.values() if isinstance(value, dict) else value) for tensor in tensors(item)]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_ones_own(name: str, tmp_path: Path, run: Callable, close: Callable) -> None:
    torch.manual_seed(0)
    make, arguments = MODELS[name]
    model = make()
    exported = to_onnx(model, tmp_path / "model.onnx", arguments(3, 5))
    model.eval()
    for batch, steps in ((2, 5), (4, 7)):
        given = arguments(batch, steps)
        names = (*exported.inputs, *exported.optional)
        got = run(tmp_path / "model.onnx", dict(zip(names, tensors(given), strict=True)))
        with torch.no_grad():
            expected = tensors(model(*given))
        assert len(got) == len(expected)
        for (output, tensor), other in zip(got.items(), expected, strict=True):
            close(tensor, other, output)


def test_names_of_states_tell_layers_apart(tmp_path: Path) -> None:
    exported = to_onnx(TwoLayers(), tmp_path / "model.onnx")
    assert exported.inputs == ("x",)
    assert exported.optional == ("first_h", "first_c", "second_h")
    assert exported.outputs == ("output", "final_h", "final_c", "final_h_1")
    assert exported.operators == {"one": "LSTM", "two": "GRU"}


def test_dimensions_are_named(tmp_path: Path) -> None:
    import onnx

    to_onnx(Arithmetic(), tmp_path / "model.onnx")
    graph = onnx.load(tmp_path / "model.onnx").graph
    shapes = [
        [each.dim_param or each.dim_value for each in output.type.tensor_type.shape.dim] for output in graph.output
    ]
    assert [each.dim_param for each in graph.input[0].type.tensor_type.shape.dim] == ["batch", "time", ""]
    assert shapes[:2] == [["batch", 2], ["time", "batch", 2]]
    assert shapes[2][0] == "batch"
    assert shapes[3:] == [["batch", 1, "time", 4], ["batch", 1, 4]]


def test_a_model_from_keras(tmp_path: Path, run: Callable, close: Callable) -> None:
    shutil.copy(KERAS, tmp_path / "model.keras")
    model = cellwright.from_keras(tmp_path / "model.keras")
    exported = to_onnx(model, tmp_path / "model.onnx", drawn(2, 4, 2))
    x = drawn(5, 8, 2, seed=1)
    with torch.no_grad():
        close(run(tmp_path / "model.onnx", {exported.inputs[0]: x})["output"], model(x))


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Ragged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = Recurrent("lstm", 3, 2)

    def forward(self, x: Tensor) -> Any:
        return self.layer(x, lengths=[3, 2])


class OneLength(nn.Module):
    """Asks for five steps."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = Recurrent("lstm", 3, 2)
        self.positions = nn.Parameter(torch.zeros(5, 1, 2))

    def forward(self, x: Tensor) -> Any:
        return self.layer(x)[0] + self.positions


class Convolved(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Sequential(nn.Conv1d(3, 3, 1))
        self.layer = Recurrent("lstm", 3, 2)

    def forward(self, x: Tensor) -> Any:
        return self.layer(self.front(x))


class Viewed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = Recurrent("lstm", 3, 2)

    def forward(self, x: Tensor) -> Any:
        return self.layer(x)[0].view(-1, 2)


class Weighed(Viewed):
    def forward(self, x: Tensor) -> Any:
        return torch.add(self.layer(x)[0], 1.0, alpha=2.0)


class Picked(Viewed):
    def forward(self, x: Tensor) -> Any:
        return self.layer(x)[0][[0, 1]]


REFUSED = {
    "control flow": (Branching, drawn(2, 3, 3), r"Branching\.forward cannot be traced, as it looks at the values"),
    "lengths": (Ragged, drawn(3, 2, 3), "the submodule layer cannot be exported: lengths: a file has neither lengths"),
    "one length": (OneLength, drawn(5, 2, 3), r"does not take any batch and length: x \(7, 2, 3\) gives RuntimeError"),
    "a convolution": (
        Convolved,
        drawn(3, 3, 3),
        r"the submodule front\.0 cannot be exported: there is no row for Conv1d",
    ),
    "a view": (Viewed, drawn(3, 3, 3), "the call of view cannot be exported: there is no row for it; there are abs"),
    "an option": (Weighed, drawn(3, 3, 3), r"the call of add cannot be exported: .*alpha"),
    "a list as index": (Picked, drawn(3, 3, 3), "the call of getitem cannot be exported: it is indexed by tensors"),
    "no examples": (lambda: nn.Sequential(nn.Linear(3, 2)), None, "no example can be made up for the argument input"),
    "unbatched": (
        lambda: Recurrent("lstm", 3, 2),
        drawn(4, 3),
        r"has the shape \(4, 3\): a file takes batches of sequences",
    ),
    "another size": (lambda: Recurrent("lstm", 3, 2), drawn(4, 2, 5), r"has the shape \(4, 2, 5\), expected"),
    "too many": (lambda: Recurrent("lstm", 3, 2), (1, 2, 3), r"forward takes \(x, state\), but 3 example inputs"),
    "half precision": (lambda: Recurrent("lstm", 3, 2).half(), None, "a model in torch.float16 cannot be exported"),
    "two dtypes": (lambda: nn.Linear(3, 2), drawn(2, 3).double(), "does not run on the example inputs: RuntimeError"),
    "no values": (lambda: Recurrent("lstm", 3, 2, device="meta"), None, "Recurrent cannot be copied to the CPU: Not"),
    "a subclass": (lambda: type("Mine", (nn.LSTM,), {})(3, 2), drawn(4, 2, 3), "it is a Mine, and what that adds to"),
    "a cell of torch's": (
        lambda: nn.Sequential(nn.RNNCell(3, 2)),
        drawn(4, 3),
        "the submodule 0 .* there is no row for RNNCell",
    ),
    "a list": (lambda: [Recurrent("lstm", 3, 2)], None, "a torch module is exported, got list"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_exported_is_named(what: str, tmp_path: Path) -> None:
    make, example, message = REFUSED[what]
    path = tmp_path / "model.onnx"
    path.write_bytes(b"from before")
    with pytest.raises(CellwrightError, match=message) as raised:
        to_onnx(make(), path, example)
    assert "\n" not in str(raised.value)
    assert path.read_bytes() == b"from before"
    assert [*tmp_path.iterdir()] == [path]


def test_a_chip_is_not_exported(tmp_path: Path) -> None:
    from cellwright.crossbar import ChipSettings, program

    chip = program(Forecaster("lstm", 2, 4), ChipSettings(), chips=2, calibration=drawn(3, 4, 2))
    with pytest.raises(CellwrightError, match=r"the submodule model\.recurrent cannot be exported: it computes as a"):
        to_onnx(chip, tmp_path / "model.onnx")
