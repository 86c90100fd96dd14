"""A checkpoint is read back as it was written, or refused with its name; nothing in it is ever run."""

import hashlib
import io
import pickle
import random

import pytest
import torch

from cellwright.errors import CellwrightError
from cellwright.learning.checkpoint import check_same_settings, decode, encode, read_checkpoint, write_checkpoint

STATE = {
    "weights": {"w": torch.tensor([1.0, float("nan"), -0.0]), "n": torch.tensor(3)},
    "loss": 0.1 + 0.2,
    "best": float("inf"),
    "order": None,
    "losses": [1e-300, 2.5],
}


def test_what_was_written_is_read_back(tmp_path):
    path = tmp_path / "run" / "checkpoint.pt"
    write_checkpoint(path, {"settings": {"epochs": 3}}, STATE)
    made_with, state = read_checkpoint(path)
    assert made_with == {"settings": {"epochs": 3}}
    assert state["weights"]["w"].view(torch.int32).equal(STATE["weights"]["w"].view(torch.int32))
    assert {k: v for k, v in state.items() if k != "weights"} == {k: v for k, v in STATE.items() if k != "weights"}
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint.pt"]


def test_every_flipped_byte_is_noticed():
    whole = encode({}, STATE)
    draw = random.Random(0)
    for position in [0, 30, 90, len(whole) - 1, *draw.sample(range(len(whole)), 200)]:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << draw.randrange(8)
        with pytest.raises(CellwrightError, match=r"run\.pt (is damaged|is no cellwright checkpoint)"):
            decode(bytes(damaged), "run.pt")


@pytest.mark.parametrize("kept", [0, 1, 24, 60, 89, 500, -1])
def test_a_truncated_file_is_noticed(kept):
    with pytest.raises(CellwrightError, match=r"run\.pt"):
        decode(encode({}, STATE)[:kept], "run.pt")


def test_foreign_files_are_refused(tmp_path):
    foreign = tmp_path / "other.pt"
    torch.save(STATE, foreign)
    with pytest.raises(CellwrightError, match=r"other\.pt is no cellwright checkpoint"):
        read_checkpoint(foreign)
    with pytest.raises(CellwrightError, match="cannot be read as a checkpoint"):
        read_checkpoint(tmp_path)
    with pytest.raises(CellwrightError, match=r"missing\.pt cannot be read as a checkpoint"):
        read_checkpoint(tmp_path / "missing.pt")


class Trap:
    """Its pickle runs code when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    witness = tmp_path / "witness"
    payload = io.BytesIO()
    torch.save({"made_with": {}, "state": Trap(witness)}, payload)
    for content in (payload.getvalue(), pickle.dumps({"made_with": {}, "state": Trap(witness)})):
        digest = hashlib.sha256(content).hexdigest().encode()
        forged = b"cellwright checkpoint 1\n" + digest + b"\n" + content
        with pytest.raises(CellwrightError, match=r"asks for code to be run|holds what no checkpoint does"):
            decode(forged, "forged.pt")
    assert not witness.exists()


def test_the_settings_that_differ_are_named():
    before = {"settings": {"learning_rate": 0.1, "options": {"momentum": 0.9}, "epochs": 5}, "data": "a"}
    check_same_settings("run.pt", before, {**before, "settings": {**before["settings"], "epochs": 50}})
    now = {"settings": {"learning_rate": 0.2, "options": {}, "epochs": 5}, "data": "a", "validation": "b"}
    with pytest.raises(CellwrightError) as caught:
        check_same_settings("run.pt", before, now)
    message = str(caught.value)
    assert "run.pt was made with other settings" in message
    assert "settings.learning_rate was 0.1, is now 0.2" in message
    assert "settings.options.momentum was 0.9, is now nothing" in message
    assert "validation was nothing, is now b" in message
    assert "data" not in message.split("other settings")[1]
