"""Zoneout and dropout of inputs, of what is fed back, of weights: drawn in training, deterministic in evaluation."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch.func import functional_call
from torch.nn.functional import dropout
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from cellwright import Recurrent, kernels
from cellwright.cells import GRU, LSTM, Cell, affine, linear, tanh
from cellwright.cells.regularised import has_recurrent_matrix
from cellwright.errors import CellwrightError
from cellwright.layers.compiled import compiled_step

# torch's own forward mode asks its compiler for decompositions when it is first used.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

ALL = {"zoneout": 0.3, "input_dropout": 0.2, "recurrent_dropout": 0.4, "weight_dropout": 0.5}


def regularised(workbench, cell: Cell, **options: object) -> Recurrent:
    """A layer with all of it, but for what acts on a recurrent matrix where the cell has none."""
    own = {n: p for n, p in ALL.items() if n in ("zoneout", "input_dropout") or has_recurrent_matrix(cell)}
    return workbench.layer(cell, **{**own, **options})


def drawn(layer: Recurrent, seed: int = 1, **inputs: object) -> tuple:
    torch.manual_seed(seed)
    return layer(**inputs)


def for_whole_sequences(batch: int, size: int, probability: float) -> torch.Tensor:
    return dropout(torch.ones(1, batch, size, dtype=torch.float64), probability)[0]


def at_each_step(steps: int, batch: int, size: int, probability: float) -> torch.Tensor:
    return (torch.rand(steps, batch, size, dtype=torch.float64) < probability).double()


def lstm_by_hand(x: torch.Tensor, layer: Recurrent, suffix: str, zoneout: dict[str, float]) -> torch.Tensor:
    """Krueger et al. 2017, section 3, with the masks of Gal & Ghahramani 2016, section 4, the same for all gates.

    Draws in the order that docs/regularisation.md gives.
    """
    steps, batch, features = x.shape
    options = layer.regularisation
    x = x * for_whole_sequences(batch, features, options.input_dropout)
    fed = for_whole_sequences(batch, layer.hidden_size, options.recurrent_dropout)
    keeps = {name: at_each_step(steps, batch, layer.hidden_size, p) for name, p in zoneout.items()}
    W, b = getattr(layer, f"weight_ih{suffix}"), getattr(layer, f"bias_ih{suffix}")
    U = dropout(getattr(layer, f"weight_hh{suffix}"), options.weight_dropout)
    h = c = x.new_zeros(batch, layer.hidden_size)
    outputs = []
    for t in range(steps):
        i, f, g, o = (x[t] @ W.T + (h * fed) @ U.T + b).chunk(4, -1)
        new_c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        new_h = o.sigmoid() * new_c.tanh()
        h = keeps["h"][t] * h + (1 - keeps["h"][t]) * new_h
        c = keeps["c"][t] * c + (1 - keeps["c"][t]) * new_c
        outputs.append(h)
    return torch.stack(outputs)


def test_an_lstm_is_that_of_a_loop_by_hand(laws, workbench) -> None:
    zoneout = {"h": 0.2, "c": 0.5}
    layer = workbench.layer(
        LSTM(), num_layers=2, zoneout=zoneout, input_dropout=0.3, recurrent_dropout=0.25, weight_dropout=0.5
    )
    x = workbench.inputs(LSTM(), 6, 5)["input"]
    output = drawn(layer, input=x)[0]
    torch.manual_seed(1)
    expected = x
    for suffix in ("_l0", "_l1"):
        expected = lstm_by_hand(expected, layer, suffix, zoneout)
    laws.same(output, expected)
    parameters = list(layer.parameters())
    laws.same(*(torch.autograd.grad(found.square().sum(), parameters) for found in (output, expected)))


@pytest.mark.parametrize("reset", ["before", "after"])
def test_a_gru_drops_what_its_matrix_reads_and_not_what_it_keeps(laws, workbench, reset: str) -> None:
    layer = workbench.layer(GRU(reset=reset, bias=False), recurrent_dropout=0.5)
    x = workbench.inputs(layer.cell, 4, 6)["input"]
    output = drawn(layer, input=x)[0]
    torch.manual_seed(1)
    mask = for_whole_sequences(6, layer.hidden_size, 0.5)
    (W_r, W_z, W_n), (U_r, U_z, U_n) = layer.weight_ih_l0.chunk(3), layer.weight_hh_l0.chunk(3)
    h, outputs = x.new_zeros(6, layer.hidden_size), []
    for now in x:
        fed = h * mask
        r, z = (now @ W_r.T + fed @ U_r.T).sigmoid(), (now @ W_z.T + fed @ U_z.T).sigmoid()
        n = (now @ W_n.T + ((r * fed) @ U_n.T if reset == "before" else r * (fed @ U_n.T))).tanh()
        h = (1 - z) * n + z * h
        outputs.append(h)
    laws.same(output, torch.stack(outputs))


def zoned_by_steps(plain: Recurrent, inputs: dict, keep: dict[str, torch.Tensor]) -> tuple[torch.Tensor, list]:
    """Steps of a plain layer, after each of which keep * old + (1 - keep) * new of every state goes on."""
    names, state, outputs = list(keep), None, []
    for t in range(len(inputs["input"])):
        _, new = plain.step(**{name: tensor[t] for name, tensor in inputs.items()}, state=state)
        new = (new,) if isinstance(new, torch.Tensor) else new
        old = [torch.zeros_like(tensor) for tensor in new] if state is None else (state,) if len(names) == 1 else state
        kept = [keep[name][t].flatten(1) for name in names]
        zoned = tuple(k * before + (1 - k) * after for k, before, after in zip(kept, old, new, strict=True))
        outputs.append(zoned[0][0])
        state = zoned[0] if len(zoned) == 1 else zoned
    return torch.stack(outputs), [state] if isinstance(state, torch.Tensor) else list(state)


def test_zoneout_of_every_cell_keeps_units_in_training_and_mixes_in_evaluation(laws, workbench, cell) -> None:
    plain, layer = workbench.layer(cell), workbench.layer(cell, zoneout=0.3)
    inputs, sizes = workbench.inputs(cell, 5, 3), layer.cell.state_sizes(layer.layer_sizes(0))
    with kernels.switched(False), torch.no_grad():
        output, state = drawn(layer, **inputs)
        torch.manual_seed(1)
        keep = {name: at_each_step(5, 3, size, 0.3) for name, size in sizes.items()}
        laws.same([output, state], list(zoned_by_steps(plain, inputs, keep)))
        output, state = layer.eval()(**inputs)
        mix = {name: torch.full((5, 3, size), 0.3, dtype=torch.float64) for name, size in sizes.items()}
        laws.same([output, state], list(zoned_by_steps(plain.eval(), inputs, mix)))


COMPILED = {
    "lstm": LSTM(),
    "gru-cho": GRU(reset="before"),
    "blocks": LSTM(cells_per_block=2, gate_recurrence="units", forget_gate=False),
    "projection": LSTM(projection=True, peepholes=True),
}


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_loops_are_what_is_interpreted(laws, workbench, name: str) -> None:
    """Values and gradients, with lengths, resets and signals, also where the gates are computed again."""
    cell = COMPILED[name]
    resets = torch.rand(6, 3, generator=torch.Generator().manual_seed(0)) < 0.3
    results = []
    for recompute, compiled in ((False, False), (False, True), *[(True, True)] * (name == "lstm")):
        layer = workbench.layer(cell, recompute=recompute, **ALL)
        inputs = {n: tensor.requires_grad_() for n, tensor in workbench.inputs(cell, 6, 3).items()}
        with kernels.switched(compiled):
            output, state, recorded = drawn(layer, **inputs, lengths=[6, 4, 0], resets=resets, record=("h",))
        laws.same(recorded["h_l0"], output)
        gradients = torch.autograd.grad(output.square().sum(), [*inputs.values(), *layer.parameters()])
        results.append([output, state, gradients])
        assert compiled_step(layer.running_cell, layer._sizes[0]).loop(torch.float64) is not None
    for compiled in results[1:]:
        laws.same(compiled, results[0])


@pytest.mark.parametrize("cell", [LSTM(peepholes=True), GRU(reset="before")], ids=str)
def test_gradients_with_fixed_masks_are_right_to_the_second_order(workbench, cell: Cell) -> None:
    layer = workbench.layer(cell, bidirectional=True, **ALL)
    x = workbench.inputs(cell, 3, 2)["input"].requires_grad_()
    names = [name for name, _ in layer.named_parameters()]

    def output(x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(1)
        return functional_call(layer, dict(zip(names, weights, strict=True)), (x,))[0]

    leaves = (x, *layer.parameters())
    assert torch.autograd.gradcheck(output, leaves, fast_mode=True, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(output, leaves, fast_mode=True)


def test_evaluation_is_the_plain_layer_to_the_bit(laws, workbench, cell) -> None:
    """Zoneout aside, nothing is added: it is the same kernel."""
    plain, layer = workbench.layer(cell).eval(), regularised(workbench, cell, zoneout=0.0).eval()
    inputs = workbench.inputs(cell, 4, 2)
    assert layer.running_cell == plain.running_cell
    with kernels.switched(False):
        laws.same(list(layer(**inputs)), list(plain(**inputs)), tolerance=0.0)


def test_at_probability_zero_nothing_is_drawn_or_added(workbench) -> None:
    layer = workbench.layer(LSTM(), **dict.fromkeys(ALL, 0.0))
    assert layer.running_cell == LSTM()
    before = torch.get_rng_state()
    layer(torch.randn(3, 1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(torch.get_rng_state(), before)


def test_one_seed_gives_the_same_bits_and_another_others(workbench) -> None:
    layer = workbench.layer(LSTM(), num_layers=2, bidirectional=True, dropout=0.2, **ALL)
    inputs = workbench.inputs(LSTM(), 4, 2)
    first, again, other = (drawn(layer, seed, **inputs)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_certain_zoneout_keeps_every_state_where_it_began(workbench) -> None:
    layer = workbench.layer(LSTM(), zoneout={"c": 1.0})
    h, c = workbench.state(layer, 2)
    _, (last_h, last_c) = layer(**workbench.inputs(LSTM(), 4, 2), state=(h, c))
    assert torch.equal(last_c, c)
    assert not torch.equal(last_h, h)


class Echo(Cell):
    """Shows what its matrices read, if these are unit matrices."""

    states = ("h", "fed")

    def step(self, x, h, fed):
        fed = linear("fed", h)
        h = 1.0 + 0.0 * tanh(affine("h", x)) + 0.0 * fed
        return h, fed


def masks_of(resets: torch.Tensor | None = None, rows: int = 400) -> torch.Tensor:
    """The masks of what is fed back, as a layer of 8 units showed them: (steps, rows, 8)."""
    layer = Recurrent(Echo(), 1, 8, recurrent_dropout=0.25)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(torch.eye(8))
    start = (torch.ones(1, rows, 8), torch.zeros(1, rows, 8))
    _, _, recorded = drawn(layer, input=torch.randn(6, rows, 1), state=start, resets=resets, record="fed")
    return recorded["fed_l0"]


def test_masks_of_whole_sequences_are_the_same_at_all_steps_and_keep_the_mean() -> None:
    masks = masks_of()
    assert (masks == masks[0]).all()
    torch.testing.assert_close(masks.unique(), torch.tensor([0.0, 4 / 3]))
    dropped = (masks[0] == 0).double().mean()  # of 3200: the standard deviation is 0.008
    assert abs(dropped - 0.25) < 0.03
    assert masks[0].unique(dim=0).shape[0] > 100  # rows differ


def test_each_sequence_of_a_row_has_a_mask_of_its_own() -> None:
    resets = torch.zeros(6, 400, dtype=torch.bool)
    resets[[0, 2, 3]] = True
    masks = masks_of(resets)
    assert (masks[4:] == masks[4]).all()  # at step 3 the state that is read is zero
    assert not masks[[2, 3]].any()
    assert not torch.equal(masks[1], masks[4])


def test_zoneout_masks_have_their_probability_for_each_state() -> None:
    layer = Recurrent("lstm", 1, 50, zoneout={"h": 0.1, "c": 0.6})
    _, _, recorded = drawn(layer, input=torch.randn(40, 10, 1), record=("h", "c"))
    for name, probability in (("h", 0.1), ("c", 0.6)):
        stays = (recorded[f"{name}_l0"][1:] == recorded[f"{name}_l0"][:-1]).double().mean()
        assert abs(stays - probability) < 0.015  # of 19500: the standard deviation is at most 0.004


def test_packed_padded_and_batch_first_draw_the_same(laws, workbench) -> None:
    layer = workbench.layer(LSTM(), bidirectional=True, **ALL)
    other = workbench.layer(LSTM(), bidirectional=True, batch_first=True, **ALL)
    x = workbench.inputs(LSTM(), 5, 3)["input"]
    output, state = drawn(layer, input=x, lengths=[5, 3, 2])
    packed, packed_state = drawn(layer, input=pack_padded_sequence(x, torch.tensor([5, 3, 2])))
    laws.same([pad_packed_sequence(packed)[0], packed_state], [output, state])
    swapped, _ = drawn(other, input=x.transpose(0, 1), lengths=[5, 3, 2])
    laws.same(swapped.transpose(0, 1), output)


def test_signals_keep_their_names(workbench, cell) -> None:
    layer = regularised(workbench, cell)
    assert layer.running_cell.program().named.keys() == layer.cell.program().named.keys() == cell.program().named.keys()
    assert layer.state_dict().keys() == workbench.layer(cell).state_dict().keys()


def test_in_graphs_the_masks_are_those_of_the_seed() -> None:
    torch.manual_seed(0)
    layer, x = Recurrent("lstm", 3, 4, **ALL), torch.randn(4, 2, 3)
    graph = torch.compile(layer, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(drawn(graph, input=x)[0], drawn(layer, input=x)[0])
    graph.eval()
    torch.testing.assert_close(graph(x)[0], layer(x)[0])


def test_steps_are_refused_where_one_mask_serves_a_sequence(workbench) -> None:
    x = torch.randn(2, 3, dtype=torch.float64)
    for name in ("input_dropout", "recurrent_dropout", "weight_dropout"):
        layer = workbench.layer(LSTM(), **{name: 0.2})
        with pytest.raises(CellwrightError, match="a step in training would draw other masks"):
            layer.step(x)
        layer.eval().step(x)
    workbench.layer(LSTM(), zoneout=0.2).step(x)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_draw_the_same(workbench, copied) -> None:
    layer, inputs = workbench.layer(LSTM(), **ALL), workbench.inputs(LSTM(), 3, 2)
    twin = copied(layer)
    assert repr(twin) == repr(layer)
    assert "zoneout=(('h', 0.3), ('c', 0.3))" in repr(layer)
    assert "weight_dropout=0.5" in repr(layer)
    assert torch.equal(drawn(twin, **inputs)[0], drawn(layer, **inputs)[0])


@pytest.mark.parametrize(
    ("cell", "options", "message"),
    [
        ("lstm", {"zoneout": 1.5}, r"zoneout of h is a probability between 0 and 1, got 1.5"),
        ("lstm", {"zoneout": {"c": -0.1}}, r"zoneout of c is a probability"),
        ("gru", {"zoneout": {"c": 0.1}}, r"zoneout names the state 'c'; GRU\(\) has: h"),
        ("lstm", {"zoneout": "much"}, r"zoneout of h is a probability between 0 and 1, got 'much'"),
        ("lstm", {"input_dropout": True}, r"input_dropout is a probability"),
        ("lstm", {"recurrent_dropout": 2}, r"recurrent_dropout is a probability"),
        ("lstm", {"weight_dropout": None}, r"weight_dropout is a probability"),
    ],
)
def test_what_makes_no_sense_is_refused(cell: str, options: dict, message: str) -> None:
    with pytest.raises(CellwrightError, match=message):
        Recurrent(cell, 3, 4, **options)


def test_without_a_recurrent_matrix_there_is_nothing_to_drop() -> None:
    class Feedforward(Cell):
        def step(self, x, h):
            return tanh(affine("h", x))

    for name in ("recurrent_dropout", "weight_dropout"):
        with pytest.raises(CellwrightError, match=rf"{name} acts on weight_hh, which Feedforward\(\) does not have"):
            Recurrent(Feedforward(), 3, 4, **{name: 0.2})
