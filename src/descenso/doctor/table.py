"""The rules of the doctor, one row each: severity, why it matters, where that is written, and what sees it."""

from collections.abc import Callable
from typing import NamedTuple

from descenso.doctor import checks_data as rules_data
from descenso.doctor import checks_run as rules_run
from descenso.doctor import checks_step as rules_step
from descenso.doctor.evidence import Evidence, Finding, Seen
from descenso.text import _, mark


class Rule(NamedTuple):
    """A rule.

    Attributes:
        severity: "error", what is learned cannot be right; "warning", it may be right, and could be better.
        looks_at: what it needs to see: rows, a step, a course, calls.
        why: why it matters, marked for the catalogue.
        source: where that is written.
        see: evidence -> what was seen and the line that mends it, or None.
    """

    severity: str
    looks_at: str
    why: str
    source: str
    see: Callable[[Evidence], Seen | None]


KERAS, GUIDE = "Keras, API reference of losses", "TensorFlow, guide to automatic differentiation"
BOOK = "Goodfellow, Bengio and Courville (2016), section "

# fmt: off
RULES = {
    "labels-not-one-hot": Rule(
        "error", "rows", mark("Their product with the outputs means nothing: the shapes do not fit, or fit by chance."),
        KERAS, rules_data.labels_not_one_hot),
    "labels-one-hot": Rule(
        "error", "rows", mark("Each number of the row would be read as a class of its own."),
        KERAS, rules_data.labels_one_hot),
    "labels-from-1": Rule(
        "error", "rows", mark("Classes count from 0: the last one has no output, and the first output has no rows."),
        KERAS, rules_data.labels_from_1),
    "mixed-dtypes": Rule(
        "error", "rows, step", mark("TensorFlow converts no tensor unasked: the first operation on both is refused."),
        "TensorFlow, guide to tensors", rules_data.mixed_dtypes),
    "pixels-not-scaled": Rule(
        "warning", "rows, step", mark("Gradients grow with the inputs: a rate that suits others makes these diverge."),
        "LeCun, Bottou, Orr and Müller (1998), section 4.3", rules_data.pixels_not_scaled),
    "pixels-zeroed": Rule(
        "error", "rows", mark("Division of whole numbers drops the fraction, and with it nearly all of the picture."),
        "NumPy, numpy.floor_divide", rules_data.pixels_zeroed),
    "buffer-on-sorted": Rule(
        "warning", "rows", mark("A batch of few classes pulls the weights to those, and the next ones pull them back."),
        "LeCun, Bottou, Orr and Müller (1998), section 4.2", rules_data.buffer_on_sorted),
    "test-in-train": Rule(
        "error", "rows", mark("The test then measures memory, and says nothing of rows that are new."),
        "Kaufman, Rosset and Perlich (2011)", rules_data.test_in_train),
    "imbalanced-classes": Rule(
        "warning", "rows", mark("Accuracy hides the small classes, and the gradient hardly hears of them."),
        "He and Garcia (2009)", rules_data.imbalanced_classes),
    "first-cost": Rule(
        "warning", "step", mark("Who knows nothing gives each class the same share, at a cost of ln C."),
        "Karpathy (2019), A Recipe for Training Neural Networks", rules_step.first_cost),
    "softmax-twice": Rule(
        "error", "step", mark("Softmax of probabilities is nearly flat: the cost stays far from 0, gradients small."),
        KERAS, rules_step.softmax_twice),
    "log-of-zero": Rule(
        "error", "step, course", mark("A probability that is too small for its precision is 0, and log 0 is −∞."),
        BOOK + "4.1", rules_step.log_of_zero),
    "none-gradients": Rule(
        "error", "step", mark("A parameter without a gradient stays as it is, or stops the program."),
        GUIDE, rules_step.none_gradients),
    "dead-units": Rule(
        "warning", "step", mark("They answer no row, so nothing teaches them again, nor any layer before them."),
        "Lu, Shin, Su and Karniadakis (2020)", rules_step.dead_units),
    "vanishing-gradients": Rule(
        "warning", "step", mark("The first layers stay as they were drawn, whatever the last ones learn."),
        "Glorot and Bengio (2010), section 4.2", rules_step.vanishing_gradients),
    "exploding-gradients": Rule(
        "warning", "step", mark("One step throws the weights far away from where the gradient was taken."),
        "Pascanu, Mikolov and Bengio (2013), section 3.2", rules_step.exploding_gradients),
    "retracing": Rule(
        "warning", "calls", mark("Each trace runs the Python code again, and costs as much as hundreds of steps."),
        "TensorFlow, guide to tf.function", rules_step.retracing),
    "rate-too-high": Rule(
        "error", "course", mark("Steps that reach beyond the valley climb its other side."),
        "Smith (2017), section 3.3", rules_run.rate_too_high),
    "rate-too-low": Rule(
        "warning", "course", mark("The way is right, and at this pace it takes days."),
        "Smith (2017), section 3.3", rules_run.rate_too_low),
    "over-fitting": Rule(
        "warning", "course", mark("It learns the training rows by heart, and becomes worse at others."),
        "Prechelt (1998); " + BOOK + "7.8", rules_run.over_fitting),
}
# fmt: on


def examine(evidence: Evidence) -> list[Finding]:
    """What the rules find in `evidence`, in the language in use."""
    seen = {name: rule.see(evidence) for name, rule in RULES.items()}
    return [
        Finding(name, RULES[name].severity, each.saw, _(RULES[name].why), each.mend)
        for name, each in seen.items()
        if each
    ]
