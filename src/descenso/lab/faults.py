"""Faults that can be planted in a run of the lab, as ordinary settings and data."""

from typing import NamedTuple

from descenso.text import mark


class Fault(NamedTuple):
    """A fault to plant. Title and text are marked for the catalogue.

    Attributes:
        title: a few words.
        text: what happens to the run, and why.
        rule: the doctor's check that finds it.
    """

    title: str
    text: str
    rule: str


# fmt: off
FAULTS = {
    "rate-too-high": Fault(
        mark("Learning rate too high"),
        mark("Each step overshoots the minimum: the cost jumps up and down, or grows until it is no number. cnn "
             "normalises each batch and hardly suffers: for it, the fault is planted in mlp."),
        "rate-too-high"),
    "labels-shifted": Fault(
        mark("Labels from 1"),
        mark("Each label is one too high: the first class has no rows. Descenso refuses such rows before it trains; "
             "where nothing checks them, every prediction is off by one."),
        "labels-from-1"),
    "pixels-unscaled": Fault(
        mark("Pixels not scaled"),
        mark("Pixels of 0 to 255 instead of 0 to 1 make gradients 255 times as large: the cost jumps. cnn normalises "
             "each batch and does not suffer: for it, the fault is planted in mlp."),
        "pixels-not-scaled"),
    "sorted-rows": Fault(
        mark("Sorted rows, small buffer"),
        mark("The rows come sorted by class and are shuffled in a small buffer only: each batch holds one class or "
             "two, and the model forgets the others."),
        "buffer-on-sorted"),
    "softmax-twice": Fault(
        mark("Softmax twice"),
        mark("The model ends in a softmax, and the loss applies another: the cost stays far from 0."),
        "softmax-twice"),
    "naive-log": Fault(
        mark("Logarithm of zero"),
        mark("The logarithm of the softmax is taken as it is written: a probability that rounds to 0 ends the run. The "
             "rate is large, so that it happens soon; the loss that takes logits stays finite. cnn normalises "
             "each batch and does not suffer: for it, the fault is planted in mlp."),
        "log-of-zero"),
    "zero-start": Fault(
        mark("All weights start at zero"),
        mark("All units of a layer compute the same and get the same gradient: they never become different. "
             "Softmax regression has one layer only and may start so: the fault is planted in mlp."),
        "dead-units"),
}
# fmt: on
