"""The lab with its training process: steering, undo, faults and their removal, killed processes, existing runs."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import descenso as ds
import strokes
from descenso.errors import ConfigError
from descenso.lab.faults import FAULTS
from descenso.lab.lab import Lab
from descenso.lab.protocol import Limits, Settings, Source
from descenso.lab.rates import Span
from descenso.lab.wording import CHECKPOINT_EVERY
from descenso.runs.directory import open_directory

pytestmark = pytest.mark.slow  # the training processes start TensorFlow

MORE = Limits(processes=9)  # more than one, since tests share some
SECONDS = 240  # for a busy machine; on a quiet one each wait takes a few


@pytest.fixture(scope="module")
def of_tiny(tiny_folder, tmp_path_factory):
    with Lab(Source(str(tiny_folder)), tmp_path_factory.mktemp("tiny") / "runs", MORE) as lab:
        assert (lab.view.state, lab.view.progress != "") == ("starting", True)
        assert ready(lab).state == "ready"
        yield lab


@pytest.fixture
def lab(of_tiny):
    """A training process that tests share, without an active run or a message."""
    of_tiny.stop()
    until(of_tiny, lambda view: view.state == "failed" or (view.state in ("ready", "ended") and not view.message))
    return of_tiny


@pytest.fixture(scope="module")
def of_mnist(tmp_path_factory):
    with Lab(Source(), tmp_path_factory.mktemp("mnist") / "runs", MORE) as lab:
        ready(lab)
        yield lab


def settings(lab, **given):
    return Settings.of(**{"data": lab.view.settings.data, "batch_size": 20, "learning_rate": 0.1, "epochs": 5, **given})


def until(lab, holds, what=""):
    """Wait for a view for which `holds` is true, and return it."""
    end, view = time.monotonic() + SECONDS, lab.view
    while not holds(view):
        assert time.monotonic() < end, (what, view._replace(curves=(), pictures=None, mistakes=()))
        view = lab.wait(view.number, 1.0)
    return view


def ended(lab):
    return until(lab, lambda view: view.state == "ended", "ended")


def ready(lab):
    return until(lab, lambda view: view.state != "starting", "ready")


def begun(lab, settings):
    """Start a run, wait until the view shows it, and return the view."""
    before = lab.view.run
    lab.start(settings)
    return until(lab, lambda view: view.run not in (before, None), "begun")


def paused_at(lab, epoch, step):
    return until(lab, lambda view: view.state == "paused" and (view.epoch, view.step) == (epoch, step), (epoch, step))


def plain(tiny_folder, tmp_path, **given):
    """Train with the same settings, without a lab."""
    usual = {
        "model": "softmax",
        "batch_size": 20,
        "learning_rate": 0.1,
        "epochs": 5,
        "validation_size": 0.1,
        "checkpoint_every": CHECKPOINT_EVERY,
    }
    return ds.train(str(tiny_folder), out=tmp_path / "plain", **{**usual, **given})


def test_a_run_with_pages_is_one_without(lab, tiny_folder, tmp_path):
    view = begun(lab, settings(lab))
    assert (view.train_rows, view.test_rows, view.input_shape) == (203, 61, (8, 8))
    while lab.view.state != "ended":  # like a page that shows everything
        lab.opened(3)
        lab.wait(lab.view.number, 0.05)
    view = until(lab, lambda view: view.state == "ended" and view.confusion is not None and len(view.norms))
    run = ds.open_run(view.run)
    assert (run.outcome, run.history.changes, view.steered) == ("completed", (), False)
    assert run.status["fingerprint"] == plain(tiny_folder, tmp_path).status["fingerprint"]
    assert view.confusion.sum() == 61
    assert view.accuracy == run.test_accuracy == view.confusion.trace() / 61
    curve = view.curves[-1]
    assert (len(curve.steps), curve.epochs, len(curve.validation)) == (5 * 10, tuple(run.history.costs), 5)
    assert (view.pictures.kind, view.pictures.images.shape) == ("templates", (4, 8, 8))
    assert view.command.startswith("descenso train --data ")
    again = ds.train(**_called(view.python, tmp_path))
    assert again.status["fingerprint"] == run.status["fingerprint"]


def _called(python, tmp_path):
    """Return the settings in the Python code that the view shows."""
    given = {}
    line = next(line for line in python.splitlines() if "ds.train" in line)
    keep = {"keep": lambda data, **rest: given.update(rest, data=data)}
    exec(line.replace("ds.train(", "keep(").replace("run = ", ""), keep)  # noqa: S102 - code written by the lab
    return {**given, "out": tmp_path / "again"}


def test_steering_step_by_step_and_the_replay(lab, tmp_path):
    first = begun(lab, settings(lab, epochs=4)).run
    lab.reset()
    until(lab, lambda view: view.run not in (first, None))
    paused_at(lab, 0, 0)
    lab.one_step()
    view = paused_at(lab, 0, 1)
    assert len(view.curves[-1].steps) == 1
    assert view.pictures.scale > 0
    lab.change_rate(0.3)
    lab.one_step()
    paused_at(lab, 0, 2)
    lab.one_epoch()
    view = paused_at(lab, 1, 0)
    assert (view.rate, view.steered, view.changes[0][:3]) == (0.3, True, (0, 1, "learning_rate"))
    lab.one_epoch()
    paused_at(lab, 2, 0)
    lab.undo()
    view = until(lab, lambda view: any(change.what == "undo" for change in view.changes))
    lab.go_on()
    view = ended(lab)
    run = ds.open_run(view.run)
    assert (view.outcome, len(run.history.costs)) == ("completed", 4)
    assert run.replay(tmp_path / "again").equal
    with pytest.raises(ConfigError, match=r"^learning_rate must be a number in \(0, inf\), got -1"):
        lab.change_rate(-1)
    lab.go_on()
    assert until(lab, lambda view: view.message).message == "The run has ended; undo goes back, or start another one."


def test_undo_after_a_run_diverged_leads_to_a_healthy_one(lab):
    begun(lab, settings(lab, model="mlp", rule="sgd", learning_rate=0.1, epochs=400))
    until(lab, lambda view: view.epoch >= 1)
    lab.change_rate(1e35)
    view = ended(lab)
    assert (view.outcome, np.isnan(view.curves[-1].costs[-1])) == ("diverged", True)
    lab.undo()
    view = until(lab, lambda view: view.state == "paused" and view.changes[-1].what == "undo")
    assert not np.isnan(view.curves[-1].costs).any()
    lab.change_rate(0.1)
    lab.one_epoch()
    until(lab, lambda after: after.state == "paused" and after.epoch == view.epoch + 1)


LARGE = ["rate-too-high", "naive-log"]  # faults of a rate that is large for the rule


@pytest.mark.parametrize(
    ("model", "rule", "faults"),
    [("softmax", "sgd", list(FAULTS)), ("mlp", "lion", LARGE), ("cnn", "sgd", ["pixels-unscaled", *LARGE])],
)
def test_every_planted_fault_is_found(of_mnist, model, rule, faults):
    """On MNIST each fault is found by the check that the table names; then the healthy run continues. cnn, which
    normalises each batch, does not suffer from three of them: they are planted in mlp.
    """
    rate = 0.1 if model == "softmax" else 1e-4
    begun(of_mnist, Settings.of(model=model, rule=rule, learning_rate=rate, epochs=10_000))
    until(of_mnist, lambda view: view.step >= 20 or view.epoch >= 1)
    for fault in faults:
        planted = FAULTS[fault]
        of_mnist.break_it(fault)
        found = lambda view: (view.settings.fault, planted.rule) in [(fault, each.rule) for each in view.findings]  # noqa: B023, E731
        view = until(of_mnist, found, fault)
        assert fault != "naive-log" or view.epoch <= (model == "cnn"), "the page waits for this run to diverge"
        assert view.settings.model == ("mlp" if model == "cnn" or fault == "zero-start" else model)
        assert fault not in LARGE or view.curves[-1].name.startswith(f"mnist-{view.settings.model}-{fault}-0")
        assert (view.settings.rule, fault in LARGE) == (rule, view.settings.learning_rate > 10 * rate)
        of_mnist.heal()
        view = until(of_mnist, lambda view: view.state == "running" and not view.settings.fault)
        assert (view.changes[-1].what, view.changes[-1].old) == ("heal", fault)


def test_healing_gives_the_same_bytes_as_a_run_without_a_fault(lab, tiny_folder, tmp_path):
    begun(lab, settings(lab, epochs=300))
    lab.pause()
    until(lab, lambda view: view.state == "paused")
    lab.one_epoch()
    view = until(lab, lambda view: view.state == "paused" and view.epoch >= 1)
    healthy, lab_command = view.run, view.command
    lab.break_it("sorted-rows")
    view = until(lab, lambda view: view.settings.fault and view.findings and view.run)
    assert "buffer-on-sorted" in [finding.rule for finding in view.findings]
    assert [change.what for change in view.changes] == ["fault"]
    assert view.command == lab_command
    lab.heal()
    view = until(lab, lambda view: view.state == "ended" and not view.settings.fault)
    assert [change.what for change in view.changes] == ["heal"]
    assert [curve.name for curve in view.curves][-2:] == ["tiny-softmax-sorted-rows-001", healthy.name]
    run, expected = ds.open_run(view.run), plain(tiny_folder, tmp_path, epochs=300)
    assert (run.outcome, run.history.costs) == ("completed", expected.history.costs)
    assert run.status["fingerprint"] == expected.status["fingerprint"]


def test_an_unknown_fault_and_settings_that_do_not_fit(lab):
    lab.break_it("none-such")
    message = until(lab, lambda view: view.message).message
    assert message.startswith("there is no fault 'none-such'; the faults are rate-too-high, ")
    with pytest.raises(ConfigError, match=r"^epochs must be a whole number in \[1, inf\), got 0"):
        lab.start(Settings(epochs=0))
    lab.start(settings(lab, batch_size=10_000))
    until(lab, lambda view: "batch_size" in view.message)
    lab.start(Settings(data="/etc/passwd"))
    until(lab, lambda view: view.message.startswith("data must be "))


def test_a_killed_training_process_is_reported_and_replaced(lab):
    begun(lab, settings(lab, epochs=10**6))
    until(lab, lambda view: view.epoch >= 1)
    lab._process.kill()
    view = until(lab, lambda view: view.state == "failed")
    assert view.message.startswith("The training process has ended (-9): ")
    assert lab.opened(0) is None
    assert lab.recognise(np.full((28, 28), 255, np.uint8)) is None
    begun(lab, settings(lab, epochs=1))
    view = ended(lab)
    assert (view.outcome, view.epoch) == ("completed", 1)


SERVER = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # below nohup it is ignored
from pathlib import Path
from descenso.lab.lab import Lab
from descenso.lab.protocol import Settings, Source
lab = Lab(Source(sys.argv[1]), Path(sys.argv[2]))
lab.start(Settings.of(data=sys.argv[1], epochs=10**6, batch_size=20))
while lab.view.epoch < 1:
    time.sleep(0.1)
print(lab.view.run, lab._process.pid, flush=True)
time.sleep(600)
"""


