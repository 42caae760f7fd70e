"""The ladder: its rungs follow one path, its items add up, and items within the spread are marked."""

import json

import numpy as np
import pytest

import descenso as ds
from command import run
from descenso.api import compare as comparing
from descenso.engines import base
from descenso.engines.compiled import walk
from descenso.errors import ConfigError, DescensoError
from descenso.studies.ladder import COMPILED, EAGER, FED, HELD, LOOP, PIPELINE, TRACED, Explained, Rung, _check

NAMES = [PIPELINE, EAGER, TRACED, LOOP, COMPILED, FED, HELD]
SMALL = {"model": "softmax", "batch_size": 20, "learning_rate": 0.1, "repeats": 5}


@pytest.fixture(scope="module")
def explained(tiny):
    return comparing.explain(tiny, **SMALL, dtype="float64")


def test_rungs_walk_one_path(explained):
    assert [each.name for each in explained.rungs] == NAMES
    assert [len(each.seconds) for each in explained.rungs] == [5] * 7
    assert explained.steps == 10
    assert explained.max_cost_difference < 1e-12


def test_no_rung_walks_more_steps_than_show_what_a_step_takes(tiny, monkeypatch):
    monkeypatch.setattr("descenso.studies.ladder.MOST_STEPS", 4)
    found = ds.compare(tiny, explain=True, **SMALL, dtype="float64")
    assert found.steps == 4
    assert found.tables()[0][0][0] == "steps: 4"
    assert {each.name: each.calls for each in found.rungs}[LOOP] == 1 / 4


def test_calls_are_counted(explained):
    calls = {each.name: each.calls for each in explained.rungs}
    assert calls[PIPELINE] > calls[EAGER] > 20  # one call per operation: forward, backward, update
    assert calls[TRACED] == calls[FED] - 0.2 == calls[HELD] - 0.2 == 1  # a session also starts once and is read once
    assert calls[LOOP] == calls[COMPILED] == 0.1  # one call for all ten steps


def test_items_telescope(explained):
    *items, feeding = explained.items
    assert sum(item.seconds for item in items) == pytest.approx(explained.gap)
    assert sum(item.share for item in items) == pytest.approx(1)
    assert explained.gap == explained.rungs[0].median - explained.rungs[4].median
    assert feeding.share is None
    assert all(item.low <= item.seconds <= item.high for item in explained.items)


def made(*seconds):
    names = [*NAMES[: len(seconds) - 2], FED, HELD]
    return Explained(
        "float64", 10, 0.0, tuple(Rung(name, tuple(each), 1.0) for name, each in zip(names, seconds, strict=True))
    )


def test_items_by_hand():
    steady = [[9.0] * 5, [8.0] * 5, [4.0] * 5, [2.0] * 5, [1.0] * 5, [3.0] * 5, [2.5] * 5]
    found = made(*steady)
    assert found.gap == 8
    assert [(each.seconds, each.low, each.high) for each in found.items] == [
        (1, 1, 1), (4, 4, 4), (2, 2, 2), (1, 1, 1), (0.5, 0.5, 0.5),
    ]  # fmt: skip
    assert [each.share for each in found.items] == [1 / 8, 1 / 2, 1 / 4, 1 / 8, None]
    assert found.items[0].name == "input pipeline"
    assert "not distinguishable" not in repr(found)


def test_an_item_within_its_spread_is_called_not_distinguishable():
    random = np.random.default_rng(0)
    noise = [list(random.normal(8, 0.5, 9)) for _ in range(2)]
    found = made(*noise, [4.0] * 9, [2.0] * 9, [1.0] * 9, [2.0] * 9, [3.0] * 9)
    pipeline, dispatch, *_rest, feeding = found.items
    assert pipeline.low < 0 < pipeline.high
    assert not pipeline.distinguishable
    assert dispatch.distinguishable
    assert feeding.distinguishable
    assert feeding.seconds == -1
    rows = found.tables()[1][1:]
    assert [row[-1] for row in rows] == ["not distinguishable", "", "", "", "slower without"]


def test_a_spread_covers_what_it_should():
    random, covered = np.random.default_rng(1), 0
    for _ in range(200):
        above, below = random.normal(5, 0.1, 15), random.normal(4, 0.1, 15)
        item = made(above, below, [1.0] * 15, [1.0] * 15).items[0]
        covered += item.low <= 1 <= item.high
    assert covered >= 180


