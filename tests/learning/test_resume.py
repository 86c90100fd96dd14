"""A run that was stopped, in whatever way, ends with the same bits as one that was not."""

import functools
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from cellwright.errors import CellwrightError
from cellwright.learning import FitSettings, fit
from cellwright.learning.interrupt import DeferredInterrupt


class StopError(Exception):
    pass


def stop_after(batches):
    """A callback that ends the run after so many batches."""
    count = iter(range(1, batches + 1))

    def callback(progress):
        if next(count) == batches:
            raise StopError

    return callback


def interrupted(make_model, data, settings, path, every, **options):
    """Train with an interruption in each ``every``-th batch, with a new model and optimiser each time.

    The callback comes before the checkpoint: the last batch of each piece is trained again in the next.
    """
    for _ in range(1000):
        model = make_model()
        try:
            return model, fit(
                model,
                data,
                settings,
                checkpoint=path,
                seconds_between_checkpoints=0,
                callback=stop_after(every),
                **options,
            )
        except StopError:
            continue
    raise AssertionError("the run does not come to an end")


SCHEDULES = {
    "none": None,
    "StepLR": functools.partial(lr_scheduler.StepLR, step_size=2),
    "MultiStepLR": functools.partial(lr_scheduler.MultiStepLR, milestones=[1, 3]),
    "Cosine": functools.partial(lr_scheduler.CosineAnnealingLR, T_max=5),
    "Plateau": functools.partial(lr_scheduler.ReduceLROnPlateau, patience=0),
}


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop", "adamw", "adadelta", "lbfgs"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_resumed_equals_uninterrupted(small_model, waves, same_bits, tmp_path, name, schedule):
    options = {"momentum": 0.9} if name == "sgd" else {"max_iter": 2, "history_size": 3} if name == "lbfgs" else {}
    settings = FitSettings(
        epochs=5,
        optimizer=name,
        learning_rate=0.05,
        optimizer_options=options,
        schedule=SCHEDULES[schedule],
        batch_size=2,
    )
    whole = small_model()
    expected = fit(whole, waves(), settings, validation=waves(seed=1))
    # An epoch has three batches, each piece gains two: the pieces begin at and inside epochs.
    model, result = interrupted(small_model, waves(), settings, tmp_path / "run.pt", every=3, validation=waves(seed=1))
    same_bits(model.state_dict(), whole.state_dict())
    assert result.history == expected.history
    assert result.best_epoch == expected.best_epoch


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device and a CUDA build of torch")
def test_resumed_equals_uninterrupted_on_a_gpu(small_model, waves, same_bits, tmp_path):
    settings = FitSettings(epochs=5, learning_rate=0.05, batch_size=2)
    torch.manual_seed(3)
    expected = torch.rand(2, device="cuda")
    torch.manual_seed(3)
    whole = small_model().cuda()
    fit(whole, waves(), settings, validation=waves(seed=1))
    assert torch.equal(torch.rand(2, device="cuda"), expected)

    def make():
        return small_model().cuda()

    model, _ = interrupted(make, waves(), settings, tmp_path / "run.pt", every=3, validation=waves(seed=1))
    same_bits(model.state_dict(), whole.state_dict())


@pytest.mark.parametrize(
    "extra",
    [
        {"truncate": 3, "clip_norm": 0.1},
        {"patience": 2, "min_improvement": 0.001},
        {"schedule": functools.partial(lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=60), "schedule_each": "step"},
    ],
)
def test_resumed_equals_uninterrupted_with(small_model, waves, same_bits, tmp_path, extra):
    settings = FitSettings(epochs=20, learning_rate=0.05, batch_size=2, **extra)
    whole = small_model()
    expected = fit(whole, waves(), settings, validation=waves(seed=1))
    model, result = interrupted(small_model, waves(), settings, tmp_path / "run.pt", every=6, validation=waves(seed=1))
    same_bits(model.state_dict(), whole.state_dict())
    assert (result.history, result.stopped_early) == (expected.history, expected.stopped_early)


def test_a_finished_run_is_not_trained_again(small_model, waves, same_bits, tmp_path):
    settings = FitSettings(epochs=3, batch_size=2)
    first, second, heard = small_model(), nn.Linear(1, 1), []
    expected = fit(first, waves(), settings, validation=waves(seed=1), checkpoint=tmp_path / "run.pt")
    second = small_model()
    again = fit(
        second, waves(), settings, validation=waves(seed=1), checkpoint=tmp_path / "run.pt", callback=heard.append
    )
    same_bits(first.state_dict(), second.state_dict())
    assert again == expected
    assert heard == []


