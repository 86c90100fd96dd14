"""A model on the chip."""

import copy
import pickle
from dataclasses import replace

import pytest
import torch
from torch import nn

from cellwright import LSTM, Recurrent, cells
from cellwright.crossbar import CAUSES, ChipSettings, Wires, needs_digital, program
from cellwright.crossbar.bank import Bank
from cellwright.errors import CellwrightError
from cellwright.program import counts

IDEAL = ChipSettings().ideal()


class Network(nn.Module):
    """A recurrent layer and a dense one, batch first; forecasts at every step or after the last."""

    def __init__(self, layer, last=False):
        super().__init__()
        self.layer, self.last = layer, last
        self.dense = nn.Linear(layer.output_size, 2)

    def forward(self, x, state=None):
        hidden, state = self.layer(x, state)
        return torch.tanh(self.dense(hidden[:, -1] if self.last else hidden)), state


def network(cell="lstm", *, dtype=torch.float64, last=False, units=5, inputs=3, **options):
    torch.manual_seed(0)
    if isinstance(cell, str):
        options = {"proj_size": 2 if cells.find(cell).projects else 0, "batch_first": True} | options
    layer = cell if isinstance(cell, nn.Module) else Recurrent(cell, inputs, units, **options)
    return Network(layer, last).to(dtype)


def data(batch=4, steps=7, inputs=3, dtype=torch.float64):
    return torch.randn(batch, steps, inputs, dtype=dtype, generator=torch.Generator().manual_seed(1))


def on_chip(model, settings=IDEAL, **options):
    options = {"chips": 3, "calibration": data(dtype=next(model.parameters()).dtype)} | options
    return program(model, settings, allow_digital=needs_digital(model), **options)


@pytest.mark.parametrize("name", sorted(cells.catalogue("sequence")))
def test_an_ideal_chip_is_the_software_network(name):
    model, x = network(name), data()
    expected, state = model(x)
    outputs, states = on_chip(model)(x)
    assert outputs.shape == (3, *expected.shape)
    assert (outputs - expected).abs().max() < 1e-10
    for got, wanted in zip(
        states if isinstance(states, tuple) else [states], state if isinstance(state, tuple) else [state], strict=True
    ):
        assert (got - wanted).abs().max() < 1e-10


@pytest.mark.parametrize("options", [{}, {"last": True}, {"num_layers": 2}, {"bidirectional": True}])
def test_an_ideal_chip_is_the_software_network_in_single_precision(options):
    model, x = network(dtype=torch.float32, **options), data(dtype=torch.float32)
    outputs = on_chip(model)(x)[0]
    assert outputs.dtype == torch.float32
    assert (outputs - model(x)[0]).abs().max() < 1e-6


def test_small_tiles_and_time_first_layers_change_nothing():
    torch.manual_seed(0)
    model = LSTM(3, 5, num_layers=2).double()
    x = torch.randn(7, 4, 3, dtype=torch.float64)
    chip = program(model, ChipSettings(tile=(6, 5)).ideal(), chips=2, calibration=x)
    assert len(chip.arrays["l0"].tiles) > 1
    for outputs in (chip(x)[0], chip(x, batch_dimension=1)[0]):
        assert (outputs - model(x)[0]).abs().max() < 1e-10


class Outputs(nn.Module):
    """A recurrent layer and a dense one that keep their state to themselves."""

    def __init__(self, layer, last=False, swap=False):
        super().__init__()
        self.layer, self.last, self.swap = layer, last, swap
        self.dense = nn.Linear(layer.output_size, 2)

    def forward(self, x):
        hidden = self.layer(x.transpose(0, 1) if self.swap else x)[0]
        if self.last:
            hidden = hidden[:, -1] if self.layer.batch_first else hidden[-1]
        return self.dense(hidden)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True}]
)
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("chips", "steps"), [(2, 20), (2, 8), (4, 4), (3, 12), (1, 4)])
def test_every_chip_starts_from_its_own_state(batch_first, options, last, chips, steps):
    """Without being told where the batch is; also where chips divide it or the time has as many steps as rows."""
    torch.manual_seed(0)
    model = Outputs(LSTM(3, 8, batch_first=batch_first, **options), last).double()
    x = torch.randn(4, steps, 3, dtype=torch.float64)
    x = x if batch_first else x.transpose(0, 1)
    chip = program(model, IDEAL, chips=chips, calibration=x)
    assert chip.batch_dimension == (0 if batch_first else 1)
    assert (chip(x) - model(x)).abs().max() < 1e-10


