"""Contenders on other libraries: NumPy, JAX, PyTorch, scikit-learn, each as its users write it."""

from collections.abc import Iterator

import numpy as np

from _work import BATCH_SIZE, CLASSES, INPUTS, RATE, Clock, Rows, Walk
from descenso.data.order import Order

__all__ = ["jax_scan", "numpy_by_hand", "sklearn_mlp", "sklearn_sgd", "torch_autograd"]


def numpy_by_hand(dtype: str) -> Walk:
    """Train with the formulas written out; in float64 it is the reference for the costs of the others."""

    def walk(rows: Rows, orders: Iterator[Order], clock: Clock) -> Iterator[float]:
        x, y, rate, each = rows.scaled(dtype), rows.labels, np.dtype(dtype).type(RATE), np.arange(BATCH_SIZE)
        W, b = np.zeros([INPUTS, CLASSES], dtype), np.zeros(CLASSES, dtype)
        for order in orders:
            with clock:
                costs = []
                for batch in order.batches:
                    inputs, labels = x[batch], y[batch]
                    logits = inputs @ W + b  # (batch, classes)
                    logits -= logits.max(axis=1, keepdims=True)
                    delta = np.exp(logits)
                    totals = delta.sum(axis=1)  # (batch,)
                    costs.append(np.mean(np.log(totals) - logits[each, labels], dtype=np.float64))
                    delta /= totals[:, np.newaxis]
                    delta[each, labels] -= 1
                    delta *= rate / BATCH_SIZE
                    W -= inputs.T @ delta
                    b -= delta.sum(axis=0)
                mean = float(np.mean(costs))
            yield mean

    return walk


def jax_scan(rows: Rows, orders: Iterator[Order], clock: Clock) -> Iterator[float]:
    """Train with `lax.scan` under `jit` over batches that are in order on the device before the clock starts."""
    import jax
    import jax.numpy as jnp

    def cost(params: tuple, inputs: jax.Array, labels: jax.Array) -> jax.Array:
        W, b = params
        log_probabilities = jax.nn.log_softmax(inputs @ W + b)
        return -jnp.take_along_axis(log_probabilities, labels[:, None], axis=1).mean()

    def step(params: tuple, batch: tuple) -> tuple:
        value, gradients = jax.value_and_grad(cost)(params, *batch)
        return jax.tree.map(lambda old, slope: old - RATE * slope, params, gradients), value

    epoch = jax.jit(lambda params, x, y: jax.lax.scan(step, params, (x, y)))
    x, y = jnp.asarray(rows.scaled("float32")), jnp.asarray(rows.labels)
    params = jnp.zeros([INPUTS, CLASSES]), jnp.zeros(CLASSES)
    for order in orders:
        batches = jax.block_until_ready((x[order.batches], y[order.batches]))
        with clock:
            params, costs = epoch(params, *batches)
            jax.block_until_ready((params, costs))
        yield float(np.mean(np.asarray(costs), dtype=np.float64))


def torch_autograd(rows: Rows, orders: Iterator[Order], clock: Clock) -> Iterator[float]:
    """Train a linear layer with cross-entropy and SGD, eager; threads as PyTorch sets them."""
    import torch

    x, y = torch.from_numpy(rows.scaled("float32")), torch.from_numpy(rows.labels).long()
    layer = torch.nn.Linear(INPUTS, CLASSES)
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    rule = torch.optim.SGD(layer.parameters(), lr=RATE)
    for order in orders:
        batches = torch.from_numpy(order.batches).long()
        with clock:
            costs = []
            for batch in batches:
                rule.zero_grad()
                cost = torch.nn.functional.cross_entropy(layer(x[batch]), y[batch])
                cost.backward()
                rule.step()
                costs.append(cost.item())
        yield float(np.mean(costs))


def sklearn_mlp(rows: Rows, orders: Iterator[Order], clock: Clock) -> Iterator[float]:
    """Train `MLPClassifier` without a hidden layer, which is softmax regression, on rows in order already."""
    from sklearn.neural_network import MLPClassifier

    x, y = rows.scaled("float32"), rows.labels
    plain = {"momentum": 0.0, "nesterovs_momentum": False, "alpha": 0.0, "shuffle": False}
    model = MLPClassifier((), solver="sgd", batch_size=BATCH_SIZE, learning_rate_init=RATE, **plain)
    model.partial_fit(x[:BATCH_SIZE], y[:BATCH_SIZE], classes=np.arange(CLASSES))  # makes its arrays, at random
    for array in model.coefs_ + model.intercepts_:
        array[...] = 0
    for order in orders:
        flat = order.batches.ravel()
        inputs, labels = x[flat], y[flat]
        with clock:
            model.partial_fit(inputs, labels)
        yield float(model.loss_)


def sklearn_sgd(rows: Rows, orders: Iterator[Order], clock: Clock) -> Iterator[float]:
    """Train `SGDClassifier`, another algorithm: one step a row, and ten classifiers of one class against the rest."""
    from sklearn.linear_model import SGDClassifier

    x, y = rows.scaled("float32"), rows.labels
    same = {"penalty": None, "learning_rate": "constant", "eta0": RATE, "shuffle": False}
    model = SGDClassifier(loss="log_loss", n_jobs=-1, **same)
    for order in orders:
        flat = order.batches.ravel()
        inputs, labels = x[flat], y[flat]
        with clock:
            model.partial_fit(inputs, labels, classes=np.arange(CLASSES))
        yield float("nan")  # it does not report its costs
