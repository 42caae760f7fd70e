"""The details of one step: each number is compared with a separate implementation in NumPy."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from descenso.config import TrainConfig
from descenso.lab import jobs, looks, opening
from descenso.lab.inspecting import Inspector
from descenso.lab.protocol import Norms, Settings, Source
from descenso.lab.watching import FIRST, Watched
from descenso.training.control import Control
from descenso.training.loop import beginning, walk
from descenso.training.plan import Plan

EXACT = {"rtol": 1e-6, "atol": 1e-6}


def stands(data, **settings):
    """Return a plan, the same plan in float64, and the progress in the middle of the second epoch."""
    plan = Plan.of(TrainConfig.of(**{"epochs": 3, "batch_size": 20, "checkpoint_every": 1, **settings}), data)
    with closing(plan.bind()) as runner:
        progress = next(each for each in walk(plan, runner) if each.position == (1, 4))
    return plan, opening.in_float64(plan, data), progress


def relative(found, expected):
    """Check for equal shapes, and equal values relative to the largest one."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * max(np.abs(expected).max(), 1e-12))


def softmax(z):
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def in_the_batch(plan, opened):
    rows = plan.order(opened.epoch).batches[opened.step]
    np.testing.assert_array_equal(rows, opened.batch)
    assert rows[opened.place] == opened.row
    return plan.train.inputs[rows].reshape(len(rows), -1).astype(np.float64) / 255, plan.train.labels[rows]


@pytest.mark.parametrize("rule", ["sgd", "momentum:momentum=0.9"])
@pytest.mark.parametrize("row", [0, 17, 150])
def test_every_number_of_softmax_is_numpys(rule, row, tiny):
    plan, wide, progress = stands(tiny, rule=rule, learning_rate=0.2, schedule="exponential")
    opened = opening.opened(plan, wide, progress, row)
    x, y = in_the_batch(plan, opened)
    state, place = progress.state, opened.place
    W, b = np.asarray(state.params["W"], np.float64).T, np.asarray(state.params["b"], np.float64)
    z = x @ W + b
    p = softmax(z)
    costs = -np.log(p[np.arange(len(y)), y])
    delta = (p - np.eye(4)[y]) / len(y)
    rate = 0.2 * 0.01 ** ((1 * 11 + 4) / 33)
    moved = {"W": -rate * x.T @ delta, "b": -rate * delta.sum(axis=0)}
    if rule != "sgd":
        velocity = {name: np.asarray(value, np.float64) for name, value in state.rule_state["velocity"].items()}
        moved = {"W": 0.9 * velocity["W"].T + moved["W"], "b": 0.9 * velocity["b"] + moved["b"]}
    expected = {
        "inputs": x[place].reshape(8, 8), "logits": z[place], "probabilities": p[place], "cost": costs[place],
        "gradient of the logits": delta[place], "gradient of W": x.T @ delta, "gradient of b": delta.sum(axis=0),
        "update of W": moved["W"], "update of b": moved["b"],
    }  # fmt: skip
    assert {stage.name for stage in opened.stages} == set(expected)
    for stage in opened.stages:
        relative(stage.values, expected[stage.name])
    assert [stage.shape for stage in opened.stages[:4]] == [(20, 8, 8), (20, 4), (20, 4), (20,)]
    relative(opened.contributions.reshape(4, -1).sum(axis=1) + opened.bias, z[place])
    relative(opened.contributions[2], (x[place] * W[:, 2]).reshape(8, 8))
    np.testing.assert_allclose(
        [opened.cost, opened.batch_cost, opened.rate], [costs[place], costs.mean(), rate], **EXACT
    )


def test_every_number_of_mlp_is_numpys(tiny):
    plan, wide, progress = stands(tiny, model="mlp", hidden="8", rule="sgd", learning_rate=0.1, schedule="constant",
                                  dropout=0.0)  # fmt: skip
    opened = opening.opened(plan, wide, progress, 33)
    x, y = in_the_batch(plan, opened)
    held = {name: np.asarray(value, np.float64) for name, value in progress.state.params.items()}
    pre = x @ held["dense/kernel"] + held["dense/bias"]
    h = np.maximum(pre, 0)
    z = h @ held["dense_1/kernel"] + held["dense_1/bias"]
    delta = (softmax(z) - np.eye(4)[y]) / len(y)
    back = delta @ held["dense_1/kernel"].T * (pre > 0)
    expected = {
        "dense": h[opened.place], "logits": z[opened.place], "gradient of dense_1/kernel": h.T @ delta,
        "gradient of dense/kernel": x.T @ back, "gradient of dense/bias": back.sum(axis=0),
        "update of dense/kernel": -0.1 * x.T @ back,
    }  # fmt: skip
    stages = {stage.name: stage for stage in opened.stages}
    for name, values in expected.items():
        relative(stages[name].values, values)
    assert opened.contributions is None
    relative(opened.last.sum(axis=1) + opened.bias, z[opened.place])


