"""Another thread stops, pauses and steers a training run between two chunks."""

import threading
from contextlib import closing

import numpy as np
import pytest
import tensorflow as tf

import descenso as ds
from descenso.config import TrainConfig
from descenso.data.order import epoch_order
from descenso.errors import CheckpointError, ConfigError
from descenso.training.control import Callback, Control, Outcome
from descenso.training.loop import walk
from descenso.training.plan import ENGINES, Plan, bind

SETTINGS = {"model": "softmax", "epochs": 4, "batch_size": 50, "learning_rate": 0.2, "dtype": "float64"}


class AtEpoch(Callback):
    """Call `command` after epoch number `number`."""

    def __init__(self, number, command):
        self.number, self.command = number, command

    def on_epoch(self, epoch):
        if epoch.epoch == self.number:
            self.command()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_rate_changes_without_a_new_trace(engine, schedule, tiny):
    """A rate changed after two epochs gives the same result as a state with the new rate."""
    plan, control = Plan.of(TrainConfig.of(engine=engine, schedule=schedule, **SETTINGS), tiny), Control()
    with closing(plan.bind()) as runner:
        traces = runner.traces
        changes = []
        for progress in walk(plan, runner, control=control):
            changes += [progress.changed] if progress.changed else []
            if progress.ended and progress.ended.epoch == 1:
                control.change_rate(0.05)
        assert runner.traces == traces
        state = plan.start()
        for epoch in range(4):
            rate = tf.constant(0.2 if epoch < 2 else 0.05, tf.float64)
            [(state, _trace)] = runner.walk(state._replace(rate=rate), [plan.order(epoch)])
        assert runner.traces == traces
    assert changes == [(2, 0, 0.05)]
    assert float(progress.state.rate) == 0.05
    for name, value in state.params.items():
        np.testing.assert_array_equal(progress.state.params[name], value)
    assert not np.array_equal(progress.state.params["b"], unsteered(plan).params["b"])


def unsteered(plan):
    with closing(plan.bind()) as runner:
        return [progress.state for progress in walk(plan, runner)][-1]


def test_another_rate_compiles_nothing(tiny):
    """Runs that differ in rate, seed and data share one program; another rule has another program."""
    orders = [epoch_order("permutation", 203, 50, 0, 0)]
    plans = [Plan.of(TrainConfig.of(**{**SETTINGS, "learning_rate": rate, "seed": i}), tiny)
             for i, rate in enumerate((0.1, 0.2, 0.3))]  # fmt: skip
    plans.append(Plan.of(TrainConfig.of(rule="momentum", **SETTINGS), tiny))
    runners = [bind("compiled", plan.problem, plan.train, plan.batch_rows) for plan in plans]
    costs = []
    for plan, runner in zip(plans, runners, strict=True):
        [(_state, trace)] = runner.walk(plan.start(), orders)
        costs.append(tuple(trace.costs))
        runner.close()
    first, *others, other_rule = (runner._program for runner in runners)
    assert all(program is first for program in others)
    assert other_rule is not first
    assert len(set(costs)) == len(costs)


def test_a_steered_run_records_it_and_resumes_at_its_rate(tiny, tmp_path):
    control, path = Control(), tmp_path / "run"
    steered = ds.train(
        tiny, out=path, control=control, callbacks=[AtEpoch(1, lambda: control.change_rate(0.05))], **SETTINGS
    )
    assert steered.history.changes == ((2, 0, 0.05),)
    stopped, part = Control(), tmp_path / "part"

    def steer_and_stop():
        stopped.change_rate(0.05)
        stopped.stop()

    first = ds.train(tiny, out=part, control=stopped, callbacks=[AtEpoch(2, steer_and_stop)], **SETTINGS)
    assert (first.outcome, first.history.changes) == ("interrupted", ((3, 0, 0.05),))

    again, third = Control(), tmp_path / "third"
    ds.train(tiny, out=third, control=again, callbacks=[
        AtEpoch(1, lambda: again.change_rate(0.05)), AtEpoch(2, again.stop)], **SETTINGS)  # fmt: skip
    resumed = ds.resume(third, data=tiny)
    assert resumed.history.changes == ((2, 0, 0.05),)
    assert resumed.status["fingerprint"] == steered.status["fingerprint"]
    assert resumed.history.costs == steered.history.costs