def test_a_run_is_saved_when_the_server_dies(tiny_folder, tmp_path):
    """It is killed, or its terminal is closed, which is a signal to all processes of the group."""
    endings = {signal.SIGKILL: os.kill, signal.SIGHUP: os.killpg}
    commands = [[sys.executable, "-c", SERVER, tiny_folder, tmp_path / ending.name] for ending in endings]
    servers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) for command in commands
    ]
    trained = [server.stdout.readline().split() for server in servers]
    for server, (ending, send) in zip(servers, endings.items(), strict=True):
        with server:  # first end both, so that none is left if the test fails
            send(server.pid, ending)
    for (path, trainer), ending in zip(trained, endings, strict=True):
        end = time.monotonic() + SECONDS
        while _alive(int(trainer)):
            assert time.monotonic() < end, "the training process goes on"
            time.sleep(0.1)
        run = ds.open_run(path)
        assert run.outcome == "interrupted"
        assert run.test_accuracy is not None
        assert run.replay(tmp_path / f"{ending.name} again").equal


def _alive(process):
    status = Path(f"/proc/{process}/stat")
    if not status.parent.parent.exists():
        os.kill(process, 0)
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_closing_saves_the_run_and_makes_room_for_another_process(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("descenso.lab.lab._running", set())  # do not count those that tests share
    one = Limits(processes=1)
    with Lab(Source(str(tiny_folder)), tmp_path / "runs", one) as lab:
        with pytest.raises(ConfigError, match=r"^1 lab is open in this process, and more are not allowed; close it"):
            Lab(Source(), tmp_path, one)
        ready(lab)
        view = begun(lab, settings(lab, epochs=10**6))
    assert lab._process.poll() is not None
    assert ds.open_run(view.run).outcome == "interrupted"
    lab.close()
    with Lab(Source(str(tmp_path / "none.csv")), tmp_path / "runs", one) as another:
        assert "none.csv" in until(another, lambda view: view.state == "failed").message


class Slowly(ds.Callback):
    """Pause after each epoch, so that other processes can work."""

    def on_epoch(self, epoch):
        time.sleep(0.1)


def test_a_run_that_another_process_writes_is_followed(tiny_folder, tmp_path):
    """This process trains the run, not the lab's training process."""
    control, given = ds.Control(), {"epochs": 10**6, "batch_size": 20, "checkpoint_every": "0.5s"}
    steering = {"control": control, "callbacks": [Slowly()]}
    with ThreadPoolExecutor() as pool:
        training = pool.submit(ds.train, str(tiny_folder), out=tmp_path / "run", **given, **steering)
        try:
            while not (tmp_path / "run" / "history.jsonl").exists():
                assert not training.done(), training.result()
                time.sleep(0.1)
            with Lab(Source(None, tmp_path / "run"), tmp_path / "runs", MORE) as lab:
                view = until(lab, lambda view: view.state == "running" and view.epoch >= 1 and view.pictures.scale > 0)
                assert view.read_only
                later = until(lab, lambda after: after.epoch > view.epoch)
                assert len(later.curves[0].epochs) >= later.epoch
                lab.one_step()
                assert "another process" in until(lab, lambda view: view.message).message
                control.stop()
                view = ended(lab)
                assert view.outcome == "interrupted"
                assert lab.opened(3) is not None
        finally:
            control.stop()
    assert not (tmp_path / "runs").exists()


def test_a_finished_run_and_a_table_are_opened(tmp_path):
    rows = "\n".join(f"{i % 7},{i % 5},{'a' if i % 7 > 3 else 'b'}" for i in range(200))
    table = tmp_path / "table.csv"
    table.write_text("x,y,kind\n" + rows)
    run = ds.train(str(table), label="kind", model="softmax", epochs=3, out=tmp_path / "run")
    with Lab(Source(None, run.path), tmp_path / "runs", MORE) as lab:
        view = until(lab, lambda view: view.state == "ended" and view.confusion is not None)
        assert (view.epoch, view.outcome, view.class_names, view.pictures.kind) == (3, "completed", ("a", "b"), "")
        assert view.curves[0].epochs == tuple(run.history.costs)
        assert view.confusion.trace() / view.confusion.sum() == run.test_accuracy
        opened = lab.opened(0)
        assert opened.contributions.shape == (2, 2)
        lab.start(settings(lab, epochs=2))
        view = until(lab, lambda view: view.state == "ended" and not view.read_only)
        assert ds.open_run(view.run).config.label == "kind"


def test_the_race_ends_with_equal_costs_and_a_reason(lab):
    lab.race(settings(lab, epochs=100))  # the race trains three of them
    view = until(lab, lambda view: (view.race is not None and view.race.done) or view.message, "race")
    race = view.race
    assert (view.message, [lane.engine for lane in race.lanes]) == ("", ["graph", "eager", "function", "compiled"])
    assert {lane.state for lane in race.lanes} == {"done"}
    assert all(len(lane.costs) == race.epochs == 3 and lane.seconds > 0 for lane in race.lanes)
    assert max(lane.difference for lane in race.lanes) <= race.tolerance == 1e-9
    assert len(race.reason) >= 3


def test_drawn_digits_are_recognised(of_mnist):
    """An MLP trained for ten epochs recognises at least 90 % of the neat and of the shaky digits."""
    begun(of_mnist, Settings.of(model="mlp", epochs=10))
    ended(of_mnist)
    right = {"shaky": [], "neat": []}
    for name, digit, canvas in strokes.cases():
        seen = of_mnist.recognise(canvas)
        assert seen.class_names[seen.predicted] == str(seen.predicted)
        assert seen.probabilities.sum() == pytest.approx(1, abs=1e-5)
        right["shaky" if "shaky" in name else "neat"].append(seen.predicted == digit)
    assert of_mnist.recognise(np.zeros((280, 280), np.uint8)) is None
    assert min(np.mean(each) for each in right.values()) >= 0.9, {hand: np.mean(each) for hand, each in right.items()}


def test_a_pause_is_shown_once_no_step_is_taken(tiny):
    """The chunk during which the user pauses is completed first."""
    from descenso.lab.jobs import Shown
    from descenso.lab.steering import Steering
    from descenso.runs.checkpoints import Position
    from descenso.training.control import Control, Progress

    steering, control = Steering(Source(), Path(), Limits(), tiny, Settings()), Control()
    steering.shown = shown = Shown(Settings(), control)
    shown.active, shown.watched.progress = True, Progress(Position(0, 3), None, np.empty(3), 0.0)
    shown.watched.preparing = False  # a chunk is in progress
    control.pause()
    assert steering.view().state == "running"
    waiting = threading.Thread(target=control._wait)  # training waits like this at the end of a chunk
    waiting.start()
    try:
        end = time.monotonic() + SECONDS
        while steering.view().state != "paused":
            assert time.monotonic() < end
        control.one_step()
        assert steering.view().state == "running"
    finally:
        control.stop()
        waiting.join()


def test_a_run_that_is_being_prepared_is_not_shown_as_training(tiny, monkeypatch):
    """Before the first step, and when the run is resumed, progress is shown instead; pausing works meanwhile."""
    from descenso.lab.jobs import Shown
    from descenso.lab.steering import Steering
    from descenso.runs.checkpoints import Position
    from descenso.training.control import Control, Progress

    steering, shown = Steering(Source(), Path(), Limits(), tiny, Settings()), Shown(Settings(), Control())
    steering.shown, shown.active = shown, True
    assert (steering.view().state, steering.view().progress != "") == ("running", True)
    monkeypatch.setattr(shown.watched.recorded, "add", lambda step, params: None)  # this progress has no parameters
    shown.watched.on_chunk(Progress(Position(0, 3), None, np.empty(3), 0.0), None)
    assert (steering.view().state, steering.view().progress) == ("running", "")
    shown.active, shown.watched.outcome = False, "interrupted"
    steering.go_on()  # the job is queued for the main thread
    assert (steering.view().state, steering.view().progress != "") == ("running", True)
    steering.pause()
    assert steering.view().state == "paused"


def test_a_run_that_is_paused_for_long_is_saved(tiny_folder, tmp_path):
    with Lab(Source(str(tiny_folder)), tmp_path / "runs", MORE._replace(idle_seconds=0.5)) as lab:
        ready(lab)
        lab.one_step()
        view = ended(lab)
        assert (view.outcome, view.step) == ("interrupted", 1)
        assert until(lab, lambda view: view.message).message.startswith("The run was paused for a long time")
        lab.one_step()
        until(lab, lambda view: (view.epoch, view.step) == (1, 0))  # an epoch has two steps


def swept(lab, model, span, stop=False):
    """Train a sweep in the lab, to its end or until it reports progress; return its last state."""
    number = lab.view.rates.number if lab.view.rates else 0
    lab.sweep(settings(lab, model=model), span)
    if stop:
        until(lab, lambda view: view.rates and view.rates.number > number and view.rates.share > 0)
        lab.stop()
    return until(lab, lambda view: view.rates and view.rates.number > number and not view.rates.going, "swept").rates


def test_a_sweep_of_the_lab_is_that_of_python(lab, tiny_folder, tmp_path):
    """Compared are costs, divergence, accuracies, best lane and templates; the largest rate is infinite in float32."""
    begun(lab, settings(lab, epochs=100_000))
    rates = swept(lab, "softmax", Span(0.1, 1e39, 4, 3))
    given = {"model": "softmax", "batch_size": 20, "epochs": 3, "validation_size": 0.1}
    expected = ds.sweep(str(tiny_folder), learning_rates="0.1..1e39:4", out=tmp_path / "sweep", **given)
    assert (rates.state, rates.share, rates.best) == ("done", 1.0, expected.best)
    assert lab.view.outcome == "interrupted"  # the previous run is saved, and can be resumed
    records = [expected.records[number] for number in range(4)]
    assert [lane.diverged_at for lane in rates.lanes] == [record.diverged_at for record in records]
    assert rates.lanes[-1].diverged_at is not None
    for lane, record in zip(rates.lanes, records, strict=True):
        np.testing.assert_array_equal(lane.costs, record.costs)
        np.testing.assert_array_equal(lane.validation_costs, record.validation_costs)
        np.testing.assert_equal(lane.accuracy, np.nan if record.test_accuracy is None else record.test_accuracy)
        assert lane.score == record.score
    again = ds.open_sweep(rates.path)
    assert [again.records[number].fingerprint for number in range(4)] == [record.fingerprint for record in records]
    run = ds.train(str(tiny_folder), learning_rate=0.1, out=tmp_path / "run", **given)
    first = rates.templates[0]
    assert (first.rate, first.images.shape) == (0.1, (4, 8, 8))
    np.testing.assert_allclose(first.images * first.scale, run.weights["W"].T.reshape(4, 8, 8), rtol=1e-4, atol=1e-6)


def test_a_sweep_that_was_stopped_goes_on(lab):
    rates = swept(lab, "mlp", Span(0.01, 1.0, 16, 10), stop=True)
    done = ds.open_sweep(rates.path).records
    assert rates.state == "stopped"
    assert rates.best is None
    assert len(done) < 16
    found = ds.resume_sweep(rates.path, verify="none")
    assert len(found.records) == 16
    assert {number: found.records[number] for number in done} == done


def surveyed(lab, number=0):
    return until(lab, lambda view: view.plane and view.plane.number > number and view.plane.state != "computing").plane


def test_the_landscape_follows_the_run(lab):
    """The cost shown at the newest position is that of the saved weights."""
    lab.reset()
    lab.start(settings(lab, epochs=100_000, learning_rate=0.01))
    until(lab, lambda view: view.state == "running" and view.epoch > 3)
    lab.landscape()
    plane = surveyed(lab)
    assert plane.state == "done"
    assert plane.steps[0] == 0
    assert plane.costs[0] == pytest.approx(np.log(4), rel=1e-6)  # weights of zero, four classes
    assert 0 < plane.explained <= 1
    assert plane.rows == 182  # a tenth is for validation
    until(lab, lambda view: len(view.plane.steps) > view.plane.known, "followed")
    lab.stop()
    view = ended(lab)
    taken = view.epoch * view.steps_per_epoch + view.step
    plane = until(lab, lambda view: view.plane.steps[-1] == taken, "newest").plane
    assert (np.diff(plane.steps) > 0).all()
    cost = _cost_of(view.run)
    assert plane.costs[-1] == pytest.approx(cost, rel=1e-5)


def _cost_of(run):
    """Return the cost of a run's newest checkpoint on its training rows."""
    from descenso.api.train import rows_of
    from descenso.descent.problem import weights
    from descenso.runs.checkpoints import newest
    from descenso.training.checkpointing import progress_of
    from descenso.training.evaluation import Predictor, evaluate
    from descenso.training.plan import Plan

    config = open_directory(run).config
    plan = Plan.of(config, rows_of(config))
    state = progress_of(newest(open_directory(run).checkpoints)[0], plan).state
    predictor = Predictor.of_weights(plan.problem.model, weights(plan.problem, state), {}, plan.problem.scaling)
    return evaluate(predictor, plan.train).cost


def test_a_path_too_short_has_no_plane(lab):
    run = begun(lab, settings(lab)).run
    ended(lab)
    lab.reset()
    until(lab, lambda view: view.run not in (run, None))
    paused_at(lab, 0, 0)
    lab.landscape()
    said = "The path is too short for a plane: take a few more steps, and ask again."
    until(lab, lambda view: view.message == said, said)


def test_the_landscape_of_a_run_that_is_opened_is_that_of_python(tiny_folder, tmp_path):
    run = plain(tiny_folder, tmp_path)
    expected = ds.landscape(run)
    with Lab(Source(run=run.path), tmp_path / "runs", MORE) as lab:
        until(lab, lambda view: view.outcome == "completed")
        lab.landscape()
        plane = surveyed(lab)
        assert lab.view.message == ""
    np.testing.assert_allclose(plane.surface, expected.costs, rtol=1e-6)
    np.testing.assert_allclose(plane.points, expected.trails[0].points, rtol=1e-6, atol=1e-9)
    assert plane.explained == pytest.approx(expected.explained)
    assert (plane.steps == -1).all()
