"""Wrappers of rules: clipping, decay, averaging. Each takes a rule and returns one, so that they compose."""

import tensorflow as tf

from descenso.descent.problem import Params, Rule, RuleState, Tensor


def decayed(rule: Rule, rate: float) -> Rule:
    """Add weight decay, apart from the gradient: θ ← θ − η λ θ, with λ = `rate`, in [0, inf).

    Source: Loshchilov and Hutter (2019), section 2.
    """

    def update(gradients: Params, state: RuleState, params: Params, learning_rate: Tensor) -> tuple[Params, RuleState]:
        updates, state = rule.update(gradients, state, params, learning_rate)
        return {name: each - learning_rate * rate * params[name] for name, each in updates.items()}, state

    return rule._replace(update=update)


def clipped_by_value(rule: Rule, bound: float) -> Rule:
    """Clip each component of the gradient to [−bound, bound]; `bound` in (0, inf).

    As the clipvalue of Keras.
    """

    def update(gradients: Params, state: RuleState, params: Params, learning_rate: Tensor) -> tuple[Params, RuleState]:
        clipped = {name: tf.clip_by_value(g, -bound, bound) for name, g in gradients.items()}
        return rule.update(clipped, state, params, learning_rate)

    return rule._replace(update=update)


def clipped_by_norm(rule: Rule, bound: float) -> Rule:
    """Clip the gradient's norm over all parameters together: g · min(1, bound / ‖g‖); `bound` in (0, inf).

    As the global_clipnorm of Keras.

    Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks (2013), algorithm 1.
    """

    def update(gradients: Params, state: RuleState, params: Params, learning_rate: Tensor) -> tuple[Params, RuleState]:
        norm = tf.sqrt(tf.add_n([tf.reduce_sum(g * g) for g in gradients.values()]))
        share = bound / tf.maximum(norm, bound)  # 1 within the bound
        return rule.update({name: share * g for name, g in gradients.items()}, state, params, learning_rate)

    return rule._replace(update=update)


def averaged(rule: Rule, decay: float) -> Rule:
    """Return the moving average of the weights as the result: a ← decay · a + (1 − decay) θ, from a = θ after the
    first step.

    `decay` in [0, 1). As the use_ema of Keras with ema_overwrite_frequency None.

    Source: Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging (1992), in exponential form.
    """

    def update(gradients: Params, state: RuleState, params: Params, learning_rate: Tensor) -> tuple[Params, RuleState]:
        updates, inner = rule.update(gradients, state["rule"], params, learning_rate)
        held = tf.where(state["begun"], tf.constant(decay, learning_rate.dtype), 0)  # nothing of the start
        average = {
            name: held * state["average"][name] + (1 - held) * (value + updates[name]) for name, value in params.items()
        }
        return updates, {"rule": inner, "average": average, "begun": tf.constant(True)}

    return Rule(
        lambda params: {"rule": rule.init(params), "average": dict(params), "begun": tf.constant(False)},
        update,
        lambda params, state: state["average"],
    )


def wrapped(rule: Rule, weight_decay: float, clip_norm: float, clip_value: float, average: float) -> Rule:
    """Put `rule` into the wrappers whose number is not 0, the first one innermost."""
    for number, wrapper in (
        (weight_decay, decayed),
        (clip_norm, clipped_by_norm),
        (clip_value, clipped_by_value),
        (average, averaged),
    ):
        rule = wrapper(rule, number) if number else rule
    return rule
