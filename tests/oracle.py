"""Gradient descent written from the papers in float64 NumPy, with which every engine must agree.

It uses none of descenso's mathematics and engines. It shares only data with them: rows, initial parameters, and the
order of the rows. A model is one function: its cost and gradients. A rule is one function: the update of one parameter,
with a memory of its own that is empty before the first step.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Arrays = dict[str, Array]
Rows = NDArray[np.int32]


class Walk(NamedTuple):
    """Result of a walk: (steps,) costs before each update, and the parameters after the last one."""

    costs: NDArray[np.generic]
    params: Mapping[str, NDArray[np.generic]]


def softmax_regression(params: Arrays, inputs: Array, labels: Rows) -> tuple[float, Arrays]:
    """Cost in nats and gradients of softmax regression, z = x W + b.

        cost = mean of log Σⱼ exp(zⱼ) − z_y,   ∇z = (softmax(z) − one_hot(y)) / batch,   ∇W = xᵀ ∇z,   ∇b = Σ ∇z

    Source: Bishop, Pattern Recognition and Machine Learning (2006), equations 4.108 and 4.109; the largest z
    is taken out of the exponentials, as in Goodfellow, Bengio and Courville, Deep Learning (2016), section 4.1.
    """
    x = inputs.reshape(len(inputs), -1)  # (batch, num_inputs)
    z = x @ params["W"] + params["b"]  # (batch, num_classes)
    z = z - z.max(axis=1, keepdims=True)
    total = np.exp(z).sum(axis=1)  # (batch,)
    picked = np.arange(len(labels)), labels
    cost = np.mean(np.log(total) - z[picked])
    delta = np.exp(z) / total[:, np.newaxis]  # (batch, num_classes)
    delta[picked] -= 1
    delta /= len(labels)
    return float(cost), {"W": x.T @ delta, "b": delta.sum(axis=0)}


def perceptron(params: Arrays, inputs: Array, labels: Rows) -> tuple[float, Arrays]:
    """Cost and gradients of a dense layer of rectified units, then softmax regression on them.

    Source: Goodfellow, Bengio and Courville, Deep Learning (2016), algorithms 6.3 and 6.4.
    """
    x = inputs.reshape(len(inputs), -1)  # (batch, num_inputs)
    before = x @ params["dense/kernel"] + params["dense/bias"]  # (batch, units)
    hidden = np.maximum(before, 0)
    last = {"W": params["dense_1/kernel"], "b": params["dense_1/bias"]}
    cost, gradients = softmax_regression(last, hidden, labels)
    delta = into_inputs(last, hidden, labels) * (before > 0)  # (batch, units)
    return cost, {
        "dense/kernel": x.T @ delta,
        "dense/bias": delta.sum(axis=0),
        "dense_1/kernel": gradients["W"],
        "dense_1/bias": gradients["b"],
    }


def into_inputs(params: Arrays, inputs: Array, labels: Rows) -> Array:
    """Return the gradient of softmax regression's cost by its inputs, (softmax(z) − one_hot(y)) Wᵀ / batch."""
    z = inputs @ params["W"] + params["b"]
    chances = np.exp(z - z.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    chances[np.arange(len(labels)), labels] -= 1
    return chances @ params["W"].T / len(labels)


def convolutional(params: Arrays, inputs: Array, labels: Rows) -> tuple[float, Arrays]:
    """Cost and gradients of two blocks (convolution, max pooling, batch normalisation, ReLU), then `perceptron`."""
    x, walked = inputs[..., np.newaxis], []  # (batch, height, width, 1)
    for block in ("", "_1"):
        kernel = params[f"conv2d{block}/kernel"]
        scale, shift = params[f"batch_normalization{block}/gamma"], params[f"batch_normalization{block}/beta"]
        convolved = convolution(x, kernel)
        pooled, came_from = maximum(convolved)
        mean, variance = pooled.mean(axis=(0, 1, 2)), pooled.var(axis=(0, 1, 2))
        root = np.sqrt(variance + BATCH_EPSILON)
        normal = (pooled - mean) / root
        walked.append((block, x, kernel, convolved.shape, came_from, normal, root, scale, shift))
        x = np.maximum(scale * normal + shift, 0)
    cost, gradients = perceptron(params, x, labels)
    hidden = np.maximum(x.reshape(len(x), -1) @ params["dense/kernel"] + params["dense/bias"], 0)
    last = {"W": params["dense_1/kernel"], "b": params["dense_1/bias"]}
    delta = (into_inputs(last, hidden, labels) * (hidden > 0) @ params["dense/kernel"].T).reshape(x.shape)
    for block, given, kernel, shape, came_from, normal, root, scale, shift in reversed(walked):
        delta = delta * (scale * normal + shift > 0)
        gradients[f"batch_normalization{block}/gamma"] = (delta * normal).sum(axis=(0, 1, 2))
        gradients[f"batch_normalization{block}/beta"] = delta.sum(axis=(0, 1, 2))
        by_normal = delta * scale
        shared = (0, 1, 2)  # Ioffe and Szegedy, Batch Normalization (2015), section 3, with its three terms combined
        delta = (by_normal - by_normal.mean(shared) - normal * (by_normal * normal).mean(shared)) / root
        before = np.zeros(shape)
        np.add.at(before, came_from, delta)
        gradients[f"conv2d{block}/kernel"], delta = convolution_gradients(given, kernel, before)
    return cost, gradients


BATCH_EPSILON = 1e-3  # added to the variance


def padded(x: Array, size: int) -> Array:
    """Pad `x` with zeros, so that a convolution keeps height and width."""
    edge = (size - 1) // 2
    return np.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))


