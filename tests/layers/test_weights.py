"""Weights from files: all or none, refused by name, and no code is ever run from one."""

from __future__ import annotations

import contextlib
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cellwright import load_weights
from cellwright.errors import CellwrightError
from cellwright.layers import read_weights


def network(hidden: int = 3) -> nn.Module:
    return nn.Sequential(nn.Linear(2, hidden), nn.BatchNorm1d(hidden), nn.Linear(hidden, 1))


def refused(module: nn.Module, file: Path) -> str:
    """What is said of a file that a module does not take; the module is as it was."""
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(CellwrightError) as caught:
        load_weights(module, file)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def save_safetensors(module: nn.Module, file: Path) -> None:
    safetensors.torch.save_file(module.state_dict(), file, metadata={"made": "here"})


def save_torch(module: nn.Module, file: Path) -> None:
    torch.save(module.state_dict(), file)


def save_old_torch(module: nn.Module, file: Path) -> None:
    torch.save(module.state_dict(), file, _use_new_zipfile_serialization=False)


def save_in_checkpoint(module: nn.Module, file: Path) -> None:
    torch.save({"epoch": 3, "state_dict": module.state_dict()}, file)


@pytest.mark.parametrize("save", [save_safetensors, save_torch, save_old_torch, save_in_checkpoint])
def test_weights_come_back_to_the_bit_whatever_the_file_is_called(save: Any, tmp_path: Path) -> None:
    source, target = network(), network()
    save(source, tmp_path / "weights")
    stored = load_weights(target, tmp_path / "weights")
    for name, tensor in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor), name
        assert torch.equal(stored.tensors[name], tensor), name
    assert stored.about == ({"made": "here"} if save is save_safetensors else {})


def test_a_header_of_any_length_is_known_as_one(tmp_path: Path) -> None:
    """The length of a header begins the file; some lengths begin like a pickle or like a zip archive."""
    module, file = nn.Linear(2, 1), tmp_path / "weights.safetensors"
    lengths = set()
    for padding in range(0, 700, 8):
        safetensors.torch.save_file(module.state_dict(), file, metadata={"padding": "x" * padding})
        lengths.add(file.read_bytes()[:1])
        assert load_weights(module, file).about == {"padding": "x" * padding}
    assert b"\x80" in lengths


def test_the_type_of_the_module_stays(tmp_path: Path) -> None:
    save_safetensors(network(), tmp_path / "weights")
    module = network().double()
    load_weights(module, tmp_path / "weights")
    assert module[0].weight.dtype == torch.float64


def test_weights_of_another_network_are_named(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_safetensors(nn.Linear(2, 3), file)
    assert refused(network(), file).startswith(
        "w.safetensors lacks 0.weight, 0.bias, 1.weight and 6 more and has unkno"
    )
    assert "this one is a Sequential with 0.weight" in refused(network(), file)
    save_safetensors(network(4), file)
    assert "has 0.weight of the shape (4, 2), expected (3, 2)" in refused(network(), file)
    weights = network().state_dict()
    weights["0.bias"] = torch.zeros(3, dtype=torch.complex64)
    torch.save(weights, file)
    assert "0.bias in complex numbers" in refused(network(), file)


class Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_no_code_is_run(name: str, tmp_path: Path) -> None:
    file, target = tmp_path / name, tmp_path / "made by code"
    torch.save({"0.weight": Evil(target)}, file)
    assert "asks for code to be run (posix.mkdir), which is never done" in refused(network(), file)
    torch.save(network(), file)
    assert "asks for code to be run (torch.nn.modules.container.Sequential)" in refused(network(), file)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        file.write_bytes(pickle.dumps(Evil(target), protocol))
        refused(network(), file)
    assert not target.exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"time,value\n1,2\n", "holds no weights"),
        (b"\0" * 64, "holds no weights"),
        (b"cellwright checkpoint 1\n...", "is a checkpoint of a training, not weights: name model.safetensors"),
        ((1 << 60).to_bytes(8, "little") + b"{}", "is cut off: its header takes 1152921504606846976 bytes"),
        ((2).to_bytes(8, "little") + b"{]", "is damaged"),
        ((12).to_bytes(8, "little") + b'{"a": [1]}  ', "is damaged"),
        (b"PK\x03\x04nothing more", "is damaged, or holds more than tensors"),
        (b"\x80\x02nothing more", "is damaged, or holds more than tensors"),
    ],
)
def test_what_is_no_file_of_weights(content: bytes, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(content)
    assert refused(network(), tmp_path / "w").startswith(f"w {complaint}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for file in (tmp_path / "none.pt", tmp_path):
        assert refused(network(), file).startswith(f"no file '{file}'")


def test_other_things_that_torch_saves(tmp_path: Path) -> None:
    torch.save([torch.ones(1)], tmp_path / "w.pt")
    assert "holds a list, expected tensors by name" in refused(network(), tmp_path / "w.pt")
    torch.save({"epoch": 3, "rate": 0.1}, tmp_path / "w.pt")
    assert "holds what is no tensor (epoch, rate)" in refused(network(), tmp_path / "w.pt")


@pytest.mark.parametrize("save", [save_safetensors, save_torch])
def test_a_file_that_is_cut_off_anywhere_is_refused(save: Any, tmp_path: Path) -> None:
    whole, cut, module = tmp_path / "whole", tmp_path / "cut", network()
    save(module, whole)
    content = whole.read_bytes()
    for length in range(0, len(content), 7):
        cut.write_bytes(content[:length])
        refused(module, cut)


@given(st.integers(0), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=6))
def test_no_damage_raises_anything_but_our_error(
    tmp_path_factory: pytest.TempPathFactory, choice: int, damage: list[tuple[int, int]]
) -> None:
    file = tmp_path_factory.getbasetemp() / "damaged"
    (save_safetensors, save_torch, save_old_torch)[choice % 3](network(), file)
    content = bytearray(file.read_bytes())
    for place, value in damage:
        content[place % len(content)] = value
    file.write_bytes(content)
    with contextlib.suppress(CellwrightError):
        read_weights(file)
