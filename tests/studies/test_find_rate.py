"""The search for the learning rate: quadratic costs, whose stability limit is known, and short runs on small data."""

from contextlib import closing

import numpy as np
import pytest
import tensorflow as tf

import descenso as ds
from descenso.config import TrainConfig
from descenso.descent.problem import objective
from descenso.engines.base import Rows
from descenso.errors import ConfigError
from descenso.studies.sweep.edge import edge_in_theory, largest_eigenvalue
from descenso.studies.sweep.find_rate import FoundRate, grid_around, search
from descenso.training.plan import Plan

RATES = grid_around(0.1)


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(3)
    inputs = random.normal(size=(90, 5)) * [1, 1, 2, 3, 0.5]
    labels = (inputs @ random.normal(size=(5, 3)) + random.normal(size=(90, 3))).argmax(axis=1)
    return ds.from_arrays(inputs, labels, test_fraction=0.2)


def on_a_quadratic(steps, curvature=2.0, noise=0.0):
    """Return the search on gradient descent on ½ λ x² + 0.1 from x = 1, which is stable below a rate of 2 / λ."""
    random = np.random.default_rng(0)
    costs = np.empty((3, len(RATES), steps))
    for seed in range(3):
        for place, rate in enumerate(RATES):
            x = 1.0
            for step in range(steps):
                with np.errstate(over="ignore"):
                    costs[seed, place, step] = 0.5 * curvature * np.float64(x) ** 2 + 0.1
                x -= rate * (curvature * x + noise * random.normal())
    return FoundRate(RATES, costs, full=not noise)


@pytest.mark.parametrize("curvature", [0.3, 2.0, 17.0])
def test_the_edge_of_a_quadratic_is_two_over_its_curvature(curvature):
    found = on_a_quadratic(200, curvature)
    last, first = found.edge
    assert last <= 2 / curvature <= first
    assert first / last < 1.01 * found.cell
    assert found.best <= last


def test_twice_as_many_steps_move_the_answer_by_less_than_a_cell():
    for noise in (0.0, 0.03):
        short, long = (on_a_quadratic(steps, noise=noise) for steps in (100, 200))
        assert 1 / short.cell < long.best / short.best < short.cell
        assert long.settled


def test_an_easy_first_batch_makes_small_rates_no_less_safe():
    """If the first batch of a seed has a low cost, later batches cost more even at rates too small to matter."""
    found = on_a_quadratic(100)
    costs = found.costs.copy()
    costs[1, :, 0] -= 0.1
    moved = found._replace(costs=costs)
    assert not np.isfinite(moved.means[1, 0])
    assert 1 / found.cell < moved.best / found.best < found.cell
    assert moved.edge[1] == found.edge[1]
    assert found._replace(costs=np.full_like(costs, np.nan)).safe == 0


def test_what_has_not_settled_is_said():
    costs = np.ones((1, len(RATES), 10))
    costs[0, 3, 3:5] = 0.5  # best by the first half
    costs[0, 12, 5:] = 0.1  # best by all steps
    found = FoundRate(RATES, costs)
    assert found.settled is False
    assert any("--steps 20" in line for line in found.sentences())


def test_what_the_grid_tells_of_the_edge_is_said():
    costs = np.ones((2, len(RATES), 10))
    most = f"{RATES[-1]:.3g}, the largest rate tried."
    assert f"Safe for all seeds up to {most}" in FoundRate(RATES, costs).sentences()
    costs[0, -1, -1] = 3.0  # unsafe for one seed, at the largest rate
    assert f"Safe for all seeds up to {RATES[-2]:.3g}; for some up to {most}" in FoundRate(RATES, costs).sentences()
    costs[1, -1, -1] = 3.0
    said = f"Safe for all seeds up to {RATES[-2]:.3g}; for none from {RATES[-1]:.3g} on."
    assert said in FoundRate(RATES, costs).sentences()


def test_no_safe_rate_is_no_answer():
    costs = np.ones((2, len(RATES), 10))
    costs[:, :, -1] = 3.0
    found = FoundRate(RATES, costs)
    assert found.best is None
    assert found.safe == 0
    assert not found.falls
    assert "No rate of the grid is safe" in found.sentences()[0]
    assert found.as_json()["learning_rate"] is None


def test_costs_that_do_not_fall_say_nothing_of_the_rate():
    """Where no rate lowers the cost, the fastest rate is chance, which is said."""
    noise = np.random.default_rng(0).normal(0, 1e-4, (2, len(RATES), 20))
    flat = FoundRate(RATES, np.linspace(2.3025, 2.3, 20) + noise)
    assert not flat.falls
    assert any("--steps 40" in line and "2.301" in line for line in flat.sentences())
    assert flat.as_json()["cost_falls"] is False
    falling = flat.costs.copy()
    falling[:, 3] = np.linspace(2.3025, 1.5, 20)
    assert FoundRate(RATES, falling).falls
    assert not any("clearly fall" in line for line in FoundRate(RATES, falling).sentences())
    falling[:, 3, -1] = np.nan  # not safe
    assert not FoundRate(RATES, falling).falls