@pytest.mark.parametrize("batch", [3, 4, 40])
@pytest.mark.parametrize(("batch_first", "advice"), [(False, "time first"), (True, "batch first")])
def test_chips_are_never_folded_along_time(batch, batch_first, advice):
    """Not even where the sizes agree: 40 sequences are as many as 20 steps of 2 chips."""
    model = Outputs(LSTM(3, 8, batch_first=batch_first))
    x = torch.randn(*((batch, 20) if batch_first else (20, batch)), 3)
    right = 0 if batch_first else 1
    chip = program(model, IDEAL, chips=2)
    with pytest.raises(CellwrightError, match=rf"this model is {advice}: call chip\(x, batch_dimension={right}\)"):
        chip(x, batch_dimension=1 - right)
    assert chip(x).shape == (2, *x.shape[:2], 2)


@pytest.mark.parametrize("batch", [4, 40])
def test_a_model_that_swaps_time_and_batch_is_told_where_its_inputs_have_them(batch):
    model, x = Outputs(LSTM(3, 8), swap=True).double(), torch.randn(batch, 20, 3, dtype=torch.float64)
    with pytest.raises(CellwrightError, match=r"call chip\(x, batch_dimension=0\)"):
        program(model, IDEAL, chips=2)(x)
    outputs = program(model, IDEAL, chips=2, batch_dimension=0)(x)
    assert (outputs - model(x)).abs().max() < 1e-10


def test_batch_first_beside_time_first_asks_where_the_batch_is():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = LSTM(3, 4, batch_first=True), LSTM(4, 4)

        def forward(self, x):
            return self.b(self.a(x)[0].transpose(0, 1))[0].transpose(0, 1)

    model, x = Mixed().double(), torch.randn(4, 7, 3, dtype=torch.float64)
    with pytest.raises(CellwrightError, match=r"program\(\.\.\., batch_dimension=0\)"):
        program(model, IDEAL, chips=2)
    chip = program(model, IDEAL, chips=2, batch_dimension=0)
    assert (chip(x) - model(x)).abs().max() < 1e-10
    with pytest.raises(CellwrightError, match="counted from 0"):
        program(model, IDEAL, chips=2, batch_dimension=-1)


@pytest.mark.parametrize("batch_first", [False, True])
def test_one_sequence_without_a_batch_is_refused(batch_first):
    model, x = Outputs(LSTM(3, 8, batch_first=batch_first)), torch.randn(20, 3)
    chip = program(model, IDEAL, chips=2)
    with pytest.raises(CellwrightError, match=rf"call chip\(x\.unsqueeze\({0 if batch_first else 1}\)\)"):
        chip(x)
    with pytest.raises(CellwrightError, match="no input has a dimension"):
        chip(x[:, 0], batch_dimension=1)


