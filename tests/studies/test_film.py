"""The animation of the templates: its frames show the states of the run; the file is small and loops."""

import io

import numpy as np
import pytest
from PIL import Image

import descenso as ds
from descenso.api.film import chosen
from descenso.errors import ConfigError, DataError
from descenso.reports import film as drawing
from descenso.reports.film import Reel, film_of
from descenso.studies.film import Take, record
from descenso.training.plan import Plan


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(3)
    inputs = random.integers(0, 255, size=(90, 4, 3)).astype(np.uint8)
    labels = inputs.reshape(90, -1)[:, :3].argmax(axis=1)
    return ds.from_arrays(inputs, labels, test_fraction=0.2)


SMALL = {"model": "softmax", "batch_size": 16, "dtype": "float64", "progress": False}


def opened(content):
    return Image.open(io.BytesIO(content))


def reel(states=4, classes=3, diverged=False, seed=0, pixels=12):
    random = np.random.default_rng(seed)
    weights = np.concatenate([np.zeros((1, pixels, classes)), random.normal(size=(states - 1, pixels, classes))])
    return Reel(f"rate {seed}", range(states), np.ones(states), weights, diverged)


@pytest.mark.slow
def test_the_states_are_those_of_the_run(data, tmp_path):
    run = ds.train(data, epochs=4, out=tmp_path / "run", **SMALL)
    plan = Plan.of(run.config, data)
    (found,) = record([Take("run", plan, 4 * plan.steps_per_epoch)])
    assert list(found.steps[:4]) == [0, 1, 2, 3]
    assert found.steps[-1] == 4 * plan.steps_per_epoch
    assert not found.diverged
    np.testing.assert_array_equal(found.weights[0], 0)
    np.testing.assert_array_equal(found.weights[-1], run.weights["W"])
    assert found.costs[0] == pytest.approx(np.log(3))
    assert found.costs[-1] < found.costs[0]


@pytest.mark.slow
def test_steps_are_even_in_the_logarithm(data):
    plan = Plan.of(ds.TrainConfig.of(model="softmax", epochs=300, batch_size=18), data)
    (found,) = record([Take("run", plan, 300 * plan.steps_per_epoch)])
    assert len(found.steps) <= 40
    late = np.log(found.steps[-12:])
    np.testing.assert_allclose(np.diff(late), np.diff(late).mean(), rtol=0.03)


@pytest.mark.slow
def test_a_run_that_diverged_is_shown_up_to_then(data):
    config = ds.TrainConfig.of(model="softmax", epochs=5, batch_size=16, learning_rate=30.0, loss="naive")
    plan = Plan.of(config, data)
    (found,) = record([Take("run", plan, 5 * plan.steps_per_epoch)])
    assert found.diverged
    assert found.steps[-1] < 5 * plan.steps_per_epoch
    assert np.isfinite(found.weights).all()
    with pytest.raises(ConfigError, match="run has 2 states to show, and a film needs 3; train it for more steps"):
        record([Take("run", Plan.of(config.model_copy(update={"learning_rate": 0.01}), data), 1)])
    with pytest.raises(ConfigError, match="run has 0 states to show"):
        record([Take("run", plan, 0)])


def test_a_film_repeats_and_holds_its_last_frame():
    film = opened(film_of([reel()], (4, 3), ["a", "b", "c"]))
    assert (film.format, film.n_frames, film.info["loop"]) == ("GIF", 4, 0)
    durations = []
    for place in range(film.n_frames):
        film.seek(place)
        durations.append(film.info["duration"])
    assert durations == [200, 200, 200, 3000]


def test_colours_are_the_weights():
    weights = np.zeros((3, 4, 2))
    weights[1:, 0, 0], weights[1:, 1, 0] = 1.0, -1.0
    film = opened(film_of([Reel("one", [0, 1, 2], np.ones(3), weights)], (2, 2), ["a", "b"]))
    film.seek(1)
    colours = {colour for _count, colour in film.convert("RGB").getcolors(1 << 20)}
    assert {(103, 0, 31), (5, 48, 97)} <= colours  # the ends of the scale
    film.seek(0)
    assert not {(103, 0, 31), (5, 48, 97)} & {c for _count, c in film.convert("RGB").getcolors(1 << 20)}


def test_runs_are_side_by_side_and_a_shorter_one_waits():
    film = film_of([reel(5), reel(2, diverged=True, seed=1)], (4, 3), ["<b>$x_1$", "样", "c"])
    assert opened(film).n_frames == 5
    assert opened(film).size[0] == 1000
    waits = drawing._said(reel(2, diverged=True), 1, True, 2.0)
    assert waits == "step 1, cost 1; then it diverged"
    assert drawing._said(reel(2), 0, False, 1.0) == "step 0, cost 1"
    assert drawing._said(reel(2), 1, False, 2.0) == "step 1, cost 1, weights from −2 (blue) to 2 (red)"


@pytest.mark.slow
def test_a_film_of_noise_is_still_small(monkeypatch):
    monkeypatch.setattr(drawing, "MOST_BYTES", 20_000)
    film = film_of([reel(5, 3, pixels=900)], (30, 30), ["a", "b", "c"])
    assert len(film) <= 20_000
    assert opened(film).n_frames >= 2


@pytest.mark.slow
def test_what_cannot_be_filmed(data, tmp_path):
    with pytest.raises(ConfigError, match="film: it shows one run or more, up to 6, got 0"):
        ds.film()
    flat = ds.from_arrays(np.random.default_rng(0).normal(size=(60, 4)), [0, 1, 2] * 20, test_fraction=0.2)
    run = ds.train(flat, epochs=2, out=tmp_path / "flat", **SMALL)
    with pytest.raises(ConfigError, match=r"flat trained softmax on inputs of shape \(4,\), expected softmax on grey"):
        ds.film(run, data=flat)
    with pytest.raises(DataError, match="there is no run"):
        ds.film(tmp_path / "none")


@pytest.mark.slow
def test_a_film_of_a_sweep_is_of_several_rates(data, tmp_path):
    rates = [0.001, 0.01, 0.1, 0.2, 0.3, 3.0]
    settings = {name: value for name, value in SMALL.items() if name != "progress"}
    found = ds.sweep(data, learning_rates=rates, rules=["sgd", "adam"], epochs=2, out=tmp_path / "s", **settings)
    along, numbers = chosen(found)
    assert along == "learning_rate"
    assert len(numbers) == 4
    assert found.best in numbers
    lanes = [found.lanes[number].varied for number in numbers]
    assert len({lane["rule"] for lane in lanes}) == 1
    assert [lane["learning_rate"] for lane in lanes] == sorted(lane["learning_rate"] for lane in lanes)
    path = ds.film(tmp_path / "s", data=data)
    assert path == tmp_path / "s" / "plots" / "templates.gif"
    with Image.open(path) as film:
        assert film.n_frames >= 9
    unfinished = found._replace(records={})
    with pytest.raises(ConfigError, match="no lane has ended yet; to go on: descenso resume"):
        chosen(unfinished)
