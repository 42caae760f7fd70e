"""The tutorial's two programs, trained for one epoch each; and the report on a hundred."""

import base64
import json
import re

import pytest

from command import run
from descenso.config import TrainConfig
from descenso.errors import ConfigError
from descenso.runs.directory import find_runs
from descenso.runs.history import Epoch, History
from descenso.studies import reproduction as study
from descenso.studies.reproduction import Finished
from descenso.training import plan

NAMES = ["program-1", "program-2", "program-1-compiled", "program-2-compiled"]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """`descenso reproduce --epochs 1 --json`: to be read, not changed."""
    folder = tmp_path_factory.mktemp("reproduce") / "out"
    return folder, run("reproduce", "-e", 1, "--out", folder, "--json")


@pytest.mark.slow
def test_programs_are_as_published(done):
    folder, ended = done
    assert ended.exit_code == 0
    answer = json.loads(ended.stdout)
    assert [each["name"] for each in answer["programs"]] == NAMES
    first, second, *compiled = answer["programs"]
    assert (first["rows"], first["dtype"], first["engine"], first["order"]) == (
        55_000,
        "float32",
        "graph",
        "permutation",
    )
    assert (second["rows"], second["dtype"], second["engine"], second["order"]) == (
        60_000, "float64", "eager", "buffer:10000",
    )  # fmt: skip
    assert [each["engine"] for each in compiled] == ["compiled", "compiled"]
    assert first["costs"][0] == pytest.approx(1.18, abs=0.02)  # after 550 steps; the tutorial's 600 give 1.145
    assert second["costs"][0] == pytest.approx(1.145, abs=0.01)
    for name in NAMES:
        settings = json.loads((folder / name / "config.json").read_text())
        assert (settings["learning_rate"], settings["batch_size"], settings["loss"]) == (0.01, 100, "naive")
    assert "program-2: eager, float64\n[0] cost: 1.14" in ended.stderr


@pytest.mark.slow
def test_compiled_descents_are_the_same(done):
    one, other = json.loads(done[1].stdout)["twins"]
    assert max(one["max_cost_difference"], one["max_weight_difference"]) < 1e-5
    assert max(other["max_cost_difference"], other["max_weight_difference"]) < 1e-12
    assert one["speed_up"] > 0


@pytest.mark.slow
def test_claims_of_a_hundred_epochs_are_not_judged_after_one(done):
    claims = json.loads(done[1].stdout)["claims"]
    assert {each["name"]: each["holds"] for each in claims if each["name"] != "second slower"} == {
        "accuracy": None, "same place": None, "same path": True,
    }  # fmt: skip


def test_report_holds_all_it_needs(done):
    folder, _ended = done
    page, text = (folder / "report.html").read_text(), (folder / "report.md").read_text()
    assert re.findall(r'(?:src|href)="([^"]{5})', page) == ["data:"]
    encoded = re.search(r'base64,([^"]*)"', page)[1]
    assert base64.b64decode(encoded) == (folder / "costs.png").read_bytes()
    assert "](costs.png)" in text
    for name in NAMES:
        printed = (folder / name / "history.jsonl").read_text()
        line = f"[0] cost: {json.loads(printed)['cost']:.10g}"
        assert f"\n{line}\n" in text
        assert f">{line}</pre>" in page
    assert len(find_runs(folder)) == 4
    assert not list(folder.glob(".*"))


def test_nothing_is_overwritten(done):
    folder, _ended = done
    with pytest.raises(ConfigError, match="is not empty, and no run is ever overwritten; try --out with a new name"):
        run("reproduce", "-e", 1, "--out", folder)


def test_fast_leaves_the_originals_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = run("reproduce", "-e", 1, "--fast")
    assert ended.exit_code == 0
    assert sorted(each.name for each in (tmp_path / "runs" / "reproduce-001").iterdir()) == [
        "costs.png", "program-1-compiled", "program-2-compiled", "report.html", "report.md",
    ]  # fmt: skip
    assert "not measured: the second program is slower (left out)" in ended.stdout


@pytest.mark.slow
def test_a_compiled_descent_that_is_another_one_fails(tmp_path, monkeypatch):
    monkeypatch.setitem(plan.ENGINES, "graph", "faulty:RateOffByAThousandth")
    monkeypatch.setattr(
        study, "PROGRAMS", {"program-1": study.FIRST, "program-2": {**study.SECOND, "engine": "compiled"}}
    )
    ended = run("reproduce", "-e", 1, "--out", tmp_path / "out", "--json")
    assert ended.exit_code == 1
    assert [each["holds"] for each in json.loads(ended.stdout)["claims"]][-2:] == [False, True]


def finished(name, accuracy, cost, seconds):
    config = TrainConfig.of(**study.PROGRAMS[name], epochs=1)
    return Finished(name, config, History((Epoch(0, 0.28, seconds),)), {}, accuracy, cost, 0.0, 60_000)


@pytest.mark.parametrize(
    ("first", "second", "held"),
    [
        ((0.9218, 0.28, 60), (0.9219, 0.28, 219), [True, True, True]),
        ((0.9218, 0.28, 60), (0.9200, 0.28, 219), [False, True, True]),
        ((0.9208, 0.28, 60), (0.9240, 0.28, 219), [True, False, True]),
        ((0.9218, 0.28, 60), (0.9219, 0.29, 219), [True, False, True]),
        ((0.9218, 0.28, 60), (0.9219, 0.28, 59), [True, True, False]),
        ((None, None, 60), (0.9219, 0.28, 219), [False, False, True]),
    ],
)
def test_claims_hold_or_fail_by_what_was_measured(first, second, held):
    programs = {name: finished(name, *told) for name, told in zip(study.PROGRAMS, (first, second), strict=True)}
    assert [claim.holds for claim in study._claims(programs, [], 100)] == held
    assert [claim.holds for claim in study._claims(programs, [], 99)] == [None, None, held[2]]


@pytest.mark.parametrize(
    ("name", "cost", "weights", "held"),
    [("program-1", 9e-5, 0.0, True), ("program-1", 0.0, 2e-4, False), ("program-2", 2e-9, 0.0, False),
     ("program-2", 0.0, 9e-10, True), ("program-2", float("inf"), 0.0, False)],
)  # fmt: skip
def test_a_compiled_descent_may_lie_so_far(name, cost, weights, held):
    assert study._path(study.Twins(name, cost, weights, 3.0)).holds is held


def test_an_interrupted_descent_ends_the_reproduction(tmp_path, monkeypatch):
    def interrupted(training):
        training.directory.write("status.json", {"outcome": "interrupted", "epochs_done": 0, "signal": 2})

    monkeypatch.setattr(study, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        study.reproduce(tmp_path / "out", 1, False, lambda name, config: pytest.MonkeyPatch.context())
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["program-1"]
