"""Record of a lesson: the explanation of a message, or of a removed call."""

from collections.abc import Mapping
from typing import NamedTuple

CROSS_ENTROPY = "costs = tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=logits)\ncost = tf.reduce_mean(costs)"
SPARSE = (
    "costs = tf.nn.sparse_softmax_cross_entropy_with_logits(\n    labels=labels, logits=logits\n)\n"
    "cost = tf.reduce_mean(costs)"
)


class Lesson(NamedTuple):
    """An entry of `descenso explain`.

    Attributes:
        name: name of the lesson.
        means: meaning of the message, marked for the catalogue and formatted with the groups of the patterns.
        why: cause of the message, marked likewise.
        code: lines that work in TensorFlow 2, for a softmax regression with x, y, W, b, pred and cost.
        patterns: regular expressions of its messages, all with the same groups.
        calls: removed symbols, as `descenso.tf1.symbols` writes them, and their replacements: code, or a sentence
            marked for the catalogue.
    """

    name: str
    means: str
    why: str
    code: str
    patterns: tuple[str, ...] = ()
    calls: Mapping[str, str] = {}