def windows(x: Array, size: int) -> Array:
    """Return the window of the convolution at each place: (batch, height, width, channels, size, size)."""
    return np.lib.stride_tricks.sliding_window_view(padded(x, size), (size, size), axis=(1, 2))


def convolution(x: Array, kernel: Array) -> Array:
    """Goodfellow, Bengio and Courville (2016), equation 9.7, odd kernel size, zero padding. kernel: (h, w, in, out)."""
    return np.einsum("bhwcij,ijco->bhwo", windows(x, len(kernel)), kernel)


def convolution_gradients(x: Array, kernel: Array, delta: Array) -> tuple[Array, Array]:
    """Gradients by the kernel and by x: equations 9.11 and 9.13 there."""
    by_kernel = np.einsum("bhwcij,bhwo->ijco", windows(x, len(kernel)), delta)
    return by_kernel, convolution(delta, kernel[::-1, ::-1].transpose(0, 1, 3, 2))


def maximum(x: Array) -> tuple[Array, tuple[Array, ...]]:
    """Return the maxima of 2 × 2 windows, smaller at odd edges, and the index in x of each."""
    batch, height, width, channels = x.shape
    shape = (batch, -(-height // 2), -(-width // 2), channels)
    found, rows, columns = np.empty(shape), np.empty(shape, int), np.empty(shape, int)
    for b, i, j, c in np.ndindex(shape):
        window = x[b, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c]
        row, column = np.unravel_index(window.argmax(), window.shape)
        found[b, i, j, c], rows[b, i, j, c], columns[b, i, j, c] = window[row, column], 2 * i + row, 2 * j + column
    places = np.indices(shape)
    return found, (places[0], rows, columns, places[3])


def sgd(gradient: Array, memory: Arrays, learning_rate: float) -> Array:
    """The update −learning_rate · ∇θ. Source: Robbins and Monro (1951), section 2, with a fixed step."""
    return -learning_rate * gradient


def momentum(gradient: Array, memory: Arrays, learning_rate: float, momentum: float) -> Array:
    """Sutskever et al. (2013), equations 1 and 2."""
    memory["v"] = momentum * memory.get("v", 0) - learning_rate * gradient
    return memory["v"]


def nesterov(gradient: Array, memory: Arrays, learning_rate: float, momentum: float) -> Array:
    """Sutskever et al. (2013), equations 3 and 4, for the parameters at the look-ahead point θ + μ v.

    With φ = θ + μ v, a step adds v' − μ v + μ v' to φ, where v' = μ v − η g(φ).
    """
    before = memory.get("v", 0)
    memory["v"] = momentum * before - learning_rate * gradient
    return memory["v"] - momentum * before + momentum * memory["v"]


def adagrad(gradient: Array, memory: Arrays, learning_rate: float, epsilon: float) -> Array:
    """Duchi, Hazan and Singer (2011), figure 1: diag(G)^(1/2) + δ I divides."""
    memory["G"] = memory.get("G", 0) + gradient**2
    return -learning_rate * gradient / (epsilon + memory["G"] ** 0.5)


def rmsprop(gradient: Array, memory: Arrays, learning_rate: float, rho: float, epsilon: float) -> Array:
    """Tieleman and Hinton (2012), lecture 6e, slide 29."""
    memory["mean square"] = rho * memory.get("mean square", 0) + (1 - rho) * gradient**2
    return -learning_rate * gradient / (memory["mean square"] ** 0.5 + epsilon)


def adadelta(gradient: Array, memory: Arrays, learning_rate: float, rho: float, epsilon: float) -> Array:
    """Zeiler (2012), algorithm 1."""
    memory["E[g²]"] = rho * memory.get("E[g²]", 0) + (1 - rho) * gradient**2
    change = -((memory.get("E[Δx²]", 0) + epsilon) ** 0.5) / (memory["E[g²]"] + epsilon) ** 0.5 * gradient
    memory["E[Δx²]"] = rho * memory.get("E[Δx²]", 0) + (1 - rho) * change**2
    return learning_rate * change


def adam(gradient: Array, memory: Arrays, learning_rate: float, beta_1: float, beta_2: float, epsilon: float) -> Array:
    """Kingma and Ba (2015), algorithm 1."""
    t = memory["t"] = memory.get("t", 0) + 1
    memory["m"] = beta_1 * memory.get("m", 0) + (1 - beta_1) * gradient
    memory["v"] = beta_2 * memory.get("v", 0) + (1 - beta_2) * gradient**2
    return -learning_rate * (memory["m"] / (1 - beta_1**t)) / ((memory["v"] / (1 - beta_2**t)) ** 0.5 + epsilon)


def nadam(gradient: Array, memory: Arrays, learning_rate: float, beta_1: float, beta_2: float, epsilon: float) -> Array:
    """Dozat (2016), algorithm 2, with the μ of its section 3."""
    t = memory["t"] = memory.get("t", 0) + 1
    mu = [beta_1 * (1 - 0.5 * 0.96 ** (0.004 * i)) for i in range(1, t + 2)]
    memory["m"] = mu[t - 1] * memory.get("m", 0) + (1 - mu[t - 1]) * gradient
    memory["n"] = beta_2 * memory.get("n", 0) + (1 - beta_2) * gradient**2
    m_hat = mu[t] * memory["m"] / (1 - np.prod(mu)) + (1 - mu[t - 1]) * gradient / (1 - np.prod(mu[:t]))
    return -learning_rate * m_hat / ((memory["n"] / (1 - beta_2**t)) ** 0.5 + epsilon)


def lion(gradient: Array, memory: Arrays, learning_rate: float, beta_1: float, beta_2: float) -> Array:
    """Chen et al. (2023), program 1."""
    before = memory.get("m", np.zeros_like(gradient))
    memory["m"] = beta_2 * before + (1 - beta_2) * gradient
    return -learning_rate * np.sign(beta_1 * before + (1 - beta_1) * gradient)


MODELS: dict[str, Callable[[Arrays, Array, Rows], tuple[float, Arrays]]] = {
    "softmax": softmax_regression,
    "mlp": perceptron,
    "cnn": convolutional,
}
RULES: dict[str, Callable[..., Array]] = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adadelta": adadelta,
    "adam": adam,
    "nadam": nadam,
    "lion": lion,
}


def descend(
    model: str,
    rule: str,
    start: Mapping[str, NDArray[np.generic]],
    inputs: NDArray[np.generic],
    labels: Rows,
    orders: Iterable[Iterable[Rows]],
    learning_rate: float,
    input_scale: float = 1.0,
    **options: float,
) -> Walk:
    """Walk from `start`, one step for each batch of each order.

    Args:
        model, rule: keys of `MODELS` and `RULES`.
        start: parameters in the user's layout.
        inputs, labels: all rows; a batch of an order gives the rows of a step.
        orders: one per epoch; each yields the rows of its steps in turn.
        learning_rate: of every step.
        input_scale: factor of the inputs.
        **options: of the rule; `weight_decay` is adamw's, Loshchilov and Hutter (2019), algorithm 2.
    """
    decay = options.pop("weight_decay", 0.0)
    update = RULES["adam" if rule == "adamw" else rule]
    params = {name: np.array(value, np.float64) for name, value in start.items()}
    memories: dict[str, Arrays] = {name: {} for name in params}
    costs = []
    for order in orders:
        for rows in order:
            cost, gradients = MODELS[model](params, inputs[rows].astype(np.float64) * input_scale, labels[rows])
            costs.append(cost)
            for name, gradient in gradients.items():
                change = update(gradient, memories[name], learning_rate, **options)
                params[name] = params[name] + change - learning_rate * decay * params[name]
    return Walk(np.array(costs), params)
