"""Successive halving: which lanes are dropped, that the others go on where they are, and what a kill leaves."""

import contextlib
import csv
import json
import math
import random
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import descenso as ds
import sweeper
from descenso.errors import ConfigError
from descenso.studies.sweep import directory, grid, halving, ledger, result, run
from descenso.studies.sweep.halving import Rung, rungs_of, spearman

SMALL = {"model": "softmax", "epochs": 8, "batch_size": 16, "dtype": "float64", "loss": "naive"}
RATES = [1e-3, 0.1, 1e4, 1.0]  # the third diverges


@pytest.fixture(scope="module")
def data():
    return sweeper.data()


@pytest.fixture(scope="module")
def halved(data, tmp_path_factory):
    path, told = tmp_path_factory.mktemp("halved") / "sweep", []
    given = {"learning_rates": RATES, "seeds": 2, "halving": True, "verify": "none"}
    found = ds.sweep(data, out=path, told=told.append, **given, **SMALL)
    return found, told


def points(count, epochs, seeds=1):
    axes = {"learning_rates": [0.1 * (place + 1) for place in range(count)], "seeds": seeds}
    return grid.lanes_of({"epochs": epochs}, axes)


def test_rungs_are_known_beforehand():
    assert rungs_of(points(16, 27, 2), True, False) == (Rung(3, 8), Rung(6, 4), Rung(13, 2))
    assert rungs_of(points(5, 100), True, False) == (Rung(25, 3), Rung(50, 2))
    assert rungs_of(points(64, 5), True, False) == (Rung(2, 32),)
    assert rungs_of(points(1, 1), False, False) == ()
    for count, epochs in [(2, 4), (3, 17), (16, 16), (31, 5), (33, 64)]:
        rungs = rungs_of(points(count, epochs), True, False)
        assert [0, *(rung.epochs for rung in rungs), epochs] == sorted({0, *(rung.epochs for rung in rungs), epochs})
        assert sum(halving.planned(points(count, epochs), rungs)) <= count * epochs


@pytest.mark.parametrize(
    ("count", "epochs", "audit", "said"),
    [
        (1, 10, False, "at least 2 settings besides the seed, got 1; leave --halving out"),
        (1, 10, True, "leave --halving, --audit out"),
        (4, 3, False, "at least 4 epochs, got 3; try --epochs 4"),
    ],
)
def test_what_cannot_be_halved_is_refused(count, epochs, audit, said):
    with pytest.raises(ConfigError, match=said):
        rungs_of(points(count, epochs), True, audit)


def test_an_audit_of_no_halving_is_refused():
    with pytest.raises(ConfigError, match="try --audit with --halving"):
        rungs_of(points(4, 4), False, True)


def test_lanes_of_other_numbers_of_epochs_are_not_compared():
    with pytest.raises(ConfigError, match="equally many epochs, got 4, 8; try --epochs 8"):
        rungs_of((*points(2, 4), *points(2, 8)), True, False)


def test_the_worse_half_is_dropped_by_the_median_of_the_seeds():
    lanes = points(4, 8, seeds=3)
    scores = dict(enumerate([0.5, 0.9, 0.1, 0.4, 0.45, 9.0, 0.3, math.inf, 0.3, 0.6, 0.6, 0.6]))
    assert halving.dropped(lanes, Rung(2, 2), scores) == [6, 7, 8, 9, 10, 11]
    assert halving.dropped(lanes, Rung(2, 4), scores) == [6, 7, 8]  # it can never be the best
    assert halving.dropped(lanes, Rung(2, 1), dict.fromkeys(range(12), math.inf)) == list(range(12))


def test_ties_are_broken_by_name():
    lanes = points(6, 8)
    out = halving.dropped(lanes, Rung(2, 3), dict.fromkeys(range(6), 0.5))
    assert {lanes[number].name for number in out} == set(sorted(lane.name for lane in lanes)[3:])


def test_ranks_correlate():
    assert spearman([3, 1, 2], [30, 10, 20]) == pytest.approx(1)
    assert spearman([1, 2, 2, math.inf], [4, 3, 2, 1]) == pytest.approx(-3 / math.sqrt(10))
    assert spearman([1, 2, 3], [5, 5, 5]) is None


