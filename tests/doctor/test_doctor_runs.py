"""Checks of training runs, finished or in progress, and the command `descenso doctor`."""

import json
import math
import shlex

import numpy as np
import pytest

import descenso as ds
from command import run
from descenso import doctor
from descenso.config import TrainConfig
from descenso.doctor.checks import CHECKS, examine
from descenso.doctor.evidence import Course, Evidence
from descenso.errors import ConfigError, DataError
from descenso.runs.directory import create
from descenso.runs.history import Epoch

QUICK = {"model": "softmax", "engine": "function"}
LABELS = np.arange(60) % 3
INPUTS = np.random.default_rng(7).normal(size=(60, 4)).astype(np.float32)


def names(findings):
    return [finding.rule for finding in findings]


def course(costs, outcome="completed", judged=(), suggested=None, steps=1000, early=(), **settings):
    return Course(TrainConfig.of(**settings), 10, steps, list(costs), list(judged), outcome, tuple(early), suggested)


COURSES = {
    "falling": (course([1.1, 0.6, 0.5, 0.45]), []),
    "noise at the bottom": (course([0.3, 0.01, 0.012, 0.01, 0.013, 0.01]), []),
    "up and down": (course([1.1, 0.6, 0.9, 0.5, 0.8, 0.5]), ["rate-too-high"]),
    "up and down, and no smaller rate is better": (course([1.1, 0.6, 0.9, 0.5, 0.8], suggested=0.02), []),
    "one bad epoch": (course([1.1, 0.6, 0.9, 0.5, 0.4, 0.3]), []),
    "worse than knowing nothing": (course([2.4, 2.8, 2.7]), ["rate-too-high"]),
    "worse than the start at first": (course([1.9, 1.8], early=[2.3, *[7.5] * 30]), ["rate-too-high"]),
    "better than the start at first": (course([1.9, 1.8], early=[2.3, 4.0, *[2.0] * 30]), []),
    "too few first steps to tell": (course([1.9, 1.8], early=[2.3, *[7.5] * 5]), []),
    "learned all the same": (course([1.9, 0.2], early=[2.3, *[7.5] * 30]), []),
    "diverged": (course([math.nan], "diverged"), ["rate-too-high"]),
    "diverged by log 0": (course([math.nan], "diverged", loss="naive"), ["log-of-zero"]),
    "falling from a first cost that was absurd": (course([18.0, 10.0], early=[28.0, *[20.0] * 30], suggested=0.4), []),
    "stuck, a larger rate is better": (course([2.3, 2.3], suggested=0.1), ["rate-too-low"]),
    "stuck, a smaller rate is better": (course([2.3, 2.3], suggested=0.001), ["rate-too-high"]),
    "stuck, no rate is better": (course([2.3, 2.3]), []),
    "just begun": (course([2.3], suggested=0.1, steps=50), []),
    "over-fitted": (course([1.0, 0.5, 0.2, 0.1], judged=[0.9, 0.6, 0.8, 1.0]), ["over-fitting"]),
    "validation wavers": (course([1.0, 0.5, 0.2, 0.1], judged=[0.9, 0.6, 0.62, 0.61]), []),
    "both costs rise": (course([0.5, 0.2, 0.21, 0.22], judged=[0.9, 0.6, 0.8, 1.0]), []),
}


@pytest.mark.parametrize("case", COURSES)
def test_courses(case):
    given, expected = COURSES[case]
    assert names(examine(Evidence(course=given))) == expected


@pytest.mark.slow
def test_the_search_that_is_advised_is_a_command(tiny_folder):
    """Without a search, the advice is a tenth of the learning rate, and the command that searches."""
    given, _expected = COURSES["diverged"]
    (finding,) = examine(Evidence(course=given))
    assert finding.mend.endswith("; or find one: descenso find-rate mnist --model softmax --rule sgd --batch-size 100")
    named = given._replace(config=given.config.model_copy(update={"data": str(tiny_folder)}))
    _tenth, _colon, command = examine(Evidence(course=named))[0].mend.partition("descenso ")
    assert run(*shlex.split(command), "--steps", 4, "--seeds", 1).exit_code == 0
    in_memory = given._replace(config=given.config.model_copy(update={"data": "arrays"}))
    call = "ds.find_rate((X, y), model='softmax', rule='sgd', batch_size=100)"
    assert examine(Evidence(course=in_memory))[0].mend.endswith(f"; or find one: {call}")


