"""What the drop-ins for torch's recurrent layers have in common, beside being layers of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from torch import nn
from torch.nn.utils.rnn import PackedSequence

from cellwright.errors import CellwrightError
from cellwright.layers.recurrent import Recurrent, State, Tensor


class DropIn(Recurrent):
    """A layer that can stand in the place of one of torch's.

    A subclass names that class as ``torch_class`` and has its signature, with a flag ``bias``; ``own_options`` are
    those that other layers lack.
    """

    torch_class: ClassVar[type[nn.RNNBase]]
    own_options: ClassVar[tuple[str, ...]] = ()
    bias: bool

    def forward(
        self,
        input: Tensor | PackedSequence,
        state: State | None = None,
        *,
        hx: State | None = None,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
        record: str | Sequence[str] = (),
        **sequences: Tensor,
    ) -> Any:
        """Run the layers over a sequence: see ``Recurrent.forward``.

        Args:
            input: (time, batch, features), or batch first as set, or (time, features) for one sequence, or packed.
            state: the initial state, (h_0, c_0) for an LSTM, h_0 for others; by name also ``hx``, as torch calls it.
            lengths, resets, record: as for every ``Recurrent``.

        Returns:
            the output and the final state as in torch; with ``record`` also a dict of signals.

        Raises:
            CellwrightError: shapes or dtypes that do not fit, unknown names, no time steps, a state given twice.
        """
        if hx is not None and state is not None:
            raise CellwrightError("the initial state is given twice, as hx and as state: leave one of them out")
        initial = state if hx is None else hx
        return super().forward(input, initial, lengths=lengths, resets=resets, record=record, **sequences)

    @classmethod
    def from_torch(cls, layer: nn.RNNBase) -> Self:
        """The same layer on the same parameters: an optimiser that holds them goes on working.

        Raises:
            CellwrightError: the layer is more than a plain layer of torch's class: a subclass, parametrised, pruned,
                with hooks. What that adds would be lost.
        """
        _check_plain(layer, cls.torch_class)
        names = ["input_size", "hidden_size", "num_layers", "bias", "batch_first", "bidirectional"]
        names += [*cls.own_options, *(["proj_size"] if layer.proj_size else [])]
        options: dict[str, Any] = {name: getattr(layer, name) for name in names}
        new = cls(**options, device="meta")
        own = dict(layer.named_parameters(remove_duplicate=False))
        if own.keys() != dict(new.named_parameters()).keys() or any(True for _ in layer.buffers()):
            raise CellwrightError(
                f"it holds other tensors than a {_name(cls.torch_class)}'s, so it is pruned or reparametrised: make "
                "that permanent (prune.remove, remove_weight_norm), replace the layer, then apply it again"
            )
        for name, parameter in own.items():
            setattr(new, name, parameter)
        new.dropout = float(layer.dropout)
        return new.train(layer.training)

    def extra_repr(self) -> str:
        options = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        return self._options_repr({**options, "bidirectional": False})


_HOOKS = (
    "_forward_pre_hooks",
    "_forward_hooks",
    "_backward_pre_hooks",
    "_backward_hooks",
    "_state_dict_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


def _check_plain(layer: nn.RNNBase, torch_class: type[nn.RNNBase]) -> None:
    if nn.utils.parametrize.is_parametrized(layer):
        raise CellwrightError(
            "it is parametrised: remove that (torch.nn.utils.parametrize.remove_parametrizations), replace the layer, "
            "then parametrise it again"
        )
    if not isinstance(layer, torch_class):
        raise CellwrightError(f"it is a {type(layer).__name__}, not a {_name(torch_class)}")
    if type(layer) is not torch_class:
        raise CellwrightError(
            f"it is a {type(layer).__name__}, and what that adds to {_name(torch_class)} would be lost"
        )
    if kinds := [kind for kind in _HOOKS if getattr(layer, kind, None)]:
        raise CellwrightError(
            f"it has hooks ({', '.join(kind.strip('_') for kind in kinds)}) that would be lost, such as those of "
            "pruning: remove them, replace the layer, then add them to the new one"
        )


def _name(torch_class: type[nn.RNNBase]) -> str:
    return f"torch.nn.{torch_class.__name__}"
