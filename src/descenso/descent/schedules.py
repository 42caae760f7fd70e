"""Learning-rate schedules: pure functions of the step."""

import tensorflow as tf

from descenso.descent.problem import Schedule, Tensor

__all__ = ["constant"]


def constant(learning_rate: float) -> Schedule:
    """The same rate at every step.

    Args:
        learning_rate: in (0, inf). It is carried in float64 and rounded once, to the problem's dtype.
    """

    def schedule(step: Tensor) -> Tensor:
        return tf.constant(learning_rate, tf.float64)

    return schedule
