"""Contenders with layers: the same network, start, batches and Adam, on descenso, in Keras and in PyTorch.

Each is imported in the process of its contender, since TensorFlow and PyTorch cannot be in one process.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from _work import CLASSES, CONFIGS, Clock, Rows, Walk
from descenso.data.order import Order

__all__ = ["descenso_layers", "keras_layers", "torch_layers"]

SHAPE = (28, 28)
SHAPES = {  # of kernels, (height, width, in, out) or (in, out)
    "mlp": [(784, 256), (256, CLASSES)],
    "cnn": [(5, 5, 1, 16), (5, 5, 16, 32), (4 * 4 * 32, 128), (128, CLASSES)],
}
BN_EPSILON = 1e-3  # Keras's; PyTorch's own is 1e-5


def begin(model: str) -> list[NDArray[np.floating]]:
    """Make the common initial parameters, in the order of the layers, in Keras's shapes."""
    random = np.random.default_rng(0)
    made = []
    for shape in SHAPES[model]:
        *incoming, units = shape
        normalised = (
            [np.ones(units), np.zeros(units)] if len(shape) == 4 else [np.zeros(units)]
        )  # scale and shift; bias
        kernel = random.normal(0, (2 / np.prod(incoming)) ** 0.5, shape)  # He et al. (2015), section 2.2
        made += [kernel, *normalised]
    return [array.astype(np.float32) for array in made]


def batches(order: Order) -> list[NDArray[np.int32]]:
    """Yield every batch of an epoch, the smaller last one too."""
    return [*order.batches, *([order.rest] if len(order.rest) else [])]


def descenso_layers(model: str, engine: str, dtype: str = "float32") -> Walk:
    """Train on an engine of descenso."""

    def walk(rows: Rows, orders: Iterator[Order], clock: Clock) -> Iterator[float]:
        import tensorflow as tf

        from descenso.training.plan import Plan

        config, every = CONFIGS[model].model_copy(update={"dtype": dtype, "engine": engine}), list(orders)
        plan = Plan.of(config, rows.dataset)
        with closing(plan.bind()) as runner:
            first = plan.start()
            held = dict(zip(first.params, map(tf.constant, begin(model)), strict=True))
            epochs = runner.walk(first._replace(params=held, rule_state=plan.problem.rule.init(held)), every)
            for order in every:
                with clock:
                    _, trace = next(epochs)
                yield float(np.average(trace.costs, weights=order.weights))

    return walk


def keras_layers(model: str) -> Walk:
    """Train with `fit` on rows in order already; the clock runs from Keras's begin of an epoch to its end."""

    def walk(rows: Rows, orders: Iterator[Order], clock: Clock) -> Iterator[float]:
        import keras

        net, config = _keras_net(model), CONFIGS[model]
        for variable, value in zip(net.trainable_variables, begin(model), strict=True):
            variable.assign(value)
        net.compile(
            keras.optimizers.Adam(config.learning_rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        x, y = rows.scaled("float32").reshape(-1, *SHAPE), rows.labels
        timed = keras.callbacks.LambdaCallback(on_epoch_begin=clock.start, on_epoch_end=clock.stop)
        for order in orders:
            flat = np.concatenate(batches(order))
            fitted = net.fit(x[flat], y[flat], config.batch_size, shuffle=False, verbose=0, callbacks=[timed])
            yield float(fitted.history["loss"][0])

    return walk


def _keras_net(model: str) -> Any:
    import keras
    from keras import layers

    if model == "mlp":
        inner = [layers.Flatten(), layers.Dense(256, "relu")]
    else:
        inner = [layers.Reshape((*SHAPE, 1))]
        for filters in (16, 32):
            inner += [layers.Conv2D(filters, 5, use_bias=False), layers.MaxPooling2D()]
            inner += [layers.BatchNormalization(momentum=0.9, epsilon=BN_EPSILON), layers.Activation("relu")]
        inner += [layers.Flatten(), layers.Dense(128, "relu")]
    return keras.Sequential([keras.Input(SHAPE), *inner, layers.Dense(CLASSES)])


def torch_layers(model: str) -> Walk:
    """Train with layers, cross-entropy and Adam, eager; threads as PyTorch sets them."""

    def walk(rows: Rows, orders: Iterator[Order], clock: Clock) -> Iterator[float]:
        import torch

        net = _torch_net(model)
        with torch.no_grad():
            for parameter, value in zip(net.parameters(), _for_torch(begin(model)), strict=True):
                parameter.copy_(torch.from_numpy(value))
        x = torch.from_numpy(rows.scaled("float32")).reshape(-1, 1, *SHAPE)
        y = torch.from_numpy(rows.labels).long()
        rule = torch.optim.Adam(net.parameters(), lr=CONFIGS[model].learning_rate, eps=1e-7)
        for order in orders:
            places = [torch.from_numpy(batch).long() for batch in batches(order)]
            with clock:
                costs = []
                for place in places:
                    rule.zero_grad()
                    cost = torch.nn.functional.cross_entropy(net(x[place]), y[place])
                    cost.backward()
                    rule.step()
                    costs.append(cost.item())
            yield float(np.average(costs, weights=order.weights))

    return walk


def _torch_net(model: str) -> Any:
    from torch import nn

    if model == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, CLASSES))
    inner: list[Any] = []
    for before, filters in ((1, 16), (16, 32)):
        inner += [nn.Conv2d(before, filters, 5, bias=False), nn.MaxPool2d(2)]
        inner += [nn.BatchNorm2d(filters, eps=BN_EPSILON, momentum=0.1), nn.ReLU()]
    return nn.Sequential(*inner, nn.Flatten(), nn.Linear(4 * 4 * 32, 128), nn.ReLU(), nn.Linear(128, CLASSES))


def _for_torch(params: list[NDArray[np.floating]]) -> Iterator[NDArray[np.floating]]:
    """Convert to PyTorch's layout: outputs first, and channels before rows and columns in the first dense layer."""
    channels = 0
    for value in params:
        if value.ndim == 4:  # (height, width, in, out)
            channels = value.shape[3]
            yield value.transpose(3, 2, 0, 1).copy()
        elif value.ndim == 2 and channels:
            side = round((len(value) / channels) ** 0.5)
            channels, pictures = 0, value.reshape(side, side, channels, -1)
            yield pictures.transpose(3, 2, 0, 1).reshape(value.shape[1], -1).copy()
        else:
            yield value.T.copy()