def test_the_opened_step_equals_the_next_step(tiny):
    """With dropout, too: cost and update are those of the next step, whose batch holds the row."""
    plan, wide, progress = stands(tiny, model="mlp", hidden="16", dropout=0.5)
    row = int(plan.order(1).batches[4][7])
    opened = opening.opened(plan, wide, progress, row)
    assert (opened.epoch, opened.step, opened.place) == (1, 4, 7)
    with closing(plan.bind()) as runner:
        after, trace = next(runner.walk(progress.state, [plan.order(1).between(4, 5)]))
    assert opened.batch_cost == pytest.approx(trace.costs[0], rel=1e-5)
    update = next(stage.values for stage in opened.stages if stage.name == "update of dense/kernel")
    taken = np.asarray(after.params["dense/kernel"]) - np.asarray(progress.state.params["dense/kernel"])
    np.testing.assert_allclose(update, taken, rtol=1e-3, atol=1e-6)


def test_layers_of_cnn_for_one_row(tiny):
    plan, wide, progress = stands(tiny, model="cnn", filters="3", hidden="8")
    seen = opening.activations(plan, progress, tiny, 5)
    shapes = {name: values.shape for name, values in seen.layers}
    assert [shape for shape in shapes.values() if len(shape) == 3][:3] == [(8, 8, 1), (8, 8, 3), (4, 4, 3)]
    assert list(shapes.values())[-1] == (4,)
    expected = looks.Predictor.of_state(plan.problem, progress.state).compute(tiny.test.inputs[5:6])[0]
    np.testing.assert_allclose(seen.layers[-1][1], expected, rtol=1e-4, atol=1e-5)
    opened = opening.opened(plan, wide, progress, 5)
    relative(opened.last.sum(axis=1) + opened.bias, opened.logits)
    pictures = looks.pictures(plan, progress.state, tiny.class_names)
    assert (pictures.kind, pictures.images.shape) == ("filters", (3, 5, 5))


@pytest.mark.parametrize("row", [-1, 10**6])
def test_a_row_that_does_not_exist(row, tiny):
    plan, wide, progress = stands(tiny)
    assert opening.opened(plan, wide, progress, row) is None
    assert opening.activations(plan, progress, tiny, row) is None


def test_pictures_and_norms(tiny):
    plan, _wide, progress = stands(tiny, learning_rate=0.2)
    pictures = looks.pictures(plan, progress.state, tiny.class_names)
    assert (pictures.kind, pictures.images.shape, pictures.names) == ("templates", (4, 8, 8), tiny.class_names)
    assert np.abs(pictures.images).max() == 1
    np.testing.assert_allclose(pictures.images[1].ravel() * pictures.scale, progress.state.params["W"][1], rtol=1e-6)
    norms = looks.NormsOverTime()
    norms.add(plan, progress)
    (of_W, of_b) = norms.norms()
    assert (of_W.layer, of_b.layer, list(of_W.steps)) == ("W", "b", [15])
    assert of_W.updates[0] == pytest.approx(0.2 * of_W.gradients[0], rel=1e-4)
    assert of_W.weights[0] == pytest.approx(np.linalg.norm(progress.state.params["W"]), rel=1e-6)


def test_norms_of_the_first_chunks_are_known_after_a_short_run(tiny):
    plan, _wide, _progress = stands(tiny)
    watched = Watched(Settings(epochs=plan.config.epochs), Control())
    watched.on_begin(Path("runs/short"), plan.config, tiny)
    with closing(plan.bind()) as runner:
        for progress in (beginning(plan), *walk(plan, runner)):
            watched.on_chunk(progress, plan.problem)
    inspector = Inspector(watched)
    inspector._norms(plan, watched.progress)
    assert list(inspector.norms.norms()[0].steps) == list(range(FIRST))


def test_norms_are_added_while_they_are_read(tiny, monkeypatch):
    """Training adds norms in one thread while another sends them to the page."""
    plan, _wide, progress = stands(tiny)
    later = progress._replace(state=progress.state._replace(step=progress.state.step + 1))
    norms = looks.NormsOverTime()
    norms.add(plan, progress)

    def made(*given):
        norms.add(plan, later)
        return Norms(*given)

    monkeypatch.setattr(looks, "Norms", made)
    assert [(len(each.steps), len(each.gradients)) for each in norms.norms()] == [(1, 1), (1, 1)]
    assert list(norms.norms()[0].steps) == [15, 16]


@pytest.mark.parametrize("model", ["softmax", "mlp", "cnn"])
def test_a_picture_is_predicted_as_by_the_model(model, tiny):
    settings = {"mlp": {"hidden": "8"}, "cnn": {"filters": "3", "hidden": "8"}}.get(model, {})
    plan, _wide, progress = stands(tiny, model=model, **settings)
    expected = looks.Predictor.of_state(plan.problem, progress.state).probabilities(tiny.test.inputs[:1])[0]
    np.testing.assert_allclose(opening.probabilities(plan, progress, tiny.test.inputs[0]), expected, atol=1e-5)
    assert opening.probabilities(plan, progress, np.zeros((28, 28), np.uint8)) is None


def test_rows_are_those_of_the_dataset_that_is_chosen(tiny):
    """The page offers mnist besides the data of the command line."""
    source = Source("digits.npz")
    assert jobs._rows(Settings("digits.npz"), source, tiny) is tiny
    assert jobs._rows(Settings("mnist"), source, tiny).name == "mnist"
