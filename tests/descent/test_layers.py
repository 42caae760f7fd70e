"""Layers of our own: batch normalisation compared with Keras's, dropout and augmentation on every engine."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from descenso.descent.keras_models import from_keras
from descenso.descent.layers import Augment, BatchNormalization, Dropout, noise, synchronized
from walks import make_case, make_model, make_problem, walk

L = keras.layers


def scrambled(bits):
    """Compute the hash in Python integers."""
    for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
        bits = ((bits ^ (bits >> shift)) * factor) % 2**32
    return bits ^ (bits >> 15)


@pytest.mark.parametrize("rows", [5, 1])
def test_batch_normalisation_is_that_of_keras(rows):
    """In one operation, whose sums are rounded in another order."""
    random = np.random.default_rng(rows)

    def made(kind):
        return from_keras(lambda: keras.Sequential([L.Input((2, 1, 3)), kind(momentum=0.8), L.Flatten()]))

    ours, theirs = made(BatchNormalization), made(L.BatchNormalization)
    params, state = ({name: tf.constant(value) for name, value in part.items()} for part in theirs.init(0))
    params = {name: value + random.normal(0, 0.5, 3) for name, value in params.items()}
    inputs = tf.constant(random.normal(3, 2, (rows, 2, 1, 3)), tf.float32)
    upstream = tf.constant(random.normal(0, 1, (rows, 6)), tf.float32)
    results = []
    for model in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch([inputs, params])
            outputs, moved = model.apply(params, state, inputs, True)
        slopes = tape.gradient(outputs, [inputs, *params.values()], upstream)
        results.append([outputs, *moved.values(), *slopes, model.apply(params, moved, inputs, False)[0]])
    for mine, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=3e-6, atol=3e-6)


def by_parts(function, parts):
    """Call `function` in a thread for each of `parts`, and add up what layers exchange; return the results."""
    shared, barrier = [None] * len(parts), threading.Barrier(len(parts))

    def one(place):
        def summed(values):
            barrier.wait()
            shared[place] = values
            barrier.wait()
            return tf.add_n(shared)

        local.context = SimpleNamespace(all_reduce=lambda operation, values: summed(values))
        return function(parts[place])

    local = threading.local()
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(len(parts)) as pool:
        patch.setattr(tf.distribute, "get_replica_context", lambda: local.context)
        return list(pool.map(one, range(len(parts))))


def test_batch_normalisation_over_parts_is_that_of_the_whole_batch():
    random = np.random.default_rng(0)
    inputs = random.normal([3, 50], 2, (7, 4, 3, 2)).astype(np.float32)
    upstream = random.normal(0, 1, inputs.shape).astype(np.float32)

    def results(rows):
        model = keras.Sequential([L.Input((4, 3, 2)), L.BatchNormalization(momentum=0.8)])
        model.layers[0].gamma.assign([1.5, 0.3])
        model.layers[0].moving_mean.assign([2.5, 49])
        part = tf.constant(inputs[rows])
        with synchronized(model) if rows != whole else nullcontext(), tf.GradientTape() as tape:
            tape.watch(part)
            outputs = model(part, training=True)
        slopes = tape.gradient(outputs, [part, *model.trainable_variables], tf.constant(upstream[rows]))
        return [each.numpy() for each in (outputs, *slopes, *model.non_trainable_variables)]

    whole = slice(0, 7)
    expected = results(whole)
    found = by_parts(results, [slice(0, 3), slice(3, 7), slice(7, 7)])  # the last one without rows
    for place, wanted in enumerate(expected):
        pieces = [each[place] for each in found]
        mine = np.concatenate(pieces) if place < 2 else sum(pieces) if place < 4 else pieces[2]
        np.testing.assert_allclose(mine, wanted, rtol=1e-5, atol=1e-5)


def test_noise_is_the_hash_of_draw_and_place():
    expected = [(scrambled(scrambled(place) ^ scrambled(7)) >> 8) / 2**24 for place in range(60)]
    assert noise(tf.constant(7), tf.constant([12, 5])).numpy().ravel().tolist() == expected


def test_noise_is_spread_evenly_and_new_in_each_draw():
    first, second = (noise(tf.constant(draw), tf.constant([100_000])).numpy() for draw in (1, 2))
    counts = np.histogram(first, bins=20, range=(0, 1))[0]
    assert ((counts - 5000) ** 2 / 5000).sum() < 44  # chi-squared with 19 degrees of freedom: 0.1 % of draws exceed it
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.013  # four standard deviations
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.013


def test_dropout_leaves_out_its_share_and_keeps_the_mean():
    model = from_keras(lambda: keras.Sequential([L.Input((50,)), Dropout(0.25)]))
    state = {name: tf.constant(value) for name, value in model.init(0)[1].items()}
    ones = tf.ones([400, 50])
    same, _ = model.apply({}, state, ones, False)
    dropped, following = model.apply({}, state, ones, True)
    np.testing.assert_array_equal(same, ones)
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(1 / 0.75)}
    assert np.mean(dropped.numpy() == 0) == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 20_000) ** 0.5)
    assert int(following["dropout/draw"]) == int(state["dropout/draw"]) + 1


@pytest.mark.parametrize(
    "engine", ["graph", "eager", "compiled", pytest.param("compiled in blocks", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("model", ["mlp", pytest.param("cnn", marks=pytest.mark.slow)])
def test_dropout_is_the_same_on_every_engine(engine, model):
    case = make_case(20, rest=True, seed=5, model=model, rule="adam")
    problem = make_problem(case, "float64")
    with_dropout = problem._replace(model=make_model(model, "float64", dropout=0.5))
    reference = walk("function", with_dropout, case)
    found = walk(engine, with_dropout, case)
    assert np.abs(found.costs - reference.costs).max() < 1e-11
    assert np.abs(reference.costs - walk("function", problem, case).costs).max() > 1e-3, "nothing was dropped"


@pytest.mark.parametrize(
    "engine", ["graph", "eager", "compiled", pytest.param("compiled in blocks", marks=pytest.mark.slow)]
)
def test_augmentation_is_the_same_on_every_engine(engine):
    case = make_case(10, rest=True, seed=5, model="cnn", rule="adam")
    problem = make_problem(case, "float64")
    augmented = problem._replace(model=make_model("cnn", "float64", augment=1))
    reference, found = (walk(each, augmented, case) for each in ("function", engine))
    assert np.abs(found.costs - reference.costs).max() < 1e-11
    assert np.abs(reference.costs - walk("function", problem, case).costs).max() > 1e-3, "nothing was moved"


def augmented(strength, images):
    model = from_keras(lambda: keras.Sequential([L.Input((9, 9, 1)), Augment(strength), L.Flatten()]))
    state = {name: tf.constant(value) for name, value in model.init(0)[1].items()}
    (kept, _), (moved, after) = (model.apply({}, state, tf.constant(images), training) for training in (False, True))
    assert int(after["augment/draw"]) == int(state["augment/draw"]) + 1
    return kept.numpy().reshape(images.shape), moved.numpy().reshape(images.shape)


def test_augmentation_moves_each_image_its_own_way_and_only_while_training():
    image = np.zeros((9, 9), np.float32)
    image[3:6, 3:6] = 1
    images = np.repeat(image[None, ..., None], 500, axis=0)
    kept, moved = augmented(1.0, images)
    np.testing.assert_array_equal(kept, images)
    assert len({each.tobytes() for each in moved}) == 500
    places = np.arange(9)
    mass = moved[..., 0].sum(axis=(1, 2))
    middles = [(moved[..., 0].sum(axis=axis) * places).sum(axis=1) / mass for axis in (2, 1)]  # down, right
    for middle in middles:  # uniform within 3/28 of the size in each direction, with scaling and shear in addition
        assert 0.9 * 9 * 3 / 28 < np.abs(middle - 4).max() < 1.35 * 9 * 3 / 28
        assert abs(middle.mean() - 4) < 4 * 9 * 3 / 28 / (3 * 500) ** 0.5
    assert mass.mean() == pytest.approx(9, rel=0.1)


def test_augmentation_brings_nothing_new_into_view():
    light = np.full((20, 9, 9, 1), 200.0, np.float32)
    np.testing.assert_allclose(augmented(2.0, light)[1], light, rtol=1e-6)


def test_augmentation_of_no_strength_changes_nothing():
    images = np.random.default_rng(0).random((5, 9, 9, 1)).astype(np.float32)
    np.testing.assert_allclose(augmented(0.0, images)[1], images, atol=1e-6)
