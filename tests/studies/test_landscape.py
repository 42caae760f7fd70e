"""The landscape: costs on the plane are true costs, and the distance of points from the plane is reported."""

from contextlib import closing

import numpy as np
import pytest

import descenso as ds
from descenso.config import TrainConfig
from descenso.data.checks import check_fit
from descenso.descent.problem import weights
from descenso.errors import ConfigError
from descenso.studies import landscape as module
from descenso.studies.landscape import survey
from descenso.training.evaluation import Predictor, evaluate
from descenso.training.plan import Plan


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(3)
    inputs = random.normal(size=(90, 4))
    labels = (inputs @ random.normal(size=(4, 3)) + random.normal(size=(90, 3))).argmax(axis=1)
    return ds.from_arrays(inputs, labels, test_fraction=0.2)


def posed(data, **settings):
    settings = {"epochs": 4, "batch_size": 16, "dtype": "float64", **settings}
    return Plan.of(check_fit(data, TrainConfig.of(**settings), settings), data)


def true_cost(plan, params):
    model = plan.problem.model
    return evaluate(Predictor.of_weights(model, params, model.init(0)[1], plan.problem.scaling), plan.train).cost


@pytest.mark.parametrize(
    "settings",
    [{"rule": "sgd"}, pytest.param({"model": "mlp", "hidden": "5"}, marks=pytest.mark.slow)],
    ids=["softmax", "mlp"],
)
def test_costs_on_the_plane_and_along_the_path_are_true_costs(data, settings):
    plan = posed(data, **settings)
    found = survey([("one", plan)], grid=5)
    path = list(module.path_of(plan))
    (trail,) = found.trails
    np.testing.assert_allclose(trail.costs, [true_cost(plan, params) for params in path], rtol=1e-6)
    flat = np.stack([module._flat(params) for params in path])
    centre = flat.mean(axis=0)
    directions, explained = module._principal(flat - centre)
    for place in (0, 2, 4):
        point = centre + found.across[place] * directions[0] + found.along[4 - place] * directions[1]
        expected = true_cost(plan, module._shaped(point, path[0]))
        assert found.costs[4 - place, place] == pytest.approx(expected, rel=1e-6)
    back = centre + trail.points @ directions
    np.testing.assert_allclose(np.linalg.norm(flat - back, axis=1), trail.distances, rtol=1e-6, atol=1e-12)
    residual = ((flat - back) ** 2).sum() / ((flat - centre) ** 2).sum()
    assert 1 - explained == pytest.approx(residual, abs=1e-9)
    assert found.explained == explained


def test_the_path_is_that_of_the_run(data):
    plan = posed(data)
    path = list(module.path_of(plan))
    with closing(plan.bind()) as runner:
        *_rest, (state, _trace) = runner.walk(plan.start(), map(plan.order, range(4)))
    for name, value in weights(plan.problem, state).items():
        np.testing.assert_array_equal(path[-1][name], value)
    assert len(path) == 1 + min(module.POINTS, 4 * plan.steps_per_epoch)


@pytest.mark.slow
def test_several_runs_lie_on_one_plane(data, tmp_path):
    runs = [
        ds.train(data, out=tmp_path / rule, model="softmax", rule=rule, epochs=4, batch_size=16, progress=False)
        for rule in ("sgd", "momentum", "adam")
    ]
    found = ds.landscape(*runs, grid=4, data=data)
    assert [trail.name for trail in found.trails] == ["sgd", "momentum", "adam"]
    starts = np.stack([trail.points[0] for trail in found.trails])
    np.testing.assert_allclose(starts - starts[0], 0, atol=1e-9)
    assert 0 < found.explained <= 1
    found.plot().savefig(tmp_path / "landscape.png")


def test_a_plane_that_explains_little_is_said(data):
    found = survey([("one", posed(data))], grid=3)._replace(explained=0.5)
    assert any("contours mislead" in line for line in found.sentences())
    assert len(found._replace(explained=0.9).sentences()) == 1


def test_runs_that_differ_in_shape_are_refused(data):
    with pytest.raises(ConfigError, match="give runs of one model"):
        survey([("one", posed(data)), ("two", posed(data, model="mlp", hidden="3"))], grid=2)


def test_a_landscape_needs_a_run_and_a_grid(data):
    with pytest.raises(ConfigError, match="one run or more"):
        ds.landscape()
    with pytest.raises(ConfigError, match="grid must be at least 2"):
        ds.landscape("runs/none", grid=1)


def test_a_run_that_was_steered_is_refused(data, tmp_path):
    class Steer(ds.Callback):
        def on_epoch(self, epoch):
            control.change_rate(0.5)

    control = ds.Control()
    settings = {"model": "softmax", "epochs": 3, "batch_size": 16, "learning_rate": 0.1, "progress": False}
    run = ds.train(data, out=tmp_path / "run", control=control, callbacks=[Steer()], **settings)
    with pytest.raises(ConfigError, match="changed by hand"):
        ds.landscape(run, data=data)