def test_seeds_that_disagree_make_a_band():
    costs = np.broadcast_to(np.linspace(1, 0.5, 10), (2, len(RATES), 10)).copy()
    costs[0, 10:, 4:] = np.nan
    costs[1, 15:, 4:] = np.nan
    assert FoundRate(RATES, costs).edge == (RATES[9], RATES[15])


def test_a_rule_of_the_users_own_has_no_edge_in_theory(data):
    plan = Plan.of(TrainConfig.of(batch_size=20), data)
    for rule in ("mine:rule", "adam"):
        config = plan.config.model_copy(update={"rule": rule})
        assert edge_in_theory(plan._replace(config=config), []) is None


@pytest.mark.slow
def test_the_largest_eigenvalue_is_that_of_the_hessian(data):
    plan = Plan.of(TrainConfig.of(dtype="float64", batch_size=20), data)
    rows = Rows(plan.train).tensors
    begin = {name: value + 0.1 for name, value in plan.start().params.items()}
    names, sizes = list(begin), [int(tf.size(value)) for value in begin.values()]

    def cost(flat):
        parts = tf.split(flat, sizes)
        params = {name: tf.reshape(part, begin[name].shape) for name, part in zip(names, parts, strict=True)}
        return objective(plan.problem, params, {}, rows)[0]

    flat = np.concatenate([value.numpy().ravel() for value in begin.values()])
    step, hessian = 1e-4, np.empty((len(flat), len(flat)))
    for i in range(len(flat)):
        for j in range(len(flat)):
            e, f = np.eye(len(flat))[i] * step, np.eye(len(flat))[j] * step
            around = [float(cost(tf.constant(flat + a * e + b * f))) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            hessian[i, j] = (around[0] - around[1] - around[2] + around[3]) / (4 * step**2)
    expected = np.linalg.eigvalsh(hessian)[-1]
    assert largest_eigenvalue(plan.problem, begin, {}, rows) == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
def test_the_measured_edge_is_that_of_the_hessian(data):
    found = ds.find_rate(
        data, model="softmax", batch_size="full", learning_rate=1.0, seeds=1, steps=400, dtype="float64"
    )
    last, first = found.edge
    assert last < first < 1.06 * last  # narrower than a cell of the grid
    assert last / 1.1 < found.theory < first * 1.1
    assert found.best <= first


@pytest.mark.slow
def test_a_search_is_repeated_to_the_bit_and_trains_what_train_does(data, tmp_path):
    found, again = (
        ds.find_rate(data, model="softmax", seeds=2, steps=12, batch_size=16, dtype="float64") for _ in range(2)
    )
    np.testing.assert_array_equal(found.costs, again.costs)
    place = 8
    plan = Plan.of(TrainConfig.of(learning_rate=found.rates[place], seed=1, batch_size=16, dtype="float64"), data)
    with closing(plan.bind()) as runner:
        costs = np.concatenate([trace.costs for _, trace in runner.walk(plan.start(), map(plan.order, range(3)))])
    np.testing.assert_allclose(found.costs[1, place], costs[:12], rtol=1e-9)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_other_models_are_searched_run_after_run(data):
    found = ds.find_rate(data, model="mlp", hidden=(4,), seeds=1, steps=6, batch_size=16)
    assert found.costs.shape == (1, 25, 6)
    assert len(found.tables()[0]) == 26


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 1}, "steps must be at least 2"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"schedule": "cosine"}, "leave --schedule out"),
        ({"rule": "sgdd"}, "sgdd"),
    ],
)
def test_wrong_settings_are_refused(data, settings, message):
    with pytest.raises(ConfigError, match=message):
        ds.find_rate(data, **settings)


@pytest.mark.slow
def test_numbers_that_layers_draw_are_noise(data):
    """With all rows in a batch and dropout, a cost may rise from a step to the next at any rate."""
    found = {}
    for dropout in (0.0, 0.2):

        def plan_of(rate, seed, dropout=dropout):
            given = {"model": "mlp", "hidden": "20", "dropout": dropout, "batch_size": "full", "schedule": "constant"}
            return Plan.of(TrainConfig.of(**given, rule="sgd", learning_rate=rate, seed=seed), data)

        found[dropout] = search(plan_of, (0.01, 0.1, 1.0), (0, 1), 60)
    assert found[0.0].full
    assert not found[0.2].full
    assert found[0.2].best
    assert found[0.2].theory is None