@pytest.mark.slow
def test_survivors_go_on_and_every_lane_is_the_run_of_its_settings(data, halved):
    found = ds.resume_sweep(halved[0].path, data=data, verify="all")
    assert [tuple(rung) for rung in found.rungs] == [(2, 2), (4, 1)]
    assert found.holds
    assert len(found.verified) == len(found.records) == 8
    for number, record in found.records.items():
        rung, diverged = found.drops.get(number), record.diverged_at
        last = 8 if rung is None else found.rungs[rung - 1].epochs
        assert len(record.costs) == (diverged[0] + 1 if diverged else last)
        assert record.outcome == (
            "diverged" if RATES[number // 2] == 1e4 else "completed" if rung is None else "dropped"
        )
    assert len(found.drops) == 6
    assert found.best not in found.drops
    widths = {record.width for number, record in found.records.items() if number not in found.drops}
    assert widths == {1}  # one setting goes on, and each seed is a group of its own


@pytest.mark.slow
def test_lanes_that_are_trained_alone_are_dropped_too(data, tmp_path):
    given = {"model": "mlp", "hidden": "2", "batch_size": "full", "epochs": 4, "engine": "eager"}
    found = ds.sweep(data, out=tmp_path / "sweep", learning_rates=[1e-4, 0.1], halving=True, keep="all", **given)
    assert found.drops == {0: 1}
    assert [len(found.records[number].costs) for number in (0, 1)] == [2, 4]
    assert found.best == 1
    assert found.holds
    assert len(found.verified) == 1  # the best is the one next to divergence, too
    assert [path.name for path in (tmp_path / "sweep" / "lanes").iterdir()] == ["1"]


@pytest.mark.slow
def test_what_happens_is_said_before_and_after(halved):
    found, told = halved
    assert told[0].sentences == (
        "Rung 1: after 2 epochs at most 4 lanes go on.",
        "Rung 2: after 4 epochs at most 2 lanes go on.",
        "All lanes together train at most 50% of their epochs.",
    )
    assert not any(now.sentences for now in told[1:])
    shares = [now.share for now in told if not now.verifying]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert [now.alive for now in told if not now.verifying][-1] == 2
    head, *rows = found.tables()[0]
    assert head[0] == "lanes"
    assert [row[0] for row in rows][-1] == "4-5"  # which diverged
    assert {row[-1] for row in rows[1:-1]} == {"dropped after 2 epochs", "dropped after 4 epochs"}
    assert "4 of 8 lanes were dropped." in found.sentences()
    with (found.path / "table.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["dropped_at_rung"] for row in table] == [str(found.drops.get(number, "")) for number in range(8)]
    answer = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert [lane["dropped_at"] for lane in answer["lanes"]] == [found.drops.get(number) for number in range(8)]
    assert answer["rungs"] == [{"epochs": 2, "keep": 2}, {"epochs": 4, "keep": 1}]


@pytest.mark.slow
def test_an_audit_lets_all_lanes_finish_and_compares(data, halved, tmp_path):
    found, _told = halved
    checked = ds.sweep(
        data, out=tmp_path / "sweep", learning_rates=RATES, seeds=2, halving=True, audit=True, verify="all", **SMALL
    )
    assert checked.drops == found.drops
    assert checked.best == found.best
    assert checked.holds
    assert {record.outcome for record in checked.records.values()} == {"completed", "diverged"}
    assert [each.rung for each in checked.audited] == [1, 2]
    assert not any(each.winner_dropped for each in checked.audited)
    assert all(each.correlation > 0.7 and each.seeds == 2 for each in checked.audited)
    assert sum("correlate by" in line for line in checked.sentences()) == 2


def test_an_audit_names_the_rung_that_drops_the_later_winner():
    lanes, crossing = points(4, 4), {0: (0.1, 0.1), 1: (0.2, 0.2), 2: (0.3, 0.01), 3: (0.4, 0.4)}
    records = {number: ledger.Record(lanes[number].name, "completed", (*costs, costs[-1], costs[-1]))
               for number, costs in crossing.items()}  # fmt: skip
    found = result.Sweep(
        Path("s"), lanes, records, rungs=(Rung(1, 2), Rung(2, 1)), drops={2: 1, 3: 1, 1: 2}, audit=True
    )
    assert found.best == 0
    assert [each.winner_dropped for each in found.audited] == [True, False]
    assert found.audited[0].seeds_dropped == 1
    assert any("was DROPPED" in line for line in found.sentences())


def ended(costs, drops, axes=None, **more):
    """Make the result of a sweep of four epochs with rungs after one and two; a lane diverged where its costs do."""
    lanes = grid.lanes_of({"epochs": 4}, axes or {"learning_rates": [0.1, 0.2, 0.3, 0.4][: len(costs)]})
    records = {}
    for number, of in enumerate(costs):
        bad = math.isnan(of[-1])
        outcome = "diverged" if bad else "dropped" if number in drops and len(of) < 4 else "completed"
        records[number] = ledger.Record(lanes[number].name, outcome, of, diverged_at=(len(of) - 1, 0) if bad else None)
    return result.Sweep(Path("s"), lanes, records, rungs=(Rung(1, 2), Rung(2, 1)), drops=drops, **more)


def test_a_rung_may_leave_no_setting_that_is_best():
    found = ended([(0.9,), (0.5, 0.4), (0.6, 0.5, math.nan)], {0: 1, 1: 2})
    assert found.best is None
    assert "leave --halving out" in found.sentences()[-1]
    assert found.sentences()[:2] == ["1 of 3 lanes diverged.", "2 of 3 lanes were dropped."]


def test_an_audit_that_no_setting_wins_says_nothing():
    assert ended([(0.9, math.nan), (0.5, math.nan)], {0: 1, 1: 1}, audit=True).audited == ()


CROSSING = [(0.3, 0.2, 0.5, 0.9), (0.31, 0.25, 0.4, 0.7), (0.32,), (0.6, math.nan)]  # what is dropped has least
AXES = {"learning_rates": [0.1, 0.2], "weight_decays": [0.01, 0.1]}


def test_pictures_show_lanes_that_were_dropped_never_as_the_best_nor_as_diverged():
    found = ended(CROSSING, {2: 1, 3: 1}, AXES)
    curves, scores = found.plot().axes[:2]
    marks = [line.get_marker() for line in curves.lines]
    assert (marks.count("v"), marks.count("x")) == (1, 1)
    marked = {line.get_marker(): (float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in scores.lines}
    assert marked == {"*": (0, 1), "v": (1, 0), "x": (1, 1)}  # rate across, decay along
    drawn = [line for line in found.parallel_coordinates().axes[0].lines if line.get_marker() == "o"]
    assert [line.get_linestyle() for line in drawn] == ["--", ":", "-", "-"]
    assert drawn[-1].get_color() == "black"
    assert drawn[-1].get_linewidth() > 2


def test_dropped_points_lie_beside_the_line_of_the_others():
    axes = ended([(0.3,), (0.5, 0.4, 0.4, 0.4), (0.6, 0.5, 0.5, 0.5), (0.7, math.nan)], {0: 1, 3: 1}).plot().axes[1]
    shown = {line.get_marker(): list(line.get_xdata()) for line in axes.lines if line.get_marker() in ("o", "v")}
    assert shown == {"o": [0.2, 0.3], "v": [0.1]}
    assert [text.get_text() for text in axes.texts] == ["diverges from 0.4 on"]


class Killed(BaseException):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("audit", [False, True])
def test_a_sweep_killed_around_any_write_goes_on_to_the_same_table(data, tmp_path, monkeypatch, audit):
    """Each life ends before its fifth write to the ledger or of a file, or after its fourth, until one ends by itself.

    A life with fewer writes would never come past the end of a group, whose course is saved again before its results.
    """
    given = {**SMALL, "model": "mlp", "hidden": "2", "epochs": 4, "engine": "function", "verify": "none"}
    given |= {"learning_rates": [0.01, 0.1, 1e9], "halving": True, "audit": audit}
    ds.sweep(data, out=tmp_path / "whole", **given)
    monkeypatch.setattr(run, "SAVE_SECONDS", 0.0)
    writes, last = [0], [0]

    def killing(write):
        def killed(*given):
            for after in (False, True):
                if after:
                    write(*given)
                writes[0] += 1
                if writes[0] == last[0]:
                    raise Killed

        return killed

    monkeypatch.setattr(directory.ledger, "append", killing(ledger.append))
    monkeypatch.setattr(directory, "write_file", killing(directory.write_file))
    path = tmp_path / "part"
    for life in range(60):
        writes[0], last[0] = 0, 8 + life % 2
        with contextlib.suppress(Killed):
            if (path / "sweep.json").exists():
                ds.resume_sweep(path, data=data, verify="none")
            else:
                ds.sweep(data, out=path, **given)
        if (path / "table.csv").exists():
            break
    assert life > 3
    assert (path / "table.csv").read_bytes() == (tmp_path / "whole" / "table.csv").read_bytes()
    assert_each_lane_once(path)


def assert_each_lane_once(path):
    lanes = [entry["lane"] for entry in ledger.read(path) if "lane" in entry]
    assert len(lanes) == len(set(lanes)) == len(ds.open_sweep(path).lanes)


@pytest.mark.slow
def test_sweeps_killed_at_random_instants_go_on_to_the_same_table(tmp_path):
    """With and without halving. 50 kills take some four minutes a kind: python sweeper.py FOLDER plain 50 7."""
    words = [sys.executable, sweeper.__file__, str(tmp_path), ",".join(KINDS), str(KILLS), "7"]
    told = subprocess.run(words, capture_output=True, encoding="utf-8", check=False)
    assert told.returncode == 0, told.stderr
    assert {kind: len(found) for kind, found in json.loads(told.stdout).items()} == dict.fromkeys(KINDS, KILLS)
    for kind in KINDS:
        assert_same_tables(tmp_path / kind)


KINDS, KILLS = ("together", "plain", "pairs"), 2


def assert_same_tables(folder):
    paths = [path for path in folder.iterdir() if path.name != "whole"]
    assert paths
    for path in paths:
        assert (path / "table.csv").read_bytes() == (folder / "whole" / "table.csv").read_bytes()
        assert_each_lane_once(path)


@pytest.mark.slow
def test_of_1000_random_tables_the_best_never_diverged_or_was_dropped():
    draw = random.Random(0)  # noqa: S311
    for _table in range(1000):
        count, seeds, epochs = draw.randint(2, 9), draw.randint(1, 3), draw.randint(4, 9)
        lanes = points(count, epochs, seeds)
        rungs, drops = rungs_of(lanes, True, False), {}
        costs = {
            number: [draw.choice([draw.random(), 0.5]) for _epoch in range(epochs)] for number in range(len(lanes))
        }
        ends = {number: draw.randrange(epochs) if draw.random() < 0.3 else epochs for number in costs}
        for place, rung in enumerate(rungs, start=1):
            scores = {number: costs[number][rung.epochs - 1] if ends[number] >= rung.epochs else math.inf
                      for number in costs if number not in drops}  # fmt: skip
            drops |= dict.fromkeys(halving.dropped(lanes, rung, scores), place)
        records = {}
        for number, lane in enumerate(lanes):
            last = rungs[drops[number] - 1].epochs if number in drops else epochs
            bad = ends[number] < last
            told = [*costs[number][: ends[number]], math.nan] if bad else costs[number][:last]
            outcome = "diverged" if bad else "dropped" if number in drops else "completed"
            at = (ends[number], 0) if bad else None
            records[number] = ledger.Record(lane.name, outcome, tuple(told), diverged_at=at)
        found = result.Sweep(Path("s"), lanes, records, rungs=rungs, drops=drops)
        sound = [numbers for numbers in grid.repetitions(lanes).values()
                 if not any(number in drops or records[number].diverged_at for number in numbers)]  # fmt: skip
        assert len(sound) <= rungs[-1].keep
        if found.best is None:
            assert not sound
            continue
        medians = {tuple(of): statistics.median(costs[number][-1] for number in of) for of in sound}
        mine = next(of for of in medians if found.best in of)
        assert medians[mine] == min(medians.values())
        assert found.best not in drops
        assert records[found.best].outcome == "completed"


def test_validation_that_is_not_finite_is_never_best():
    lanes = points(2, 2)
    records = {0: ledger.Record(lanes[0].name, "completed", (0.2, 0.1), (0.2, math.nan), (0.9, 0.9)),
               1: ledger.Record(lanes[1].name, "completed", (0.4, 0.3), (0.4, 0.3), (0.9, 0.9))}  # fmt: skip
    assert records[0].score == math.inf
    assert result.Sweep(Path("s"), lanes, records).best == 1
