"""The file itself: whole or not at all, checked before it is written, and saying what it is."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import onnx
import pytest
import torch

import cellwright.export
from cellwright import Recurrent, to_onnx
from cellwright.errors import CellwrightError
from cellwright.export import message, operators
from cellwright.program.operators import OPERATORS


def test_it_says_what_it_is(tmp_path: Path) -> None:
    to_onnx(Recurrent("cifg", 3, 4), tmp_path / "new" / "layer.onnx")
    model = onnx.load(tmp_path / "new" / "layer.onnx")
    told = {each.key: each.value for each in model.metadata_props}
    assert (model.producer_name, model.producer_version) == ("cellwright", cellwright.__version__)
    assert told["cellwright"] == cellwright.__version__
    assert told["layer.cell"] == "cifg"
    assert "fₜ = 1 − iₜ\n" in told["layer.equations"]


def test_names_are_identifiers(tmp_path: Path) -> None:
    to_onnx(Recurrent("fgr", 3, 4), tmp_path / "layer.onnx")
    graph = onnx.load(tmp_path / "layer.onnx").graph
    names = [*(each.name for each in graph.initializer), *(name for node in graph.node for name in node.output)]
    assert all(name.isidentifier() for name in names)


def test_the_model_stays_as_it_is(tmp_path: Path) -> None:
    layer = Recurrent("lstm", 3, 4, 2, dropout=0.5).train()
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    to_onnx(layer, tmp_path / "layer.onnx")
    assert layer.training
    assert all(parameter.requires_grad for parameter in layer.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())


def test_the_same_model_is_the_same_file(tmp_path: Path) -> None:
    layer = Recurrent("lnlstm", 3, 4)
    for name in ("one", "two"):
        to_onnx(layer, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A file that is there already."""
    path = tmp_path / "layer.onnx"
    path.write_bytes(b"from before")
    return path


def fails(earlier: Path, expected: str, **options: int) -> None:
    with pytest.raises(CellwrightError, match=expected) as raised:
        to_onnx(Recurrent("nig", 3, 4), earlier, **options)
    assert "\n" not in str(raised.value)
    assert earlier.read_bytes() == b"from before"
    assert [*earlier.parent.iterdir()] == [earlier]


def test_a_file_that_computes_something_else_is_not_written(earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(operators.POINTWISE, "tanh", operators.POINTWISE["sigmoid"])
    fails(earlier, r"output of the exported Recurrent is off by .* in onnxruntime")


def test_a_graph_that_is_none_is_not_written(earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(operators.POINTWISE, "tanh", lambda graph, arguments: graph.add("Tanhh", *arguments))
    fails(earlier, r"ONNX's checker refuses the graph: .*Tanhh")


def test_an_operator_without_a_row_is_named(earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "tanh" in OPERATORS
    monkeypatch.delitem(operators.POINTWISE, "tanh")
    fails(earlier, "there is no row for the operator 'tanh': add it to export/operators.py")


def test_too_large_a_model(earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message, "_LARGEST", 100)
    fails(earlier, "GiB of weights; an ONNX file holds less than 2 GiB")


@pytest.mark.parametrize("opset", [17, 24, True, 18.0])
def test_an_unknown_version(earlier: Path, opset: int) -> None:
    fails(earlier, "opset is a whole number from 18 to 23", opset=opset)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named(package: str, earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("cellwright.export.onnx_file.find_spec", lambda name: None if name == package else find(name))
    fails(earlier, rf"needs the package {package}: pip install 'cellwright\[onnx\]'")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(CellwrightError, match="folder cannot be written: Is a directory"):
        to_onnx(Recurrent("lstm", 3, 4), tmp_path / "folder")


def test_importing_the_room_does_not_import_onnx() -> None:
    files = sorted(Path(cellwright.export.__file__).parent.glob("*.py"))
    assert len(files) > 10
    for file in files:
        outside_of_functions = ast.parse(file.read_text(encoding="utf-8")).body
        imports = [ast.unparse(each) for each in outside_of_functions if isinstance(each, (ast.Import, ast.ImportFrom))]
        assert not [line for line in imports if line.split()[1].partition(".")[0] in ("onnx", "onnxruntime")]


@pytest.mark.parametrize(
    ("path", "example", "expected"),
    [
        (None, None, "path names a file, got NoneType"),
        ("layer.onnx", 3, "example_inputs is a tensor, or a tuple of the arguments of forward, got int"),
        ("layer.onnx", {"x": 1}, "example_inputs is a tensor, or a tuple of the arguments of forward, got dict"),
    ],
)
def test_what_is_no_path_and_no_example(path: object, example: object, expected: str) -> None:
    with pytest.raises(CellwrightError, match=expected):
        to_onnx(Recurrent("lstm", 3, 4), path, example)
