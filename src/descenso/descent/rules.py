"""Update rules, each a pure pair of functions (see `descenso.descent.problem.Rule`).

θ are the parameters, g their gradient, η the learning rate, t the step counted from 1; all operations are by component.
Powers such as β₁ᵗ are taken in float64 and rounded once, where Keras takes them in the variables' own precision.
Names, options and defaults stand in `descenso.registry`.
"""

from collections.abc import Callable
from functools import lru_cache

import tensorflow as tf

from descenso.descent.problem import Params, Rule, RuleState, Tensor
from descenso.registry import RULES as MEMBERS
from descenso.registry import parse


def sgd() -> Rule:
    """Gradient descent: θ ← θ − η g.

    As Keras's SGD without momentum. Stochastic where the gradient is that of a batch.

    Source: Robbins and Monro, A Stochastic Approximation Method (1951), section 2, with a fixed step.
    """

    def update(gradients: Params, state: RuleState, params: Params, learning_rate: Tensor) -> tuple[Params, RuleState]:
        return {name: -learning_rate * g for name, g in gradients.items()}, state

    return Rule(lambda params: {}, update)


def momentum(momentum: float) -> Rule:
    """Heavy ball: v ← μ v − η g; θ ← θ + v.

    As Keras's SGD(momentum=μ). PyTorch keeps the rate outside v, which differs where the rate changes.

    Args:
        momentum: μ, in [0, 1).

    Source: Polyak, Some methods of speeding up the convergence of iteration methods (1964), section 2, as written in
    Sutskever et al., On the importance of initialization and momentum in deep learning (2013), section 2.
    """

    def update(gradients: Params, state: RuleState, params: Params, learning_rate: Tensor) -> tuple[Params, RuleState]:
        velocity = {name: momentum * state["velocity"][name] - learning_rate * g for name, g in gradients.items()}
        return velocity, {"velocity": velocity}

    return Rule(lambda params: {"velocity": _zeros(params)}, update)


def nesterov(momentum: float) -> Rule:
    """Nesterov's accelerated gradient, at the point looked ahead to: v ← μ v − η g; θ ← θ + μ v − η g.

    As Keras's SGD(momentum=μ, nesterov=True).

    Args:
        momentum: μ, in [0, 1).

    Source: Nesterov (1983); Sutskever et al. (2013), section 2, in the variables of Bengio, Boulanger-Lewandowski and
    Pascanu, Advances in optimizing recurrent networks (2013), section 3.5.
    """

    def update(gradients: Params, state: RuleState, params: Params, learning_rate: Tensor) -> tuple[Params, RuleState]:
        velocity = {name: momentum * state["velocity"][name] - learning_rate * g for name, g in gradients.items()}
        updates = {name: momentum * velocity[name] - learning_rate * g for name, g in gradients.items()}
        return updates, {"velocity": velocity}

    return Rule(lambda params: {"velocity": _zeros(params)}, update)


def adagrad(epsilon: float) -> Rule:
    """Adagrad: s ← s + g²; θ ← θ − η g / (√s + ε), s from 0.

    Keras starts s at 0.1, and puts ε under the root.

    Args:
        epsilon: ε, in (0, inf).

    Source: Duchi, Hazan and Singer, Adaptive Subgradient Methods (2011), figure 1, diagonal form.
    """

    def update(gradients: Params, state: RuleState, params: Params, learning_rate: Tensor) -> tuple[Params, RuleState]:
        squares = {name: state["squares"][name] + g * g for name, g in gradients.items()}
        updates = {name: -learning_rate * g / (tf.sqrt(squares[name]) + epsilon) for name, g in gradients.items()}
        return updates, {"squares": squares}

    return Rule(lambda params: {"squares": _zeros(params)}, update)


def rmsprop(rho: float, epsilon: float) -> Rule:
    """RMSProp: s ← ρ s + (1 − ρ) g²; θ ← θ − η g / (√s + ε).

    Keras puts ε under the root.

    Args:
        rho: ρ, in [0, 1).
        epsilon: ε, in (0, inf).

    Source: Tieleman and Hinton, Neural Networks for Machine Learning (2012), lecture 6e.
    """

    def update(gradients: Params, state: RuleState, params: Params, learning_rate: Tensor) -> tuple[Params, RuleState]:
        squares = _decaying(state["squares"], _squared(gradients), rho)
        updates = {name: -learning_rate * g / (tf.sqrt(squares[name]) + epsilon) for name, g in gradients.items()}
        return updates, {"squares": squares}

    return Rule(lambda params: {"squares": _zeros(params)}, update)


