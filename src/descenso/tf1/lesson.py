"""What is known of a message, or of a call that is gone."""

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
        name: by which it may be asked for.
        means: what the message says, marked for the catalogue; the groups of the patterns fill it.
        why: how it comes about, likewise.
        code: lines that work today, in which x, y, W, b, pred and cost are those of a softmax regression.
        patterns: regular expressions, one of which each of its messages has; all with the same groups.
        calls: what has gone, as `descenso.tf1.symbols` writes it, and what stands in its place: code, or a
            sentence marked for the catalogue.
    """

    name: str
    means: str
    why: str
    code: str
    patterns: tuple[str, ...] = ()
    calls: Mapping[str, str] = {}
