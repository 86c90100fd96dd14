"""The layer-normalised LSTM over time, in layers and both directions, beside one written by hand with nn.LayerNorm."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cellwright import Recurrent

INPUT, HIDDEN = 3, 4
# Where the parts of gain and offset are, for W x and for U h: ix, ih, fx, fh, gx, gh, ox, oh, c.
FROM_X, FROM_H, CELL = (0, 2, 4, 6), (1, 3, 5, 7), (8,)


class ByHand(nn.Module):
    """One layer in one direction; equations 20 to 22 of the supplement of Ba, Kiros & Hinton (2016)."""

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.from_x = nn.Linear(input_size, 4 * HIDDEN, bias=False)
        self.from_h = nn.Linear(HIDDEN, 4 * HIDDEN, bias=False)
        self.norm_x, self.norm_h = nn.LayerNorm(4 * HIDDEN), nn.LayerNorm(4 * HIDDEN)
        self.norm_c = nn.LayerNorm(HIDDEN)
        self.bias = nn.Parameter(torch.empty(4 * HIDDEN))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        h = c = x.new_zeros(x.shape[1], HIDDEN)
        outputs = []
        for now in x:
            seen = self.norm_h(self.from_h(h)) + self.norm_x(self.from_x(now)) + self.bias
            i, f, g, o = seen.chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(self.norm_c(c))
            outputs.append(h)
        return torch.stack(outputs), h, c

    def take(self, layer: Recurrent, suffix: str) -> ByHand:
        """The parameters of one layer and direction."""
        own = {name: tensor.detach() for name, tensor in layer.stored(0, suffix).items()}

        def parts(tensor: torch.Tensor, chosen: tuple[int, ...]) -> torch.Tensor:
            return torch.cat([tensor.split(HIDDEN)[k] for k in chosen])

        values = {
            "from_x.weight": own["weight_ih"],
            "from_h.weight": own["weight_hh"],
            "bias": own["bias_ih"],
            **{
                f"norm_{name}.{kind}": parts(own[family], chosen)
                for name, chosen in {"x": FROM_X, "h": FROM_H, "c": CELL}.items()
                for kind, family in {"weight": "gain", "bias": "offset"}.items()
            },
        }
        self.load_state_dict(values)
        return self


def drawn(**options: object) -> Recurrent:
    """With gains and offsets that are not at their start."""
    torch.manual_seed(0)
    layer = Recurrent("lnlstm", INPUT, HIDDEN, dtype=torch.float64, **options)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


def test_values_and_gradients_are_those_by_hand(laws) -> None:
    layer = drawn()
    theirs = ByHand(INPUT).double().take(layer, "_l0")
    x = torch.randn(7, 2, INPUT, dtype=torch.float64, requires_grad=True)
    output, (h, c) = layer(x)
    expected = theirs(x)
    laws.same([output, h[0], c[0]], list(expected))
    ours = torch.autograd.grad(output.square().sum() + c.sum(), [x, *layer.parameters()])
    wanted = torch.autograd.grad(expected[0].square().sum() + expected[2].sum(), [x, *theirs.parameters()])
    by_name = dict(zip([name for name, _ in theirs.named_parameters()], wanted[1:], strict=True))
    gain, offset = ([by_name[f"norm_{name}.{kind}"].split(HIDDEN) for name in "xhc"] for kind in ("weight", "bias"))
    expected_gradients = {
        "weight_ih_l0": by_name["from_x.weight"],
        "weight_hh_l0": by_name["from_h.weight"],
        "bias_ih_l0": by_name["bias"],
        **{
            name: torch.cat([part for pair in zip(*parts[:2], strict=True) for part in pair] + list(parts[2]))
            for name, parts in {"gain_l0": gain, "offset_l0": offset}.items()
        },
    }
    laws.same(ours[0], wanted[0])
    laws.same(dict(zip(dict(layer.named_parameters()), ours[1:], strict=True)), expected_gradients, tolerance=1e-11)


def test_both_directions_are_those_by_hand(laws) -> None:
    layer = drawn(bidirectional=True)
    forward, backward = (ByHand(INPUT).double().take(layer, suffix) for suffix in ("_l0", "_l0_reverse"))
    x = torch.randn(5, 3, INPUT, dtype=torch.float64)
    expected = torch.cat([forward(x)[0], backward(x.flip(0))[0].flip(0)], -1)
    laws.same(layer(x)[0], expected)


@pytest.mark.parametrize("again", [False, True])
def test_gains_start_at_1_and_offsets_at_0(again: bool) -> None:
    layer = Recurrent("lnlstm", INPUT, HIDDEN, 2, bidirectional=True)
    if again:
        nn.utils.vector_to_parameters(torch.ones(sum(p.numel() for p in layer.parameters())), layer.parameters())
        layer.reset_parameters()
    for name, parameter in layer.named_parameters():
        if name.startswith("gain"):
            assert (parameter == 1).all()
        elif name.startswith("offset"):
            assert (parameter == 0).all()
        else:
            assert 0 < parameter.abs().max() <= 0.5, name
