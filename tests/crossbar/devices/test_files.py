"""Devices in files: written down and read back, defined in Python, and refused in one line."""

import json
import math
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

import cellwright
from cellwright.crossbar import ChipSettings, Pulse, program
from cellwright.crossbar.devices import find
from cellwright.crossbar.devices.gate_controlled import GateControlled
from cellwright.crossbar.devices.stored import KINDS, device_json, load_device
from cellwright.errors import CellwrightError
from cellwright.refusals import refusal

GATED = GateControlled(
    slope=90e-6,
    intercept=100e-6,
    programming_noise=3e-6,
    window=(190e-6, 280e-6),
    off=0.0,
    read=Pulse(0.2, 1e-7),
    set_pulse=Pulse(2.0, 1e-6),
    reset_pulse=Pulse(1.5, 1e-6),
    gate_window=(1.0, 2.0),
    spread={"slope": 0.1},
    area=1e-12,
    citation="a test",
    assumed="all",
)
STORED = {
    "gate-controlled": GATED,
    "filament": replace(find("rram"), transistor_slope=500e-6),
    "sinh filament": find("rram-sinh"),
    "phase change": find("pcm"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_device_is_read_back_as_it_was(kind, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(device_json(STORED[kind], {"fit": {"residual": 1.0}}), encoding="utf-8")
    assert load_device(path) == STORED[kind] == find(str(path))
    assert "Infinity" not in path.read_text(encoding="utf-8")


def test_a_device_from_a_file_goes_onto_a_chip(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(device_json(GATED), encoding="utf-8")
    chip = program(cellwright.LSTM(2, 3), ChipSettings(device=str(path)), chips=2, calibration=torch.rand(4, 3, 2))
    targets = chip.arrays["l0"].tiles[0].programmed.targets
    assert (targets.min().item(), targets.max().item()) == pytest.approx(GATED.window, rel=1e-9)


def test_a_law_of_its_own_cannot_be_written_down():
    with pytest.raises(CellwrightError, match="Ideal follows a law of its own"):
        device_json(find("ideal"))


def changed(**values):
    content = json.loads(device_json(STORED["filament"]))
    content["values"] |= values
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "mine.json, line 1 is no JSON"),
        ("[1]", "mine.json is no device: expected a file that `cellwright device fit` wrote"),
        ('{"cellwright": "device", "kind": "filaments"}', "did you mean 'filament'?"),
        ('{"cellwright": "device", "kind": "filament", "values": 3}', "mine.json: it has no values by name"),
        (
            '{"cellwright": "device", "kind": "gate-controlled", "values": {}}',
            "mine.json: window, off, read, set_pulse, ",
        ),
        (changed(stepp=1), "no number of a filament device is called 'stepp': did you mean 'step'?"),
        (changed(step="2.9 uS"), "mine.json: step is '2.9 uS': expected a number"),
        (changed(step=math.nan), "step is nan: expected a number"),
        (changed(window=[1, 5]), "a conductance of 5 S is beyond any device"),
        (changed(window=3), "mine.json: window is 3: expected two numbers"),
        (changed(read={"voltage": 0.2}), "mine.json: read is {'voltage': 0.2}: expected a voltage and a width"),
        (changed(scheme="none"), "mine.json: Filament: scheme is 'two-pulse' or 'one-pulse', got 'none'"),
        (changed(set_pulse={"voltage": 1.2, "width": -1e-7}), "mine.json: Filament: set_pulse of 1.2 V for -1e-07 s"),
        (changed(rounds=0.5), "mine.json: Filament: programming takes 1 round or more"),
        (changed(step=-1e-6), "mine.json: Filament: step is above 0"),
        (changed(spread={"step": None}), "step is None: expected a number"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "mine.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CellwrightError) as caught:
        find(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


OWN = """
from dataclasses import replace
from cellwright.crossbar import Device, find_device
from cellwright.crossbar.devices.ideal import Ideal

class Wide(Ideal):
    window = (1e-6, 1e-3)

class Needy(Device):
    pass

noisy = replace(find_device("li2019"), read_noise_fraction=0.02)
CATALOGUE = {"wide-2": noisy}
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own_devices.py"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_a_python_file_has_devices_classes_and_a_catalogue(own):
    assert find(f"{own}:noisy").read_noise_fraction == 0.02
    assert type(find(f"{own}:Wide")).__name__ == "Wide"
    assert find(f"{own}:wide-2") is find(f"{own}:noisy")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{}", "no single device: name one as FILE.py:NAME; its devices are: Wide, Needy, noisy, wide-2"),
        ("{}:Nothing", "has no device 'Nothing'; its devices are"),
        ("{}:Needy", "cannot be made without arguments: TypeError"),
        ("{}x:Needy", "a device of your own is named FILE.json or FILE.py:NAME"),
    ],
)
def test_a_python_file_that_does_not_help_is_refused_in_one_line(own, name, message):
    with pytest.raises(CellwrightError) as caught:
        ChipSettings(device=name.format(own))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_chip_of_own_devices_is_unpickled_in_another_process(own, tmp_path):
    settings = ChipSettings(device=replace(find(f"{own}:Wide"), area=2e-12))
    inputs = torch.rand(4, 3, 2, generator=torch.Generator().manual_seed(0))
    chip = program(cellwright.LSTM(2, 3), settings, chips=2, calibration=inputs)
    pickled = tmp_path / "chip.pickle"
    pickled.write_bytes(pickle.dumps((chip, inputs)))
    code = (
        "import pickle\n"
        f"chip, inputs = pickle.load(open({str(pickled)!r}, 'rb'))\n"
        "print(repr(chip.settings.device), chip(inputs)[0].sum().item())"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == f"{settings.device!r} {chip(inputs)[0].sum().item()}\n"


def test_a_python_file_with_one_device_needs_no_name(tmp_path):
    path = tmp_path / "single.py"
    path.write_text("from cellwright.crossbar.devices.ideal import Ideal\nmine = Ideal(window=(1e-6, 2e-4))\n")
    assert find(str(path)).window == (1e-6, 2e-4)
    path = tmp_path / "broken.py"
    path.write_text("import nothing_of_that_name\n")
    with pytest.raises(CellwrightError, match=r"broken\.py, line 1 does not import: ModuleNotFoundError"):
        find(str(path))


FAILING = """from cellwright.crossbar.devices.ideal import Ideal


class Mine(Ideal):
    def reset(self, state, noise):
        return state.wrong
"""


def test_what_a_file_has_and_the_nearest(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(FAILING + "\n\nclass Other(Ideal):\n    gain: float\n\n\nnumber = 3\n")
    for name, said in (
        ("Mien", "has no device 'Mien': did you mean 'Mine'? its devices are: Mine, Other"),
        ("number", ": number is no device: expected a subclass of cellwright.crossbar.Device; its devices are: Mine"),
        ("", "has no single device: name one as FILE.py:NAME; its devices are: Mine, Other"),
    ):
        with pytest.raises(CellwrightError) as caught:
            find(f"{path}:{name}".rstrip(":"))
        assert said in str(caught.value)
        assert str(caught.value).startswith(str(path))


def test_a_law_that_fails_in_use_is_the_files_fault_in_one_line(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(FAILING)
    with pytest.raises(AttributeError) as caught:
        program(torch.nn.Linear(2, 2), ChipSettings(device=f"{path}:Mine", input_bits=None, output_bits=None), chips=2)
    told = refusal(caught.value)
    assert told is not None
    assert told.line == "own.py, line 6, failed in reset: AttributeError: 'Tensor' object has no attribute 'wrong'"