def test_more_epochs_go_on_where_fewer_ended(small_model, waves, same_bits, tmp_path):
    whole, model = small_model(), small_model()
    fit(whole, waves(), FitSettings(epochs=6, batch_size=2))
    fit(model, waves(), FitSettings(epochs=2, batch_size=2), checkpoint=tmp_path / "run.pt")
    longer = small_model()
    fit(longer, waves(), FitSettings(epochs=6, batch_size=2), checkpoint=tmp_path / "run.pt")
    same_bits(longer.state_dict(), whole.state_dict())
    with pytest.raises(CellwrightError, match=r"run\.pt is already at epoch 6, past epochs=5"):
        fit(small_model(), waves(), FitSettings(epochs=5, batch_size=2), checkpoint=tmp_path / "run.pt")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"learning_rate": 0.02}, "settings.learning_rate was 0.01, is now 0.02"),
        ({"seed": 1}, "settings.seed was 0, is now 1"),
        ({"batch_size": 3}, "settings.batch_size was 2, is now 3"),
        ({"optimizer": "adamw"}, "optimizer.class was torch.optim.adam.Adam, is now torch.optim.adamw.AdamW"),
        ({"optimizer_options": {"weight_decay": 0.1}}, "optimizer.options.weight_decay was 0, is now 0.1"),
        ({"schedule": SCHEDULES["StepLR"]}, "schedule was None, is now torch.optim.lr_scheduler.StepLR"),
    ],
)
def test_other_settings_are_refused(small_model, waves, tmp_path, change, says):
    settings = {"epochs": 1, "learning_rate": 0.01, "batch_size": 2}
    fit(small_model(), waves(), FitSettings(**settings), checkpoint=tmp_path / "run.pt")
    with pytest.raises(CellwrightError) as caught:
        fit(small_model(), waves(), FitSettings(**settings | change), checkpoint=tmp_path / "run.pt")
    assert says in str(caught.value)
    assert "run.pt" in str(caught.value)


def test_another_model_other_data_and_another_loss_are_refused(small_model, waves, tmp_path):
    settings, path = FitSettings(epochs=1), tmp_path / "run.pt"
    fit(small_model(), waves(), settings, checkpoint=path)
    frozen = small_model()
    frozen.head.bias.requires_grad_(False)
    for says, call in {
        "model.head.weight": lambda: fit(nn.Linear(1, 1), waves(), settings, checkpoint=path),
        "trained was": lambda: fit(frozen, waves(), settings, checkpoint=path),
        "data was": lambda: fit(small_model(), waves(seed=1), settings, checkpoint=path),
        "validation was": lambda: fit(small_model(), waves(), settings, checkpoint=path, validation=waves()),
        "loss was": lambda: fit(small_model(), waves(), settings, checkpoint=path, loss=nn.functional.l1_loss),
    }.items():
        with pytest.raises(CellwrightError, match=says):
            call()


def test_a_lambda_with_another_rate_is_told_apart(small_model, waves, tmp_path):
    fit(
        small_model(),
        waves(),
        FitSettings(epochs=1, optimizer=lambda p: torch.optim.SGD(p, lr=0.1)),
        checkpoint=tmp_path / "run.pt",
    )
    with pytest.raises(CellwrightError, match=r"optimizer.options.lr was 0\.1, is now 0\.2"):
        fit(
            small_model(),
            waves(),
            FitSettings(epochs=1, optimizer=lambda p: torch.optim.SGD(p, lr=0.2)),
            checkpoint=tmp_path / "run.pt",
        )


def test_a_damaged_checkpoint_is_named_and_left_alone(small_model, waves, tmp_path):
    path = tmp_path / "run.pt"
    fit(small_model(), waves(), FitSettings(epochs=1), checkpoint=path)
    damaged = path.read_bytes()[:-10]
    path.write_bytes(damaged)
    with pytest.raises(CellwrightError, match=r"run\.pt is damaged"):
        fit(small_model(), waves(), FitSettings(epochs=1), checkpoint=path)
    assert path.read_bytes() == damaged


def test_a_state_that_could_not_be_read_back_is_refused_before_training(waves, tmp_path):
    class Odd(torch.optim.SGD):
        def state_dict(self):
            return {**super().state_dict(), "odd": threading.Lock()}

    settings = FitSettings(epochs=1, optimizer=functools.partial(Odd, lr=0.1))
    heard = []
    with pytest.raises(CellwrightError, match="cannot be kept in a checkpoint"):
        fit(nn.Linear(1, 1), waves(), settings, checkpoint=tmp_path / "run.pt", callback=heard.append)
    assert heard == []
    fit(nn.Linear(1, 1), waves(), settings)


