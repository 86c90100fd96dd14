"""``fit`` does what the textbook's loop does, to the same bits."""

import functools
import io

import pytest
import torch
from rich.console import Console
from torch import nn
from torch.nn import functional

from cellwright.errors import CellwrightError
from cellwright.learning import FitSettings, SequenceData, evaluate, fit, progress_bar


def hand_loop(model, data, epochs, optimizer, clip=lambda parameters: None, chunk=None, after_epoch=lambda: None):
    """The textbook's loop over one batch, with truncation if ``chunk`` is given."""
    losses = []
    model.train()
    for _ in range(epochs):
        state, total, count = None, 0.0, 0
        for start in range(0, data.inputs.shape[1], chunk or data.inputs.shape[1]):
            stop = start + (chunk or data.inputs.shape[1])
            outputs, state = model(data.inputs[:, start:stop], state)
            state = tuple(s.detach() for s in state)
            loss = functional.mse_loss(outputs, data.targets[:, start:stop])
            optimizer.zero_grad()
            loss.backward()
            clip(model.parameters())
            optimizer.step()
            total += loss.item() * data.targets[:, start:stop].numel()
            count += data.targets[:, start:stop].numel()
        after_epoch()
        losses.append(total / count)
    return losses


@pytest.mark.parametrize(
    ("name", "options"),
    [("adam", {}), ("sgd", {"momentum": 0.9}), ("rmsprop", {}), ("adamw", {"weight_decay": 0.1}), ("Adagrad", {})],
)
@pytest.mark.parametrize("chunk", [None, 3])
def test_equals_the_textbooks_loop(small_model, waves, same_bits, name, options, chunk):
    data, ours, theirs = waves(), small_model(0.0), small_model(0.0)
    settings = FitSettings(epochs=6, optimizer=name, learning_rate=0.02, optimizer_options=options, truncate=chunk)
    result = fit(ours, data, settings)
    classes = {key.lower(): value for key, value in vars(torch.optim).items()}
    expected = hand_loop(theirs, data, 6, classes[name.lower()](theirs.parameters(), lr=0.02, **options), chunk=chunk)
    same_bits(ours.state_dict(), theirs.state_dict())
    assert result.history.train == expected


@pytest.mark.parametrize(
    ("setting", "clip"),
    [
        ({"clip_norm": 0.05}, lambda p: nn.utils.clip_grad_norm_(p, 0.05)),
        ({"clip_value": 0.01}, lambda p: nn.utils.clip_grad_value_(p, 0.01)),
    ],
)
def test_clipping(small_model, waves, same_bits, setting, clip):
    data, ours, theirs, unclipped = waves(), small_model(0.0), small_model(0.0), small_model(0.0)
    fit(ours, data, FitSettings(epochs=4, optimizer="sgd", learning_rate=0.5, **setting))
    fit(unclipped, data, FitSettings(epochs=4, optimizer="sgd", learning_rate=0.5))
    hand_loop(theirs, data, 4, torch.optim.SGD(theirs.parameters(), lr=0.5), clip)
    same_bits(ours.state_dict(), theirs.state_dict())
    assert not torch.equal(ours.head.weight, unclipped.head.weight)


def test_a_schedule_steps_each_epoch(small_model, waves, same_bits):
    data, ours, theirs = waves(), small_model(0.0), small_model(0.0)
    step = functools.partial(torch.optim.lr_scheduler.StepLR, step_size=2, gamma=0.1)
    fit(ours, data, FitSettings(epochs=5, learning_rate=0.1, schedule=step))
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.1)
    hand_loop(theirs, data, 5, optimizer, after_epoch=step(optimizer).step)
    same_bits(ours.state_dict(), theirs.state_dict())


def test_a_schedule_steps_each_step():
    seen = []

    def factory(optimizer):
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: seen.append(step) or 1.0)

    data = (torch.randn(6, 2, 1), torch.randn(6, 2, 1))
    fit(nn.Linear(1, 1), data, FitSettings(epochs=2, batch_size=2, schedule=factory, schedule_each="step"))
    assert seen == [0, 1, 2, 3, 4, 5, 6]


def test_reduce_on_plateau_reads_the_validation_loss():
    factory = functools.partial(torch.optim.lr_scheduler.ReduceLROnPlateau, patience=0, factor=0.5)
    made = []

    def remembering(optimizer):
        made.append(optimizer)
        return factory(optimizer)

    flat = (torch.zeros(1, 2, 1), torch.ones(1, 2, 1))
    model = nn.Linear(1, 1, bias=False)  # from zeros it can only ever answer zero: the loss stays 1
    fit(model, flat, FitSettings(epochs=4, learning_rate=0.8, schedule=remembering), validation=flat)
    assert made[0].param_groups[0]["lr"] == 0.8 / 2**3