def test_stopped_from_another_thread(tiny, tmp_path):
    control = Control()
    threading.Timer(0.5, control.stop).start()
    run = ds.train(tiny, out=tmp_path / "run", control=control, engine="eager", **{**SETTINGS, "epochs": 10**6})
    assert (run.outcome, run.status["signal"]) == ("interrupted", None)
    done = len(run.history.epochs)
    assert 0 < done < 10**6
    assert ds.resume(run.path, data=tiny, epochs=done + 1).outcome == "completed"


def test_paused_until_go_on_is_called(tiny):
    plan, control = Plan.of(TrainConfig.of(engine="function", **SETTINGS), tiny), Control()
    ended, outcomes, second = [], [], threading.Event()

    def train():
        with closing(plan.bind()) as runner:
            for progress in walk(plan, runner, control=control):
                ended.extend([progress.ended] if progress.ended else [])
                if len(ended) == 2:
                    control.pause()
                    second.set()
                outcomes.append(progress.outcome)

    thread = threading.Thread(target=train)
    thread.start()
    assert second.wait(60)
    thread.join(0.3)
    assert (thread.is_alive(), len(ended)) == (True, 2)
    control.go_on()
    thread.join(60)
    assert (len(ended), outcomes[-1]) == (4, Outcome.COMPLETED)


def test_stopped_while_paused(tiny):
    plan, control = Plan.of(TrainConfig.of(engine="function", **SETTINGS), tiny), Control()
    with closing(plan.bind()) as runner:
        for progress in walk(plan, runner, control=control):
            if progress.position == (2, 0) and progress.outcome is None:
                control.pause()
                threading.Timer(0.2, control.stop).start()
    assert (progress.outcome, progress.position, progress.ended) == (Outcome.INTERRUPTED, (2, 0), None)


def test_a_pause_after_the_last_chunk_ends_nothing_later(tiny):
    plan, control = Plan.of(TrainConfig.of(engine="function", **SETTINGS), tiny), Control()
    with closing(plan.bind()) as runner:
        for progress in walk(plan, runner, control=control):
            if progress.outcome:
                control.pause()
    assert progress.outcome is Outcome.COMPLETED


def test_a_stop_outlasts_a_pause_and_a_rate_is_taken_once():
    control = Control()
    control.stop(2)
    control.pause()
    assert (control._wait(), control.stopped, control.signal) == (True, True, 2)
    control.change_rate(0.5)
    assert (control._take_rate(), control._take_rate()) == (0.5, None)


@pytest.mark.parametrize("commands", ["change, stop", "pause, change, stop"])
def test_a_rate_that_was_changed_before_the_stop_is_kept(commands, tiny):
    """A resume continues at the new rate."""
    plan, control = Plan.of(TrainConfig.of(engine="function", **SETTINGS), tiny), Control()
    with closing(plan.bind()) as runner:
        for progress in walk(plan, runner, control=control):
            if progress.position == (2, 0) and progress.outcome is None:
                if "pause" in commands:
                    control.pause()
                control.change_rate(0.123)
                control.stop()
    assert (progress.outcome, float(progress.state.rate)) == (Outcome.INTERRUPTED, 0.123)
    assert progress.changed == (2, 0, 0.123)


def test_a_steered_rate_is_set_back_by_force_only(tiny, tmp_path):
    control = Control()
    ds.train(tiny, out=tmp_path / "run", control=control, callbacks=[AtEpoch(1, lambda: control.change_rate(0.05))],
             **SETTINGS)  # fmt: skip
    with pytest.raises(CheckpointError, match=r"changed: learning rate: 0.05 → 0.2; try --force"):
        ds.resume(tmp_path / "run", data=tiny, epochs=5, learning_rate=0.2)
    resumed = ds.resume(tmp_path / "run", data=tiny, epochs=5, learning_rate=0.2, force=True)
    assert resumed.history.changes == ((2, 0, 0.05), (4, 0, 0.2))
    assert resumed.status["exact"] is False


def test_a_forced_resume_of_a_complete_run_can_be_resumed_again(tiny, tmp_path):
    ds.train(tiny, out=tmp_path / "run", **SETTINGS)
    ds.resume(tmp_path / "run", data=tiny, learning_rate=0.3, force=True)
    resumed = ds.resume(tmp_path / "run", data=tiny, epochs=5)
    assert (resumed.outcome, resumed.config.learning_rate) == ("completed", 0.3)
    assert resumed.history.changes == ((4, 0, 0.3),)