def test_rounds_are_drawn_together():
    drift = np.arange(9.0)  # the machine slows down in both rungs alike
    item = made(drift + 1, drift, [0.0] * 9, [0.0] * 9).items[0]
    assert (item.low, item.high) == (1, 1)


def test_a_rung_that_walks_another_path_is_refused(tiny, monkeypatch):
    def faulty(step, *arguments):
        def shrinking(state, batch):
            state, cost = step(state, batch)
            return state._replace(params={name: 0.999 * value for name, value in state.params.items()}), cost

        return walk(shrinking, *arguments)

    monkeypatch.setattr("descenso.studies.ladder.walk", faulty)
    with pytest.raises(
        DescensoError, match="all steps as one loop walks another path: costs .* apart, 1e-09 is allowed"
    ):
        comparing.explain(tiny, **SMALL, dtype="float64")


def paths(**costs):
    """Return rungs with costs of 1 at six steps, except those given, from their step on."""
    made = {name: np.ones(6) for name in (PIPELINE, EAGER, LOOP)}
    for name, (step, cost) in costs.items():
        made[{"eager": EAGER, "loop": LOOP}[name]][step:] = cost
    return {name: lambda costs=costs: costs for name, costs in made.items()}


def test_steps_that_rounding_alone_moves_too_far_are_not_judged():
    chaotic = np.array([1, 1, 1 + 1e-5, 1 + 1e-3, 1.02, 1.5])  # from a start changed by one rounding error
    assert _check(paths(), "float32", []) == (0.0, None)
    apart, unsure = _check(paths(eager=(4, 1.3)), "float32", [lambda: chaotic])
    assert (apart, unsure) == (0.0, 4)
    apart, unsure = _check(paths(eager=(3, 1.004)), "float32", [lambda: chaotic])
    assert (apart, unsure) == (pytest.approx(0.004), 4)
    with pytest.raises(DescensoError, match="batches in memory walks another path: costs .* apart, 0.0001 is allowed"):
        _check(paths(eager=(2, 1.001)), "float32", [lambda: chaotic])
    assert _check(paths(eager=(2, 1.001)), "mixed_bfloat16", [lambda: chaotic]) == (pytest.approx(0.001), None)


def test_the_first_step_that_is_not_judged_is_said():
    found = made([5.0] * 5, [4.0] * 5, [3.0] * 5, [2.0] * 5, [1.0] * 5, [2.0] * 5, [2.0] * 5)._replace(
        unsure=7, dtype="float32"
    )
    assert found.sentences()[-1].endswith(
        "coincide to 0.0e+00 before step 7; from there on, rounding alone takes float32 further than can be judged. "
        "--dtype float64 judges all steps."
    )
    assert found.as_json()["unsure_from_step"] == 7
    assert "unsure_from_step" not in found._replace(unsure=None).as_json()


@pytest.mark.slow
def test_xla_is_left_out_where_it_does_not_serve(tiny):
    found = comparing.explain(tiny, **SMALL, xla="off")
    assert [each.name for each in found.rungs] == [name for name in NAMES if name != COMPILED]
    assert sum(item.share for item in found.items[:-1]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"repeats": 4}, "repeats must be at least 5 to explain, got 4; try --repeats 7"),
        ({"engines": ["graph", "eager"]}, "the ladder decides engines; leave it out"),
        ({"order": "sequential"}, "the ladder decides order; leave it out"),
    ],
)
def test_what_cannot_be_explained_is_told(tiny, settings, message):
    with pytest.raises(ConfigError, match=message):
        comparing.explain(tiny, **settings)


def test_command(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = run("compare", tiny_folder, "-m", "softmax", "--explain", "-b", 20, "--repeats", 5, "--json")
    assert ended.exit_code == 0
    answer = json.loads(ended.stdout)
    assert [each["name"] for each in answer["rungs"]] == NAMES
    assert sum(each["seconds"] for each in answer["items"][:-1]) == pytest.approx(answer["gap_seconds"])
    assert answer["rounds"] == 5
    assert (tmp_path / "explain.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_weights_of_rows_count_on_every_rung_and_no_graph_of_rows_is_kept(tiny):
    weights = np.linspace(0.5, 2, len(tiny.train.labels))
    weighted = tiny._replace(train=tiny.train._replace(weights=weights))
    assert comparing.explain(weighted, **SMALL, dtype="float64").max_cost_difference < 1e-9
    kept = len(base._kept)
    comparing.explain(weighted, **SMALL, dtype="float64")
    assert len(base._kept) == kept
