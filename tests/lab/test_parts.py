"""Parts of the lab that need neither TensorFlow nor a process: curves, commands, drawings, messages."""

import io
import pickle
import queue
import shlex
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from descenso.config import TrainConfig
from descenso.doctor.checks import CHECKS
from descenso.errors import ConfigError
from descenso.lab import wording
from descenso.lab.curves import MOST, Thinned
from descenso.lab.drawing import as_seen
from descenso.lab.faults import FAULTS
from descenso.lab.link import Link
from descenso.lab.protocol import Change, Curve, Settings, Source, View
from descenso.lab.trainer import Trainer


@pytest.mark.parametrize("chunk", [1, 7, 1_000, 30_000])
def test_a_curve_keeps_every_extreme(chunk):
    """For any size of chunks a curve has at most 1,000 points, unchanged costs, among them each interval's extremes."""
    costs = np.random.default_rng(0).normal(size=30_000).astype(np.float32)
    costs[12_345], costs[777] = 99, -99
    curve = Thinned()
    for first in range(0, len(costs), chunk):
        curve.add(first, costs[first : first + chunk])
    steps, kept = curve.points
    assert len(steps) <= MOST
    assert (np.diff(steps) > 0).all()
    np.testing.assert_array_equal(kept, costs[steps])
    length = next(length for length in (2**n for n in range(20)) if 2 * -(-len(costs) // length) <= MOST)
    for first in range(0, len(costs), length):
        inside = kept[(steps >= first) & (steps < first + length)]
        assert (inside.min(), inside.max()) == (
            costs[first : first + length].min(),
            costs[first : first + length].max(),
        )


def test_a_curve_is_cut_where_a_run_goes_back():
    curve = Thinned()
    curve.add(0, np.arange(10.0))
    curve.cut(4)
    curve.add(4, np.arange(40.0, 43.0))
    assert list(curve.points[0]) == list(range(7))
    assert list(curve.points[1]) == [0, 1, 2, 3, 40, 41, 42]


def test_a_cost_that_is_no_number_is_kept():
    curve = Thinned()
    curve.add(0, np.append(np.zeros(5_000), np.nan))
    assert np.isnan(curve.points[1][-1])


@pytest.mark.parametrize("settings", [
    {}, {"model": "mlp", "rule": "momentum:momentum=0.5", "learning_rate": 0.1}, {"seed": 7, "engine": "eager"},
    {"batch_size": 32, "epochs": 3, "learning_rate": 1 / 3},
])  # fmt: skip
def test_the_command_means_the_same_settings(settings, tiny, monkeypatch):
    """The flags of the command, read as settings, equal the settings of the run; so do those of the Python code."""
    given = wording.arguments(Settings.of(data="mnist", **settings), Source(), tiny)
    program, verb, *flags = shlex.split(wording.command(given))
    assert (program, verb) == ("descenso", "train")
    read = {name[2:].replace("-", "_"): value for name, value in zip(flags[::2], flags[1::2], strict=True)}
    expected = TrainConfig.of(**given).model_copy(update={"checkpoint_every": TrainConfig.of().checkpoint_every})
    assert TrainConfig.of(**read) == expected
    called = {}
    monkeypatch.setattr(
        "descenso.train", lambda data, **rest: called.update(rest, data=data) or _Evaluated(), raising=False
    )
    exec(wording.python(given), {})  # noqa: S102 - code written by the lab
    assert TrainConfig.of(**called) == expected


class _Evaluated:
    def evaluate(self):
        return ""


def test_data_comes_from_the_command_line_only(tiny):
    for path in ("/etc/passwd", "../other", "mine.csv"):
        with pytest.raises(
            ConfigError, match=r"^data must be own.csv, mnist, .*, got '.*'; give other data to descenso"
        ):
            wording.arguments(Settings(data=path), Source(data="own.csv"), tiny)
    assert (
        wording.arguments(Settings(data="own.csv"), Source("own.csv", reading=(("label", "y"),)), tiny)["label"] == "y"
    )
    assert "label" not in wording.arguments(Settings(data="mnist"), Source("own.csv", reading=(("label", "y"),)), tiny)


def test_every_fault_names_a_check_of_the_doctor():
    assert {fault.rule for fault in FAULTS.values()} <= set(CHECKS)


@pytest.mark.parametrize("drawn", [
    np.zeros((280, 280), np.uint8), np.zeros((280, 280), np.float64), np.zeros((2, 2, 2), np.uint8),
    np.zeros((0, 0), np.uint8), np.full((280, 280), 3, np.uint8),
])  # fmt: skip
def test_an_empty_canvas_is_none(drawn):
    assert as_seen(drawn) is None


def test_a_drawing_is_centred_by_mass_wherever_it_is():
    seen = []
    for top, left, size in ((0, 0, 60), (219, 219, 60), (100, 20, 120), (0, 100, 30)):
        drawn = np.zeros((280, 280), np.uint8)
        drawn[top : top + size, left : left + size // 2] = 255
        seen.append(as_seen(drawn))
    for each in seen:
        assert (each.shape, each.dtype) == ((28, 28), np.uint8)
        rows, columns = np.indices(each.shape)
        assert abs((each * rows).sum() / each.sum() - 14) <= 0.6
        assert abs((each * columns).sum() / each.sum() - 14) <= 0.6
        assert np.abs(each.astype(int) - seen[0]).max() <= 1


def test_a_message_that_is_cut_off_is_the_end():
    whole = io.BytesIO()
    Link(io.BytesIO(), whole).send(("view", np.arange(5)))
    assert Link(io.BytesIO(whole.getvalue()), io.BytesIO()).receive()[0] == "view"
    for length in (0, 1, len(whole.getvalue()) // 2, len(whole.getvalue()) - 1):
        with pytest.raises(EOFError):
            Link(io.BytesIO(whole.getvalue()[:length]), io.BytesIO()).receive()
    assert pickle.loads(whole.getvalue())[0] == "view"  # noqa: S301 - written above


def test_a_rate_that_is_too_high_is_found_before_the_first_epoch_ends(tiny):
    """It is found from the first steps, with a message about them, once there are as many as the check needs."""
    from descenso.doctor.checks import examine
    from descenso.doctor.descents import EARLY, Walked, evidence_of

    config = TrainConfig.of(model="softmax", learning_rate=30, batch_size=20)
    told = {}
    for steps in (EARLY - 1, EARLY):
        walked = Walked(config, tiny, early=(1.4, *[9.0] * (steps - 1)))
        evidence = evidence_of(walked, hurried=True)
        told[steps] = [(each.rule, each.saw) for each in examine(evidence, ["rate-too-high"])]
        assert not evidence.course.tested, "a range test takes longer than a page may wait"
    first = f"the first cost is 1.4, that of the next {EARLY - 1} steps 9 on average, at a learning rate of 30"
    assert told == {EARLY - 1: [], EARLY: [("rate-too-high", first)]}
    again = evidence_of(walked, evidence)
    assert again.rows is evidence.rows
    assert again.step is evidence.step
    assert again.course.costs == [], "no epoch has ended"


def test_no_job_begins_while_modules_are_imported():
    imported, seen, trainer = threading.Event(), [], Trainer(Link(io.BytesIO(), io.BytesIO()))
    trainer._steering = SimpleNamespace(todo=queue.Queue(), message="")
    for job in (lambda: seen.append(imported.is_set()), None):
        trainer._steering.todo.put(job)
    importing = threading.Thread(target=lambda: (time.sleep(0.05), imported.set()))
    importing.start()
    trainer._work(importing)
    assert seen == [True]


def test_a_view_travels_as_the_fields_that_have_changed():
    """Records with arrays are compared by identity, a cost that is no number with itself."""
    curve = Curve("run-001", np.arange(3), np.ones(3, np.float32))
    before = View(cost=float("nan"), curves=(curve,), changes=(Change(0, 1, "learning_rate", "1", "2"),))
    view = before._replace(cost=float("nan"), curves=(curve,), changes=(Change(0, 1, "learning_rate", "1", "2"),))
    assert view.since(before) == {}
    assert view._replace(step=4).since(before) == {"step": 4}
    assert list(view._replace(curves=(curve._replace(),)).since(before)) == ["curves"]
    assert before._replace(**view._replace(step=4).since(before)).step == 4
    assert list(view.since(None)) == list(View._fields)