def test_lbfgs_evaluates_the_loss_as_often_as_it_likes(waves, same_bits):
    torch.manual_seed(1)
    data, ours = waves(), nn.Linear(1, 1)
    theirs = nn.Linear(1, 1)
    theirs.load_state_dict(ours.state_dict())
    fit(ours, data, FitSettings(epochs=3, optimizer="lbfgs", learning_rate=0.5))
    optimizer = torch.optim.LBFGS(theirs.parameters(), lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = functional.mse_loss(theirs(data.inputs), data.targets)
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    same_bits(ours.state_dict(), theirs.state_dict())


def test_truncation_as_long_as_the_sequence_is_the_full_gradient(small_model, waves, same_bits):
    full, truncated = small_model(), small_model()
    fit(full, waves(), FitSettings(epochs=4, batch_size=2))
    fit(truncated, waves(), FitSettings(epochs=4, batch_size=2, truncate=8))
    same_bits(full.state_dict(), truncated.state_dict())


def test_time_major_data_trains_to_the_same_weights(waves):
    data = waves()
    turned = SequenceData(data.inputs.transpose(0, 1), data.targets.transpose(0, 1), batch_first=False)
    torch.manual_seed(0)
    ours = nn.LSTM(1, 1, batch_first=True)
    theirs = nn.LSTM(1, 1)
    theirs.load_state_dict(ours.state_dict())
    for model, given in ((ours, data), (theirs, turned)):
        fit(model, given, FitSettings(epochs=3, batch_size=2, truncate=3))
    for name, value in ours.state_dict().items():
        torch.testing.assert_close(theirs.state_dict()[name], value, rtol=1e-6, atol=1e-7)


def test_one_seed_one_result_and_another_seed_another(small_model, waves, same_bits):
    runs = []
    for seed in (3, 3, 4):
        model = small_model()
        torch.rand(seed)  # what was drawn before does not matter
        result = fit(model, waves(), FitSettings(epochs=3, batch_size=2, seed=seed))
        runs.append((model.state_dict(), result.history.train))
    same_bits(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1] != runs[2][1]


def test_the_order_changes_each_epoch_unless_told_not_to():
    def orders(shuffle):
        seen = []

        class Spy(nn.Linear):
            def forward(self, x):
                seen.extend(x[:, 0, 0].tolist())
                return super().forward(x)

        data = (torch.arange(10.0).view(10, 1, 1) / 10, torch.zeros(10, 1, 1))
        fit(Spy(1, 1), data, FitSettings(epochs=2, batch_size=1, shuffle=shuffle))
        return seen[:10], seen[10:]

    first, second = orders(shuffle=True)
    assert sorted(first) == sorted(second) == pytest.approx([k / 10 for k in range(10)])
    assert first != second
    assert orders(shuffle=False) == (sorted(first), sorted(first))


def test_global_random_numbers_and_modes_are_left_as_they_were(small_model, waves):
    model = small_model().eval()
    model.head.train()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fit(model, waves(), FitSettings(epochs=2, batch_size=2))
    assert torch.equal(torch.rand(3), expected)
    assert [m.training for m in (model, model.dropout, model.head)] == [False, False, True]


def test_the_history_is_a_mean_over_targets_even_where_the_last_batch_is_smaller(waves):
    model = nn.Linear(1, 1)
    data = waves(count=5)
    before = evaluate(model, data)
    frozen = FitSettings(epochs=1, batch_size=2, optimizer="sgd", learning_rate=1e-12)
    assert fit(model, data, frozen).history.train == [pytest.approx(before, rel=1e-6)]
    assert evaluate(model, data, batch_size=2) == pytest.approx(before, rel=1e-6)


def test_a_chunk_shorter_than_the_others_weighs_less(small_model, waves):
    data, model = waves(steps=8), small_model(0.0)
    model.normal = nn.Identity()
    before = evaluate(model, data)
    settings = FitSettings(epochs=1, truncate=3, optimizer="sgd", learning_rate=1e-12)
    assert fit(model, data, settings).history.train == [pytest.approx(before, rel=1e-5)]


@pytest.mark.parametrize("truncate", [None, 2])
def test_what_the_mask_leaves_out_changes_nothing(small_model, waves, same_bits, truncate):
    data, runs = waves(), []
    mask = torch.ones(5, 8, dtype=torch.bool)
    mask[:, 4:6] = False  # with chunks of two steps, one chunk counts nothing at all
    mask[1, 6:] = False
    for rubbish in (0.0, float("nan")):
        targets = data.targets.masked_fill(~mask[..., None], rubbish)
        model = small_model()
        masked = SequenceData(data.inputs, targets, mask)
        result = fit(model, masked, FitSettings(epochs=2, truncate=truncate), validation=masked)
        runs.append((model.state_dict(), result.history))
    same_bits(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    assert all(loss > 0 for loss in runs[0][1].train)


def test_a_full_mask_is_no_mask(small_model, waves, same_bits):
    data, with_mask, without = waves(), small_model(), small_model()
    fit(with_mask, SequenceData(data.inputs, data.targets, torch.ones(5, 8, dtype=torch.bool)), FitSettings(epochs=2))
    fit(without, data, FitSettings(epochs=2))
    for name, value in with_mask.state_dict().items():
        torch.testing.assert_close(without.state_dict()[name], value, rtol=1e-5, atol=1e-7)


class Walker(nn.Module):
    """One weight, the output: plain gradient descent walks it towards the target by known steps."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return self.weight.expand(x.shape)


def walk(**settings):
    """Train towards 1, validate against 0.5; the weight after epoch n is 1 - 0.8**n, nearest to 0.5 at n = 3."""
    model, x = Walker(), torch.zeros(1, 1, 1)
    chosen = FitSettings(epochs=20, optimizer="sgd", learning_rate=0.1, **settings)
    return model, fit(model, (x, x + 1), chosen, validation=(x, x + 0.5))


def test_early_stopping_ends_with_the_best_weights():
    model, result = walk(patience=4)
    assert (result.best_epoch, result.stopped_early) == (3, True)
    assert len(result.history.train) == len(result.history.validation) == 3 + 4
    assert model.weight.item() == pytest.approx(1 - 0.8**3)
    assert result.history.validation[2] == pytest.approx((0.5 - 0.8**3) ** 2, abs=1e-9)


def test_without_patience_all_epochs_run_and_the_best_weights_stay():
    model, result = walk()
    assert (result.best_epoch, result.stopped_early, len(result.history.train)) == (3, False, 20)
    assert model.weight.item() == pytest.approx(1 - 0.8**3)


def test_the_last_weights_on_request():
    model, result = walk(patience=4, restore_best=False)
    assert result.best_epoch == 3
    assert model.weight.item() == pytest.approx(1 - 0.8**7)


def test_an_improvement_too_small_to_count_is_none():
    # The validation loss falls by 0.16, then 0.07, then 0.02 to its lowest.
    _, result = walk(patience=1, min_improvement=0.1)
    assert (result.best_epoch, len(result.history.train)) == (1, 2)


def test_without_validation_the_last_epoch_is_the_best():
    result = fit(Walker(), (torch.zeros(1, 1, 1), torch.ones(1, 1, 1)), FitSettings(epochs=3))
    assert (result.best_epoch, result.stopped_early, result.history.validation) == (3, False, [])
    assert result.seconds > 0


def test_patience_needs_validation_data():
    with pytest.raises(CellwrightError, match="patience needs validation"):
        fit(Walker(), (torch.zeros(1, 1, 1), torch.ones(1, 1, 1)), FitSettings(epochs=3, patience=1))


def test_validation_draws_no_dropout_and_moves_no_buffer(small_model, waves, same_bits):
    with_it, without = small_model(), small_model()
    fit(with_it, waves(), FitSettings(epochs=3, restore_best=False), validation=waves(seed=1))
    fit(without, waves(), FitSettings(epochs=3))
    same_bits(with_it.state_dict(), without.state_dict())


def test_a_loss_that_is_not_finite_names_the_epoch_and_the_remedy():
    data = (torch.ones(1, 2, 1), torch.zeros(1, 2, 1))
    with pytest.raises(CellwrightError, match=r"epoch \d+.*lower the learning rate \(it is 1000.0\) or clip"):
        fit(nn.Linear(1, 1), data, FitSettings(epochs=500, optimizer="sgd", learning_rate=1e3))


def test_weights_that_leave_the_finite_in_the_last_step_are_noticed():
    data = (torch.full((1, 1, 1), 1e30), torch.zeros(1, 1, 1))

    def huge_gradient(outputs, targets):
        return (outputs * 1e-30).sum() * 1e8

    with pytest.raises(CellwrightError, match="weight became infinite or NaN in epoch 1"):
        fit(nn.Linear(1, 1), data, FitSettings(epochs=1, optimizer="sgd", learning_rate=1e38), loss=huge_gradient)


@pytest.mark.parametrize("which", ["inputs", "targets"])
def test_data_that_is_not_finite_is_named(which):
    tensors = {"inputs": torch.ones(1, 2, 1), "targets": torch.ones(1, 2, 1)}
    tensors[which][0, 1, 0] = float("nan")
    with pytest.raises(CellwrightError, match=f"its {which} hold values that are not finite"):
        fit(nn.Linear(1, 1), SequenceData(**tensors), FitSettings(epochs=1))


def test_a_validation_loss_that_is_not_finite_is_an_error():
    x = torch.ones(1, 2, 1)
    with pytest.raises(CellwrightError, match="validation loss became nan in epoch 1"):
        fit(nn.Linear(1, 1), (x, x), FitSettings(epochs=1), validation=(x, x * float("nan")))


def test_shapes_that_a_loss_would_broadcast_are_refused():
    with pytest.raises(CellwrightError, match=r"shape \(4, 3, 1\) for targets of shape \(4, 3\)"):
        fit(nn.Linear(1, 1), (torch.randn(4, 3, 1), torch.randn(4, 3)), FitSettings(epochs=1))


def test_a_loss_that_is_no_number_is_refused():
    loss = functools.partial(functional.mse_loss, reduction="none")
    with pytest.raises(CellwrightError, match="expected one number"):
        fit(nn.Linear(1, 1), (torch.randn(4, 3, 1), torch.randn(4, 3, 1)), FitSettings(epochs=1), loss=loss)


def test_truncation_needs_a_state_and_a_target_a_step(small_model, waves):
    with pytest.raises(CellwrightError, match=r"Linear must return \(outputs, state\)"):
        fit(nn.Linear(1, 1), waves(), FitSettings(epochs=1, truncate=2))
    one_target = SequenceData(waves().inputs, torch.zeros(5, 1))
    with pytest.raises(CellwrightError, match="a target for each of the 8 time steps"):
        fit(small_model(), one_target, FitSettings(epochs=1, truncate=2))


def test_a_model_that_returns_no_tensor_is_refused():
    class Odd(nn.Linear):
        def forward(self, x):
            return {"outputs": super().forward(x)}

    with pytest.raises(CellwrightError, match="returned a dict"):
        fit(Odd(1, 1), (torch.zeros(1, 1, 1), torch.zeros(1, 1, 1)), FitSettings(epochs=1))


def test_classes_as_targets(waves):
    torch.manual_seed(0)
    inputs = waves(count=20).inputs
    labels = (inputs[..., 0] > 0).long()
    model = nn.Linear(1, 2)

    def loss(outputs, targets):
        return functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())

    result = fit(model, (inputs, labels), FitSettings(epochs=100, learning_rate=0.1), loss=loss)
    assert result.history.train[-1] < 0.2 < result.history.train[0]


def test_the_callback_hears_of_every_batch(waves):
    heard = []
    settings = FitSettings(epochs=3, batch_size=2)
    result = fit(nn.Linear(1, 1), waves(count=5), settings, validation=waves(), callback=heard.append)
    assert [p.epoch for p in heard] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [p.done for p in heard] == pytest.approx([k / 9 for k in range(1, 10)])
    assert [p.loss for p in heard[2::3]] == result.history.train
    assert [p.validation_loss for p in heard[2::3]] == result.history.validation
    assert heard[0].validation_loss is None
    assert heard[-1].seconds_left == 0.0
    assert all(p.seconds_left > 0 for p in heard[:-1])


def test_the_bar_shows_epoch_loss_and_time_left(waves):
    page = io.StringIO()
    console = Console(file=page, force_terminal=True, width=120)
    result = fit(nn.Linear(1, 1), waves(), FitSettings(epochs=3), validation=waves(), console=console)
    shown = page.getvalue()
    assert "epoch 3/3" in shown
    assert f"loss {result.history.train[-1]:.4g}" in shown
    assert f"validation {result.history.validation[-1]:.4g}" in shown
    assert "0:00 left" in shown


def test_without_a_console_nothing_is_printed(waves, capfd):
    fit(nn.Linear(1, 1), waves(), FitSettings(epochs=2))
    with progress_bar(None) as draw:
        draw(None)
    assert capfd.readouterr() == ("", "")