@pytest.mark.parametrize("rate", [-1.0, 0, float("nan"), float("inf"), "x", None])
def test_an_invalid_rate_is_refused_at_once(rate):
    control = Control()
    with pytest.raises(ConfigError, match=r"^learning_rate must be a number in \(0, inf\), got "):
        control.change_rate(rate)
    assert control._take_rate() is None


def test_stopped_before_the_first_step(tiny, tmp_path):
    control = Control()
    control.stop()
    run = ds.train(tiny, out=tmp_path / "run", control=control, **SETTINGS)
    assert run.outcome == "interrupted"
    assert len(run.history.costs) < SETTINGS["epochs"]
    assert run.resume().outcome == "completed"


def test_a_method_that_is_never_called_is_refused(tiny, tmp_path):
    class OfKeras(Callback):
        def on_epoch_end(self, epoch, logs):
            raise AssertionError

    with pytest.raises(ConfigError, match=r"on_epoch_end, which is never called \(did you mean 'on_epoch'\?\); the "):
        ds.train(tiny, out=tmp_path / "run", callbacks=[OfKeras()], **SETTINGS)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("engine", ENGINES)
def test_one_step_and_one_epoch_end_exactly_there(engine, tiny):
    """It gives the same numbers as a run without a pause."""
    plan, control = Plan.of(TrainConfig.of(engine=engine, **SETTINGS), tiny), Control()
    commands = iter(["one_step", "one_step", "one_epoch", "one_epoch", "one_step", "go_on"])
    control.one_step()
    paused = []
    with closing(plan.bind()) as runner:
        for progress in walk(plan, runner, control=control):
            if control.paused:
                paused.append(progress.position)
                getattr(control, next(commands))()
    assert paused == [(0, 1), (0, 2), (0, 3), (1, 0), (2, 0), (2, 1)]
    assert progress.outcome is Outcome.COMPLETED
    for name, value in unsteered(plan).params.items():
        np.testing.assert_array_equal(progress.state.params[name], value)


def test_a_changed_rate_does_not_lose_the_end_of_the_epoch(tiny):
    plan, control = Plan.of(TrainConfig.of(engine="function", checkpoint_every="1", **SETTINGS), tiny), Control()
    control.one_epoch()
    with closing(plan.bind()) as runner:
        for progress in walk(plan, runner, control=control):
            if progress.position == (0, 2) and not progress.changed:
                control.change_rate(0.1)
            if control.paused:
                break
    assert progress.position == (1, 0)
    assert float(progress.state.rate) == 0.1


def test_chunks_are_as_long_as_the_control_says(tiny):
    """Cutting an epoch into chunks changes no number; shorter chunks are more in number."""
    plan, ends = Plan.of(TrainConfig.of(engine="eager", **{**SETTINGS, "epochs": 40}), tiny), {}
    for seconds in (1e-9, 1e9):
        with closing(plan.bind()) as runner:
            walked = list(walk(plan, runner, control=Control(chunk_seconds=seconds)))
        ends[seconds] = len(walked), np.asarray(walked[-1].state.params["W"])
    assert ends[1e-9][0] > 4 * ends[1e9][0]
    np.testing.assert_array_equal(ends[1e-9][1], ends[1e9][1])


def test_an_undo_goes_back_to_the_newest_checkpoint_before(tiny, tmp_path):
    """The undone steps leave no trace in the history or the weights of the run."""
    control, seen = Control(), []

    class Undo(Callback):
        def on_chunk(self, progress, problem):
            seen.append((*progress.position, float(progress.state.rate)))
            if seen.count((2, 2, 0.2)) == 1 and progress.position == (2, 2):
                control.one_step()
            elif progress.position == (2, 3) and control.paused:
                control.change_rate(5.0)
                control.one_step()
            elif progress.position == (2, 4) and control.paused:
                control.undo()
            elif progress.position == (2, 2):
                assert control.paused
                control.go_on()

    given = {"checkpoint_every": 2, **SETTINGS}
    run = ds.train(tiny, out=tmp_path / "run", control=control, callbacks=[Undo()], **given)
    plain = ds.train(tiny, out=tmp_path / "plain", **given)
    place = seen.index((2, 4, 5.0))
    assert seen[place - 2 : place + 2] == [(2, 3, 0.2), (2, 3, 5.0), (2, 4, 5.0), (2, 2, 0.2)]
    assert (run.outcome, run.history.changes) == ("completed", ())
    assert run.history.costs == plain.history.costs
    assert run.status["fingerprint"] == plain.status["fingerprint"]