def adadelta(rho: float, epsilon: float) -> Rule:
    """Adadelta: s ← ρ s + (1 − ρ) g²; d = g √(u + ε) / √(s + ε); u ← ρ u + (1 − ρ) d²; θ ← θ − η d.

    As Keras's, whose η is 0.001 unless told; the paper has none, which is 1.

    Args:
        rho: ρ, in [0, 1).
        epsilon: ε, in (0, inf); the first steps are of its size.

    Source: Zeiler, ADADELTA: An Adaptive Learning Rate Method (2012), algorithm 1.
    """

    def update(gradients: Params, state: RuleState, params: Params, learning_rate: Tensor) -> tuple[Params, RuleState]:
        squares = _decaying(state["squares"], _squared(gradients), rho)
        deltas = {
            name: g * tf.sqrt(state["squared_updates"][name] + epsilon) / tf.sqrt(squares[name] + epsilon)
            for name, g in gradients.items()
        }
        carried = {
            "squares": squares,
            "squared_updates": _decaying(state["squared_updates"], _squared(deltas), rho),
        }
        return {name: -learning_rate * delta for name, delta in deltas.items()}, carried

    return Rule(lambda params: {"squares": _zeros(params), "squared_updates": _zeros(params)}, update)


def adam(beta_1: float, beta_2: float, epsilon: float) -> Rule:
    """Adam: m ← β₁ m + (1 − β₁) g; s ← β₂ s + (1 − β₂) g²; θ ← θ − η m̂ / (√ŝ + ε),
    where m̂ = m / (1 − β₁ᵗ) and ŝ = s / (1 − β₂ᵗ).

    Keras takes the form at the end of the paper's section 2, in which ε counts 1 / √(1 − β₂ᵗ) times as much.

    Args:
        beta_1: β₁, in [0, 1).
        beta_2: β₂, in [0, 1).
        epsilon: ε, in (0, inf).

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization (2015), algorithm 1.
    """

    def update(gradients: Params, state: RuleState, params: Params, learning_rate: Tensor) -> tuple[Params, RuleState]:
        count, mean, squares = _moments(gradients, state, beta_1, beta_2)
        root = tf.sqrt(_correction(beta_2, count, learning_rate.dtype))
        rate = learning_rate * root / _correction(beta_1, count, learning_rate.dtype)
        updates = {name: -rate * m / (tf.sqrt(squares[name]) + root * epsilon) for name, m in mean.items()}
        return updates, {"count": count, "mean": mean, "squares": squares}

    return Rule(_no_moments, update)


def adamw(beta_1: float, beta_2: float, epsilon: float, weight_decay: float) -> Rule:
    """AdamW: Adam, and weights that decay apart from the gradient: θ ← θ − η λ θ.

    As Keras's, but for the ε of Adam. The paper's algorithm has λ times the schedule alone; here, as in Keras and
    PyTorch, it is times the whole rate.

    Args:
        beta_1: β₁, in [0, 1).
        beta_2: β₂, in [0, 1).
        epsilon: ε, in (0, inf).
        weight_decay: λ, in [0, inf).

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization (2019), algorithm 2.
    """
    from descenso.descent.wrappers import decayed

    return decayed(adam(beta_1, beta_2, epsilon), weight_decay)


