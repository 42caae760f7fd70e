"""Record of a lesson: the explanation of a message, or of a removed call."""

from collections.abc import Mapping
from typing import NamedTuple

PRED = "pred = tf.nn.softmax(tf.matmul(x, W) + b)"
COST = "cost = -tf.reduce_mean(tf.reduce_sum(y * tf.math.log(pred), axis=1))"
GRADIENTS = "grad_W, grad_b = tape.gradient(cost, [W, b])"
CROSS_ENTROPY = "costs = tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=logits)\ncost = tf.reduce_mean(costs)"
SPARSE = (
    "costs = tf.nn.sparse_softmax_cross_entropy_with_logits(\n    labels=labels, logits=logits\n)\n"
    "cost = tf.reduce_mean(costs)"
)


class Lesson(NamedTuple):
    """An entry of `descenso explain`; its sentences are marked for the catalogue."""

    name: str
    means: str  # meaning of the message, formatted with the groups of the patterns
    why: str  # cause of the message
    code: str  # lines that work in TensorFlow 2, for a softmax regression with x, y, W, b, pred and cost
    patterns: tuple[str, ...]  # regular expressions of its messages, all with the same groups
    calls: Mapping[str, str]  # removed symbols, and code or a sentence that replaces each


def lesson(means: str, why: str, code: str, *patterns: str, calls: Mapping[str, str] | None = None) -> Lesson:
    """Return a lesson without its name."""
    return Lesson("", means, why, code, patterns, calls or {})


def named(lessons: Mapping[str, Lesson]) -> tuple[Lesson, ...]:
    """Return the lessons of a table with their names."""
    return tuple(entry._replace(name=name) for name, entry in lessons.items())