@pytest.mark.slow
def test_the_rate_that_is_suggested_is_measured(tiny_folder, tmp_path):
    ds.train(
        str(tiny_folder),
        model="softmax",
        out=tmp_path / "slow",
        learning_rate=1e-7,
        epochs=60,
        batch_size=100,
        engine="function",
    )
    (finding,) = doctor.run(tmp_path / "slow")
    assert finding.rule == "rate-too-low"
    rate = float(finding.mend.removeprefix("--learning-rate "))
    mended = ds.train(
        str(tiny_folder), model="softmax", out=tmp_path / "mended", learning_rate=rate, epochs=60, engine="function"
    )
    assert mended.history.costs[-1] < 0.5 * math.log(4)
    assert doctor.run(tmp_path / "mended") == []


def test_a_high_rate_that_only_the_first_steps_show(tmp_path):
    """The epochs' mean costs fall to well below chance level; only the first steps show that the rate is too high."""
    mnist = ds.load("mnist")
    few = mnist._replace(train=ds.Split(mnist.train.inputs[:2000], mnist.train.labels[:2000]))
    descent = ds.train(
        few, model="softmax", out=tmp_path / "run", learning_rate=3.0, epochs=4, batch_size=20, engine="function"
    )
    assert descent.history.costs == sorted(descent.history.costs, reverse=True)
    assert descent.history.costs[-1] < 0.5 * math.log(10)
    (finding,) = doctor.run(tmp_path / "run", few)
    assert finding.rule == "rate-too-high"
    assert finding.saw.startswith("the first cost is 2.303, that of the next 99 steps 4.3")


def test_a_diverged_run_kept_no_weights(tiny_folder, tmp_path):
    ds.train(
        str(tiny_folder),
        model="softmax",
        out=tmp_path / "run",
        learning_rate=1e38,
        rule="momentum",
        epochs=3,
        engine="function",
    )
    found = doctor.run(tmp_path / "run")
    assert names(found) == ["rate-too-high"]
    assert found[0].saw.startswith("the cost stopped being finite, at a learning rate of 1e+38")


def test_rows_that_are_not_those_a_run_learned_from(tiny, tmp_path):
    ds.train(tiny, out=tmp_path / "run", epochs=1, **QUICK)
    flat = tiny._replace(train=ds.Split(tiny.train.inputs.reshape(-1, 64), tiny.train.labels))
    with pytest.raises(DataError, match="tiny, training rows: inputs of shape 64, expected 8×8"):
        doctor.run(tmp_path / "run", flat)
    with pytest.raises(DataError, match="there is no run"):
        doctor.run(tmp_path)


def test_units_that_died_on_the_way_are_seen_at_the_end(tiny, tmp_path):
    settings = {"model": "mlp", "rule": "sgd", "schedule": "constant", "learning_rate": 30.0, "epochs": 3}
    ds.train(tiny, out=tmp_path / "run", batch_size=50, engine="function", **settings)
    assert "dead-units" in names(doctor.run(tmp_path / "run", tiny))