def test_telling_rows_from_steps_costs_no_draw_and_is_not_counted():
    model, x = network(), data(batch=2, steps=6)
    settings = ChipSettings()
    chip = on_chip(model, settings)  # 3 chips of 2 sequences, as many rows as steps
    first = chip(x)[0]
    assert {name: array.vectors for name, array in chip.arrays.items()} == {"layer_l0": 12, "dense": 12}
    second = chip(x)[0]
    chip.reset()
    assert torch.equal(chip(x)[0], first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", sorted(cells.catalogue("sequence")))
def test_counts_of_the_program_are_counts_of_the_arrays(name):
    model = network(name)
    chip = on_chip(model)
    found = counts(model.layer.cell.program()).at(model.layer.layer_sizes(0))
    held = [array.spec for array in chip.arrays.values() if array.name != "dense"]
    assert sum(spec.weights.numel() for spec in held) == found["weights"]
    # torch's two biases of a gate that adds W x and U h are one on a bit line.
    on_one_line = 2 * model.layer.hidden_size if name == "gru" else 0
    biases = sum(int((spec.bias != 0).sum()) for spec in held if spec.bias is not None)
    assert biases == found.get("biases", 0) - on_one_line


def test_array_sizes_of_li2019():
    """Airline: 15 units, 1 input, bias: 34 x 60 and 32 x 1. Gait: 14 units, 50 inputs, no bias: 128 x 56 and 28 x 8."""
    airline = nn.ModuleDict({"lstm": LSTM(1, 15), "dense": nn.Linear(15, 1)})
    gait = nn.ModuleDict({"lstm": LSTM(50, 14, bias=False), "dense": nn.Linear(14, 8, bias=False)})
    sizes = []
    for model in (airline, gait):
        chip = program(model, IDEAL, chips=1)
        sizes += [(array.rows, array.columns) for array in chip.arrays.values()]
        assert all(len(array.tiles) == 1 for array in chip.arrays.values())
    assert sizes == [(34, 60), (32, 1), (128, 56), (28, 8)]


def test_an_array_knows_what_its_lines_carry():
    array = on_chip(network()).arrays["layer_l0"]
    assert array.spec.row_groups == (("x", 3), ("h", 5))
    assert array.spec.column_groups == (("i", 5), ("f", 5), ("g", 5), ("o", 5))
    maps = array.physical([tile.conductances[0] for tile in array.tiles])
    assert maps.shape == (array.rows, array.columns)


def test_maps_of_tiles_are_put_together():
    chip = on_chip(network(), ChipSettings(tile=(6, 7)).ideal())
    array = chip.arrays["layer_l0"]
    assert len(array.tiles) > 4
    assert array.physical([tile.conductances[1] for tile in array.tiles]).shape == (array.rows, array.columns)


def test_the_model_stays_as_it_is():
    model = network()
    before = copy.deepcopy(model.state_dict())
    x = data()
    expected = model(x)[0]
    on_chip(model, ChipSettings())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.equal(model(x)[0], expected)
    assert model.training


def test_one_seed_one_result():
    model, x = network(), data()
    first, second, other = (on_chip(model, ChipSettings(), seed=seed)(x)[0] for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_chip_is_the_same_in_a_batch_of_2_or_7():
    model, x = network(), data()
    few, many = (on_chip(model, ChipSettings(), chips=chips)(x)[0] for chips in (2, 7))
    torch.testing.assert_close(few, many[:2], rtol=1e-9, atol=1e-9)


def test_chips_differ_and_every_cause_alone_is_an_error(whole):
    model, x = network(), data()
    expected = model(x)[0]
    # Differences between devices act through pulses, curves and drift: alone they do nothing. The affine correction
    # would take all away that amplifiers do alone.
    for cause in sorted(CAUSES.keys() - {"device_to_device"}):
        settings = replace(whole, affine=False).only(cause)
        error = (on_chip(model, settings)(x)[0] - expected).abs().amax((1, 2, 3))
        assert bool((error > 1e-6).all()), cause
        assert bool((error < 1.0).all()), cause
        alike = cause in ("input_resolution", "output_resolution", "wires", "nonlinearity", "ageing")
        assert bool(((error - error[0]).abs() < 1e-12).all()) == alike, cause


def test_fifty_chips_are_one_batched_call(monkeypatch):
    """Every array multiplies once a time step, for all chips together; no two chips are alike."""
    model, x, calls, read = network(), data(), [], Bank._driven
    chip = on_chip(model, ChipSettings(tile=(8, 8)), chips=50)
    monkeypatch.setattr(Bank, "_driven", lambda bank, u: calls.append(u.shape[:3]) or read(bank, u))
    outputs = chip(x)[0]
    assert outputs.shape == (50, 4, 7, 2)
    assert calls == [(50, 3, 4)] * 7 + [(50, 2, 4 * 7)]
    assert len(outputs[:, 0, -1, 0].unique()) == 50


def test_rows_that_cannot_be_told_from_layers_are_refused():
    model, x = network(num_layers=2), data(1)
    with pytest.raises(CellwrightError, match="one chip more"):
        on_chip(model, chips=2)(x)
    state = on_chip(model, chips=3)(x)[1]
    assert state[0].shape == (3, 2, 1, 5)
    assert (state[0] - model(x)[1][0]).abs().max() < 1e-10


def test_state_goes_in_and_comes_out():
    """Two halves of a sequence, the state handed on: the same as the whole."""
    model, x = network(), data()
    chip = on_chip(model)
    whole = chip(x)[0]
    first, state = chip(x[:, :3])
    folded = tuple(tensor.transpose(0, 1).flatten(1, 2) for tensor in state)
    second = chip.unfold(chip.model(chip.fold(x[:, 3:]), folded)[0], 4)
    torch.testing.assert_close(torch.cat([first, second], 2), whole)


def test_linear_layers_find_the_rows_of_the_chips():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    for shape, dimension in (((5, 3), 0), ((7, 5, 3), 1), ((5, 7, 3), 0), ((6, 5, 3), 1)):
        x = torch.randn(*shape, dtype=torch.float64)
        chip = program(model, IDEAL, chips=6, calibration=x)
        outputs = chip(x, batch_dimension=dimension)
        assert outputs.shape == (6, *shape[:-1], 2)
        assert (outputs - model(x)).abs().max() < 1e-10


def test_a_layer_used_twice_is_one_array():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(3, 3)
            self.second = self.first

        def forward(self, x):
            return self.second(torch.tanh(self.first(x)))

    model, x = Twice(), torch.randn(4, 3)
    chip = program(model, IDEAL, chips=2, calibration=x)
    assert list(chip.arrays) == ["first"]
    assert (chip(x) - model(x)).abs().max() < 1e-6


def test_a_bare_layer_is_a_model_too():
    layer, x = nn.Linear(3, 2), torch.randn(4, 3)
    assert (program(layer, IDEAL, chips=2, calibration=x)(x) - layer(x)).abs().max() < 1e-6


def test_a_chip_is_copied_and_pickled():
    model, x = network(), data()
    chip = on_chip(model, ChipSettings())
    expected = copy.deepcopy(chip)(x)[0]
    assert torch.equal(pickle.loads(pickle.dumps(chip))(x)[0], expected)
    assert torch.equal(chip(x)[0], expected)


def test_nothing_is_left_digital_unasked():
    peephole = network("peephole")
    with pytest.raises(CellwrightError, match=r"weight_peephole_l0 .*allow_digital=\['weight_peephole'\]"):
        program(peephole, IDEAL, chips=1)
    chip = program(peephole, IDEAL, chips=1, allow_digital=["weight_peephole"])
    assert chip.digital == ("layer.weight_peephole_l0",)
    assert needs_digital(network()) == ()


def test_unknown_layers_are_refused_with_a_reason():
    normalised = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    with pytest.raises(CellwrightError, match=r"1\.weight belongs to a LayerNorm"):
        program(normalised, IDEAL, chips=1)
    assert needs_digital(normalised) == ("LayerNorm",)
    for allowed in ("LayerNorm", "1"):
        assert program(normalised, IDEAL, chips=1, allow_digital=[allowed]).digital == ("1.weight", "1.bias")
    for layer in (nn.LSTM(2, 2), nn.GRU(2, 2)):
        with pytest.raises(CellwrightError, match=r"cellwright\.replace"):
            program(nn.ModuleDict({"layer": layer}), IDEAL, chips=1)
    with pytest.raises(CellwrightError, match="dropout"):
        program(normalised, IDEAL, chips=1, allow_digital=["LayerNorm", "dropout"])
    with pytest.raises(CellwrightError, match=r"no torch\.nn\.Linear"):
        program(nn.ReLU(), IDEAL, chips=1)


def test_a_linear_layer_allowed_to_be_digital_stays():
    model, x = network(), data()
    chip = program(model, IDEAL, chips=2, calibration=x, allow_digital=["dense"])
    assert list(chip.arrays) == ["layer_l0"]
    assert isinstance(chip.model.dense, nn.Linear)
    assert (chip(x)[0] - model(x)[0]).abs().max() < 1e-10


class HalfUsed(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x):
        return self.a(x)


def test_converters_need_training_inputs_and_every_array_must_see_some():
    with pytest.raises(CellwrightError, match="calibration"):
        program(network(), ChipSettings(), chips=1)
    with pytest.raises(CellwrightError, match=r"'b' is never used"):
        program(HalfUsed(), IDEAL, chips=1, calibration=torch.randn(2, 3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tile": (0, 64)}, r"tile is a pair \(word lines, bit lines\) .* got \(0, 64\)"),
        ({"tile": (128.0, 64)}, r"tile is a pair .* got \(128\.0, 64\)"),
        ({"tile": (128, 64, 2)}, "tile is a pair"),
        ({"tile": (True, 64)}, "tile is a pair"),
        ({"tile": 128}, "tile is a pair .* got 128"),
        ({"rounds": 0}, "rounds is a whole number from 1 to 1,000,000, got 0"),
        ({"rounds": 2.5}, r"rounds is a whole number from 1 to 1,000,000, got 2\.5"),
        ({"tolerance": 0.0}, r"tolerance is a fraction of the window, got 0\.0"),
        ({"slices": True}, "slices is a whole number from 1 to 64, got True"),
        ({"averaged_reads": True}, "averaged_reads is a whole number from 1 to 100,000, got True"),
        ({"encoding": "balance"}, "encoding is 'balanced' or 'one-sided', got 'balance'"),
        ({"encoding": "reference"}, "a reference comes with the layout 'reference column'"),
        ({"wires": 0.36}, r"wires is an instance of Wires, such as Wires\(\), or None; got 0\.36"),
        ({"wires": Wires}, "wires is an instance of Wires"),
        ({"read_out": True}, r"read_out is an instance of ReadOut, such as ReadOut\(\), or None; got True"),
        ({"input_errors": 0.1}, "input_errors is an instance of ConverterErrors"),
        ({"output_errors": Wires()}, "output_errors is an instance of ConverterErrors"),
    ],
)
def test_settings_that_no_chip_has_are_refused_in_one_line(changes, message):
    with pytest.raises(CellwrightError, match=message) as caught:
        ChipSettings(**changes)
    assert "\n" not in str(caught.value)


def test_senseless_requests_are_refused():
    with pytest.raises(CellwrightError, match="at least one chip"):
        program(network(), IDEAL, chips=0)
    broken = nn.Linear(2, 2)
    nn.init.constant_(broken.weight, float("nan"))
    with pytest.raises(CellwrightError, match="NaN"):
        program(broken, IDEAL, chips=1)
    chip = on_chip(network())
    with pytest.raises(CellwrightError, match="batch sizes"):
        chip(data(), torch.zeros(3, 1))