def test_control_c_writes_a_checkpoint_between_two_batches(small_model, waves, same_bits, tmp_path):
    settings, path = FitSettings(epochs=4, batch_size=2), tmp_path / "run.pt"
    whole = small_model()
    fit(whole, waves(), settings)
    heard = []

    def control_c(progress):
        heard.append(progress)
        if len(heard) == 5:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(small_model(), waves(), settings, checkpoint=path, seconds_between_checkpoints=1e9, callback=control_c)
    assert len(heard) == 5
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    model = small_model()
    fit(model, waves(), settings, checkpoint=path, callback=heard.append)
    assert len(heard) == 4 * 3
    same_bits(model.state_dict(), whole.state_dict())


def test_a_second_control_c_interrupts_at_once(small_model, waves):
    reached = []

    def impatient(progress):
        signal.raise_signal(signal.SIGINT)
        reached.append("after the first")
        signal.raise_signal(signal.SIGINT)
        reached.append("after the second")

    with pytest.raises(KeyboardInterrupt):
        fit(small_model(), waves(), FitSettings(epochs=4), callback=impatient)
    assert reached == ["after the first"]


def test_a_control_c_that_nobody_acted_on_is_not_lost():
    with pytest.raises(KeyboardInterrupt), DeferredInterrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert interrupt.pending
    with pytest.raises(StopError), DeferredInterrupt():
        signal.raise_signal(signal.SIGINT)
        raise StopError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_threads_handlers_are_left_alone(waves):
    failures = []

    def train():
        try:
            fit(nn.Linear(1, 1), waves(), FitSettings(epochs=2))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert failures == []


def test_a_handler_of_somebody_elses_stays(waves):
    def handler(number, frame):
        pass

    signal.signal(signal.SIGINT, handler)
    try:
        fit(nn.Linear(1, 1), waves(), FitSettings(epochs=1))
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


KILLED = """
    import json, os, random, signal, sys, time
    import torch
    from torch import nn
    from cellwright.learning import FitSettings, SequenceData, fit

    torch.set_num_threads(1)
    folder = sys.argv[1]

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent, self.dropout, self.head = nn.LSTM(1, 8, batch_first=True), nn.Dropout(0.2), nn.Linear(8, 1)
        def forward(self, x, state=None):
            hidden, state = self.recurrent(x, state)
            return self.head(self.dropout(hidden)), state

    def train(checkpoint, end):
        torch.manual_seed(0)
        wave = torch.sin(0.3 * torch.arange(21) + torch.rand(12, 1))[..., None]
        data, model = SequenceData(wave[:, :-1], wave[:, 1:]), Model()
        settings = FitSettings(epochs=30, batch_size=3, truncate=5, learning_rate=0.01)
        result = fit(model, data, settings, validation=data, checkpoint=checkpoint, seconds_between_checkpoints=0)
        torch.save({"weights": model.state_dict(), "loss": torch.tensor(result.history.train)}, end)

    def in_child(kill_after=None):
        # One import of torch serves all children, so that the kill falls into the training.
        child = os.fork()
        if child == 0:
            train(f"{folder}/run.pt", f"{folder}/killed.pt")
            os._exit(0)
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(child, signal.SIGKILL)
        return os.waitpid(child, 0)[1]

    if sys.argv[2] == "whole":
        train(None, f"{folder}/whole.pt")
    else:
        draw, kills = random.Random(int(sys.argv[2])), 0
        while kills < 8 and in_child(draw.uniform(0.02, 0.25)) != 0:
            kills += 1
        print(json.dumps({"kills": kills, "status": in_child()}))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork; run on Linux or macOS")
def test_killed_at_random_moments_ends_with_the_same_bits(tmp_path, same_bits):
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(KILLED))

    def run(mode):
        return subprocess.run(
            [sys.executable, str(script), str(tmp_path), mode], capture_output=True, text=True, timeout=120, check=True
        ).stdout

    run("whole")
    told = json.loads(run("1"))
    assert told["kills"] >= 4, told
    assert told["status"] == 0
    whole, killed = (torch.load(tmp_path / name, weights_only=True) for name in ("whole.pt", "killed.pt"))
    same_bits(whole["weights"], killed["weights"])
    assert torch.equal(whole["loss"], killed["loss"])