def test_a_run_is_followed_while_it_is_written(tiny_folder, tmp_path, monkeypatch):
    """The run has another epoch after each pause of the doctor; checks of rows, which do not change, run once."""
    config = TrainConfig.of(data=str(tiny_folder), epochs=4, batch_size=1, order="permutation", patience=0)
    directory = create(config, {}, tmp_path / "run")
    judged, heard, looks = [0.5, 0.4, 0.6, 0.9], [], []
    for name in ("test-in-train", "pixels-not-scaled"):
        monkeypatch.setitem(CHECKS, name, CHECKS[name]._replace(observe=lambda *_, name=name: looks.append(name)))

    def epoch(_seconds):
        done = len(directory.history.epochs)
        if done == len(judged):
            directory.write("status.json", {"outcome": "interrupted"})
        else:
            directory.append(Epoch(done, 1 / (done + 1), 0.1, judged[done], 0.5))

    monkeypatch.setattr(doctor.time, "sleep", epoch)
    for finding in doctor.follow(tmp_path / "run"):
        heard.append((finding.rule, len(directory.history.epochs)))
    directory.close()
    assert heard == [("over-fitting", 3)]  # not only at the end, and not twice
    assert (looks.count("test-in-train"), looks.count("pixels-not-scaled")) == (1, 6)


# The command


def test_the_command_on_data(tmp_path):
    path = tmp_path / "made.npz"
    one_hot = np.eye(LABELS.max() + 1)[LABELS]
    np.savez(path, x_train=INPUTS, y_train=one_hot)
    shown = run("doctor", path)
    assert shown.exit_code == 1
    assert shown.stdout.split("\n")[0] == "labels-one-hot (error)"
    assert "fix  labels = numpy.argmax(labels, axis=1)" in shown.stdout
    assert "expected one label a row" in shown.stdout
    told = run("doctor", path, "--json")
    assert (told.exit_code, json.loads(told.stdout)["findings"]) == (
        1, [finding._asdict() for finding in doctor.data(INPUTS, one_hot)]
    )  # fmt: skip
    assert list(json.loads(told.stdout)["findings"][0]) == ["rule", "severity", "saw", "why", "mend", "cause"]


def test_the_command_on_sorted_data(tmp_path):
    path = tmp_path / "made.npz"
    some = np.random.default_rng(5).permutation(len(LABELS))[:9]
    np.savez(path, x_train=INPUTS, y_train=np.sort(LABELS), x_test=INPUTS[some] + 0.01, y_test=np.sort(LABELS)[some])
    well = run("doctor", path)
    assert (well.exit_code, well.stdout) == (0, "Nothing found.\n")
    assert run("doctor", path, "--json").stdout == '{"findings": []}\n'
    assert "buffer-on-sorted" in run("doctor", path, "--order", "buffer:6").stdout


@pytest.mark.parametrize("follow", [[], ["--follow"]])
def test_the_command_on_a_run(tiny_folder, tmp_path, follow):
    ds.train(str(tiny_folder), out=tmp_path / "run", learning_rate=1e-7, epochs=60, **QUICK)
    shown = run("doctor", tmp_path / "run", *follow)
    assert shown.exit_code == 1
    assert "rate-too-low (warning)" in shown.stdout


def test_a_lesson():
    shown = run("doctor", "--break", "labels-from-1")
    assert shown.exit_code == 1
    assert shown.stdout.startswith("The mistake: labels = labels + 1\n\nlabels-from-1 (error)\n")
    told = json.loads(run("doctor", "--break", "labels-from-1", "--json").stdout)
    assert [finding["rule"] for finding in told["findings"]] == ["labels-from-1", "empty-class"]


def test_a_lesson_that_there_is_not():
    with pytest.raises(ConfigError, match=r"no rule 'labels-from-0' \(did you mean 'labels-from-1'\?\); the rules are"):
        doctor.lesson("labels-from-0")


@pytest.mark.parametrize("arguments", [[], ["mnist", "--break", "retracing"]])
def test_the_command_asks_for_one_thing(arguments):
    with pytest.raises(
        ConfigError, match="doctor takes a run, data or --break RULE, one of them; try descenso doctor mnist"
    ):
        run("doctor", *arguments)


def test_the_command_wants_an_order_that_there_is():
    with pytest.raises(ConfigError, match="order must be permutation, sequential, buffer:N"):
        run("doctor", "mnist", "--order", "shuffled")


def test_every_rule_is_told_in_full():
    for name, rule in CHECKS.items():
        assert rule.severity in ("error", "warning"), name
        assert rule.why.endswith("."), name
        assert rule.source, name
