"""Records of what is explained: a message or a removed call, and a word."""

from collections.abc import Mapping
from typing import NamedTuple

PRED = "pred = tf.nn.softmax(tf.matmul(x, W) + b)"
COST = "cost = -tf.reduce_mean(tf.reduce_sum(y * tf.math.log(pred), axis=1))"
GRADIENTS = "grad_W, grad_b = tape.gradient(cost, [W, b])"
CROSS_ENTROPY = "costs = tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=logits)\ncost = tf.reduce_mean(costs)"
LAYERS = "layers = [tf.keras.Input((784,)), tf.keras.layers.Dense(10)]\nmodel = tf.keras.Sequential(layers)\n"
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


class Word(NamedTuple):
    """A word of gradient descent; its name and its sentences are marked for the catalogue."""

    name: str  # in English; the catalogue has the Spanish name
    also: tuple[str, ...]  # other names, in both languages
    means: str
    equation: str  # or ""
    code: str  # lines that run with np, tf and x, y, W, b of a softmax regression
    see: str  # a command that shows it, or ""


def lesson(means: str, why: str, code: str, *patterns: str, calls: Mapping[str, str] | None = None) -> Lesson:
    """Return a lesson without its name."""
    return Lesson("", means, why, code, patterns, calls or {})


def named(lessons: Mapping[str, Lesson]) -> tuple[Lesson, ...]:
    """Return the lessons of a table with their names."""
    return tuple(entry._replace(name=name) for name, entry in lessons.items())
