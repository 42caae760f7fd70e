"""The lab with its training process: steering, undo, faults and the way back, processes that die, runs of others."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import descenso as ds
import strokes
from descenso.errors import ConfigError
from descenso.lab.faults import FAULTS
from descenso.lab.lab import Lab
from descenso.lab.protocol import Limits, Settings, Source
from descenso.lab.wording import CHECKPOINT_EVERY

pytestmark = pytest.mark.slow  # each test starts a process of TensorFlow

SECONDS = 240  # machines are busy; on a quiet one all of these take a few


@pytest.fixture
def lab(tiny_folder, tmp_path):
    with Lab(Source(str(tiny_folder)), tmp_path / "runs") as lab:
        yield lab


def settings(lab, **given):
    return Settings.of(**{"data": lab.view.settings.data, "batch_size": 20, "learning_rate": 0.1, "epochs": 5, **given})


def until(lab, holds, what=""):
    """Wait for a view of which `holds` is true, and return it."""
    end, view = time.monotonic() + SECONDS, lab.view
    while not holds(view):
        assert time.monotonic() < end, (what, view._replace(curves=(), pictures=None, mistakes=()))
        view = lab.wait(view.number, 1.0)
    return view


def ended(lab):
    return until(lab, lambda view: view.state == "ended", "ended")


def ready(lab):
    return until(lab, lambda view: view.state != "starting", "ready")


def paused_at(lab, epoch, step):
    return until(lab, lambda view: view.state == "paused" and (view.epoch, view.step) == (epoch, step), (epoch, step))


def plain(tiny_folder, tmp_path, **given):
    """The same training without a lab."""
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
    first = lab.view
    assert (first.state, first.progress != "") == ("starting", True)
    view = ready(lab)
    assert (view.state, view.train_rows, view.test_rows, view.input_shape) == ("ready", 203, 61, (8, 8))
    lab.start(settings(lab))
    while lab.view.state != "ended":  # as a page that asks for everything
        lab.opened(3)
        lab.wait(lab.view.number, 0.05)
    view = until(lab, lambda view: view.state == "ended" and view.confusion is not None and len(view.norms))
    run = ds.open_run(view.run)
    assert (run.outcome, run.history.changes, view.steered) == ("completed", (), False)
    assert run.status["fingerprint"] == plain(tiny_folder, tmp_path).status["fingerprint"]
    assert view.confusion.sum() == 61
    assert view.accuracy == run.test_accuracy == view.confusion.trace() / 61
    (curve,) = view.curves
    assert (len(curve.steps), curve.epochs, len(curve.validation)) == (5 * 10, tuple(run.history.costs), 5)
    assert (view.pictures.kind, view.pictures.images.shape) == ("templates", (4, 8, 8))
    assert view.command.startswith("descenso train --data ")
    again = ds.train(**_called(view.python, tmp_path))
    assert again.status["fingerprint"] == run.status["fingerprint"]


def _called(python, tmp_path):
    """The settings of the lines of Python that the view shows."""
    given = {}
    line = next(line for line in python.splitlines() if "ds.train" in line)
    keep = {"keep": lambda data, **rest: given.update(rest, data=data)}
    exec(line.replace("ds.train(", "keep(").replace("run = ", ""), keep)  # noqa: S102 - a line that the lab has written
    return {**given, "out": tmp_path / "again"}


def test_steering_step_by_step_and_the_replay(lab, tmp_path):
    ready(lab)
    lab.start(settings(lab, epochs=4))
    lab.reset()
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
    ready(lab)
    lab.start(settings(lab, model="mlp", rule="sgd", learning_rate=0.1, epochs=400))
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


@pytest.mark.slow
def test_every_planted_fault_is_found(tmp_path):
    """On MNIST, by the check that the table names, and the healthy run goes on afterwards."""
    with Lab(Source(), tmp_path / "runs") as lab:
        ready(lab)
        lab.start(Settings.of(learning_rate=0.1, epochs=10_000))
        until(lab, lambda view: view.epoch >= 1)
        for fault, planted in FAULTS.items():
            lab.break_it(fault)
            found = lambda view: (view.settings.fault, planted.rule) in [(fault, each.rule) for each in view.findings]  # noqa: B023, E731
            until(lab, found, fault)
            lab.heal()
            view = until(lab, lambda view: view.state == "running" and not view.settings.fault)
            assert (view.changes[-1].what, view.changes[-1].old) == ("heal", fault)


def test_healing_leads_to_the_bytes_of_the_run_without_a_fault(lab, tiny_folder, tmp_path):
    ready(lab)
    lab.start(settings(lab, epochs=1500))
    until(lab, lambda view: view.epoch >= 2)
    lab.break_it("sorted-rows")
    view = until(lab, lambda view: view.settings.fault and view.findings and view.run)
    assert "buffer-on-sorted" in [finding.rule for finding in view.findings]
    assert [change.what for change in view.changes] == ["fault"]
    lab.heal()
    view = until(lab, lambda view: view.state == "ended" and not view.settings.fault)
    assert [change.what for change in view.changes] == ["heal"]
    assert [curve.name for curve in view.curves] == ["tiny-softmax-sorted-rows-001", "tiny-softmax-001"]
    run, expected = ds.open_run(view.run), plain(tiny_folder, tmp_path, epochs=1500)
    assert (run.outcome, run.history.costs) == ("completed", expected.history.costs)
    assert run.status["fingerprint"] == expected.status["fingerprint"]


def test_an_unknown_fault_and_settings_that_do_not_fit(lab):
    ready(lab)
    lab.break_it("none-such")
    message = until(lab, lambda view: view.message).message
    assert message.startswith("there is no fault 'none-such'; the faults are rate-too-high, ")
    with pytest.raises(ConfigError, match=r"^epochs must be a whole number in \[1, inf\), got 0"):
        lab.start(Settings(epochs=0))
    lab.start(settings(lab, batch_size=10_000))
    until(lab, lambda view: "batch_size" in view.message)
    lab.start(Settings(data="/etc/passwd"))
    until(lab, lambda view: view.message.startswith("data must be "))


def test_a_trainer_that_dies_is_told_of_and_started_anew(lab):
    ready(lab)
    lab.start(settings(lab, epochs=10**6))
    until(lab, lambda view: view.epoch >= 1)
    lab._process.kill()
    view = until(lab, lambda view: view.state == "failed")
    assert view.message.startswith("The training process has ended (-9): ")
    assert lab.opened(0) is None
    assert lab.recognise(np.full((28, 28), 255, np.uint8)) is None
    lab.start(settings(lab, epochs=1))
    view = ended(lab)
    assert (view.outcome, view.epoch) == ("completed", 1)


SERVER = """
import sys, time
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


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_is_saved_when_the_server_dies(ending, tiny_folder, tmp_path):
    command = [sys.executable, "-c", SERVER, tiny_folder, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        path, trainer = server.stdout.readline().split()
        server.send_signal(ending)
    end = time.monotonic() + SECONDS
    while _alive(int(trainer)):
        assert time.monotonic() < end, "the training process goes on"
        time.sleep(0.1)
    run = ds.open_run(path)
    assert run.outcome == "interrupted"
    assert run.test_accuracy is not None
    assert run.replay(tmp_path / "again").equal


def _alive(process):
    status = Path(f"/proc/{process}/stat")
    if not status.parent.parent.exists():
        os.kill(process, 0)
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_closing_saves_the_run_and_ends_the_process(tiny_folder, tmp_path):
    with Lab(Source(str(tiny_folder)), tmp_path / "runs") as lab:
        ready(lab)
        lab.start(settings(lab, epochs=10**6))
        view = until(lab, lambda view: view.epoch >= 1)
    assert lab._process.poll() is not None
    assert ds.open_run(view.run).outcome == "interrupted"
    lab.close()


def test_a_run_that_another_process_writes_is_followed(tiny_folder, tmp_path):
    code = f"""
import descenso as ds
ds.train({str(tiny_folder)!r}, out={str(tmp_path / "run")!r}, epochs=10**6, batch_size=20, checkpoint_every="0.5s")
"""
    other = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + SECONDS
        while not (tmp_path / "run" / "history.jsonl").exists():
            assert time.monotonic() < end
            time.sleep(0.1)
        with Lab(Source(None, tmp_path / "run"), tmp_path / "runs") as lab:
            view = until(lab, lambda view: view.state == "running" and view.epoch >= 1 and view.pictures.scale > 0)
            assert view.read_only
            later = until(lab, lambda after: after.epoch > view.epoch)
            assert len(later.curves[0].epochs) >= later.epoch
            lab.one_step()
            assert "another process" in until(lab, lambda view: view.message).message
            other.terminate()
            view = ended(lab)
            assert view.outcome == "interrupted"
            assert lab.opened(3) is not None
    finally:
        other.kill()
        other.wait()
    assert not (tmp_path / "runs").exists()


def test_a_finished_run_and_a_table_are_opened(tmp_path):
    rows = "\n".join(f"{i % 7},{i % 5},{'a' if i % 7 > 3 else 'b'}" for i in range(200))
    table = tmp_path / "table.csv"
    table.write_text("x,y,kind\n" + rows)
    run = ds.train(str(table), label="kind", model="softmax", epochs=3, out=tmp_path / "run")
    with Lab(Source(None, run.path), tmp_path / "runs") as lab:
        view = until(lab, lambda view: view.state == "ended" and view.confusion is not None)
        assert (view.epoch, view.outcome, view.class_names, view.pictures.kind) == (3, "completed", ("a", "b"), "")
        assert view.curves[0].epochs == tuple(run.history.costs)
        assert view.confusion.trace() / view.confusion.sum() == run.test_accuracy
        opened = lab.opened(0)
        assert opened.contributions.shape == (2, 2)
        lab.start(settings(lab, epochs=2))
        view = until(lab, lambda view: view.state == "ended" and not view.read_only)
        assert ds.open_run(view.run).config.label == "kind"


def test_data_that_cannot_be_read_is_told_of(tmp_path):
    with Lab(Source(str(tmp_path / "none.csv")), tmp_path / "runs") as lab:
        view = until(lab, lambda view: view.state == "failed")
        assert "none.csv" in view.message


def test_so_many_training_processes_and_no_more(tmp_path):
    with Lab(Source(), tmp_path, Limits(processes=1)), pytest.raises(ConfigError, match=r"^1 lab is open in this "):
        Lab(Source(), tmp_path, Limits(processes=1))
    Lab(Source(), tmp_path, Limits(processes=1)).close()


@pytest.mark.slow
def test_the_race_ends_with_equal_costs_and_a_reason(lab):
    ready(lab)
    lab.race(settings(lab, epochs=2))
    view = until(lab, lambda view: view.race is not None and (view.race.done or view.message), "race")
    race = view.race
    assert (view.message, [lane.engine for lane in race.lanes]) == ("", ["graph", "eager", "function", "compiled"])
    assert {lane.state for lane in race.lanes} == {"done"}
    assert all(len(lane.costs) == 2 and lane.seconds > 0 for lane in race.lanes)
    assert max(lane.difference for lane in race.lanes) <= race.tolerance == 1e-9
    assert len(race.reason) >= 3


@pytest.mark.slow
def test_drawn_digits_are_recognised(tmp_path):
    """Ten epochs of mlp: neat and shaky digits, in every place and size; at least 90 % right, by either hand."""
    with Lab(Source(), tmp_path / "runs") as lab:
        ready(lab)
        lab.start(Settings.of(model="mlp", epochs=10))
        ended(lab)
        right = {"shaky": [], "neat": []}
        for name, digit, canvas in strokes.cases():
            seen = lab.recognise(canvas)
            assert seen.class_names[seen.predicted] == str(seen.predicted)
            assert seen.probabilities.sum() == pytest.approx(1, abs=1e-5)
            right["shaky" if "shaky" in name else "neat"].append(seen.predicted == digit)
        assert lab.recognise(np.zeros((280, 280), np.uint8)) is None
    assert min(np.mean(each) for each in right.values()) >= 0.9, {hand: np.mean(each) for hand, each in right.items()}


def test_a_run_that_is_paused_for_long_is_saved(tiny_folder, tmp_path):
    with Lab(Source(str(tiny_folder)), tmp_path / "runs", Limits(idle_seconds=0.5)) as lab:
        ready(lab)
        lab.one_step()
        view = ended(lab)
        assert (view.outcome, view.step) == ("interrupted", 1)
        assert until(lab, lambda view: view.message).message.startswith("The run was paused for a long time")
        lab.one_step()
        until(lab, lambda view: (view.epoch, view.step) == (1, 0))  # of two steps