def nadam(beta_1: float, beta_2: float, epsilon: float) -> Rule:
    """Nadam: Adam with Nesterov's momentum, m ← μₜ m + (1 − μₜ) g;
    θ ← θ − η (μₜ₊₁ m / (1 − Πₜ₊₁) + (1 − μₜ) g / (1 − Πₜ)) / (√ŝ + ε),
    where μₜ = β₁ (1 − 0.96^(0.004 t) / 2) and Πₜ = μ₁ ⋯ μₜ.

    Keras has 0.96ᵗ in μₜ: its warm-up of the momentum is over after some hundred steps, the paper's after thousands.
    And there m decays by β₁, so that the first hundred steps are shorter than the corrections by Π mean them to be.

    Args:
        beta_1: β₁, in [0, 1).
        beta_2: β₂, in [0, 1).
        epsilon: ε, in (0, inf).

    Source: Dozat, Incorporating Nesterov Momentum into Adam (2016), algorithm 2 and section 3.
    """

    def at(t: Tensor) -> Tensor:  # in float64
        return beta_1 * (1 - 0.5 * tf.pow(tf.constant(0.96, tf.float64), 0.004 * tf.cast(t, tf.float64)))

    def update(gradients: Params, state: RuleState, params: Params, learning_rate: Tensor) -> tuple[Params, RuleState]:
        count = state["count"] + 1
        now, following = at(count), at(count + 1)
        mean = _decaying(state["mean"], gradients, tf.cast(now, learning_rate.dtype))
        squares = _decaying(state["squares"], _squared(gradients), beta_2)
        product = state["product"] * now
        of_mean = tf.cast(following / (1 - product * following), learning_rate.dtype)
        of_gradient = tf.cast((1 - now) / (1 - product), learning_rate.dtype)
        root = tf.sqrt(_correction(beta_2, count, learning_rate.dtype))
        rate = learning_rate * root
        updates = {
            name: -rate * (of_mean * mean[name] + of_gradient * g) / (tf.sqrt(squares[name]) + root * epsilon)
            for name, g in gradients.items()
        }
        return updates, {"count": count, "mean": mean, "squares": squares, "product": product}

    return Rule(lambda params: {**_no_moments(params), "product": tf.constant(1.0, tf.float64)}, update)


def lion(beta_1: float, beta_2: float) -> Rule:
    """Lion: θ ← θ − η sign(β₁ m + (1 − β₁) g); m ← β₂ m + (1 − β₂) g.

    As Keras's.

    Args:
        beta_1: β₁, in [0, 1).
        beta_2: β₂, in [0, 1).

    Source: Chen et al., Symbolic Discovery of Optimization Algorithms (2023), program 1.
    """

    def update(gradients: Params, state: RuleState, params: Params, learning_rate: Tensor) -> tuple[Params, RuleState]:
        signs = {name: tf.sign(c) for name, c in _decaying(state["mean"], gradients, beta_1).items()}
        mean = _decaying(state["mean"], gradients, beta_2)
        return {name: -learning_rate * sign for name, sign in signs.items()}, {"mean": mean}

    return Rule(lambda params: {"mean": _zeros(params)}, update)


@lru_cache
def build(
    spec: str | Rule, *, weight_decay: float = 0, clip_value: float = 0, clip_norm: float = 0, average: float = 0
) -> Rule:
    """Build the rule that `spec` names (see `descenso.registry.parse`), or is, in the wrappers whose number is not 0;
    equal arguments give the same rule again.
    """
    rule = spec if isinstance(spec, Rule) else _named(spec)
    if not any((weight_decay, clip_norm, clip_value, average)):
        return rule
    from descenso.descent.wrappers import wrapped

    return wrapped(rule, weight_decay, clip_norm, clip_value, average)


def _named(spec: str) -> Rule:
    name, options = parse(spec, MEMBERS)
    return RULES[name](**options)


def _zeros(params: Params) -> Params:
    return {name: tf.zeros_like(value) for name, value in params.items()}


def _squared(values: Params) -> Params:
    return {name: value * value for name, value in values.items()}


def _decaying(average: Params, values: Params, decay: float | Tensor) -> Params:
    """Update moving averages by a step: decay · average + (1 − decay) · value."""
    return {name: decay * average[name] + (1 - decay) * value for name, value in values.items()}


def _no_moments(params: Params) -> RuleState:
    return {"count": tf.constant(0, tf.int32), "mean": _zeros(params), "squares": _zeros(params)}


def _moments(gradients: Params, state: RuleState, beta_1: float, beta_2: float) -> tuple[Tensor, Params, Params]:
    """Update the moments; return the step's number t, m and s."""
    mean = _decaying(state["mean"], gradients, beta_1)
    return state["count"] + 1, mean, _decaying(state["squares"], _squared(gradients), beta_2)


def _correction(beta: float, count: Tensor, dtype: tf.DType) -> Tensor:
    """Compute 1 − βᵗ, in (0, 1]."""
    return tf.cast(1 - tf.pow(tf.constant(beta, tf.float64), tf.cast(count, tf.float64)), dtype)


RULES: dict[str, Callable[..., Rule]] = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adadelta": adadelta,
    "adam": adam,
    "adamw": adamw,
    "nadam": nadam,
    "lion": lion,
}
