"""Table of the doctor's checks: severity, evidence, reason, source and function of each."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from descenso.doctor import checks_data, checks_run, checks_step
from descenso.doctor.evidence import Evidence, Finding, Observation
from descenso.text import _, mark


class Check(NamedTuple):
    """A check for one kind of mistake.

    Attributes:
        severity: "error" if the model cannot be right; "warning" if it may be right, but could be better.
        looks_at: the fields of `Evidence` that it reads.
        why: reason why the mistake matters, marked for the catalogue.
        source: publication or manual that gives the reason.
        observe: evidence -> the observation, or None if the mistake was not made.
    """

    severity: str
    looks_at: str
    why: str
    source: str
    observe: Callable[[Evidence], Observation | None]


KERAS, GUIDE = "Keras, API reference of losses", "TensorFlow, guide to automatic differentiation"
BOOK = "Goodfellow, Bengio and Courville (2016), section "

# fmt: off
CHECKS = {
    "labels-not-one-hot": Check(
        "error", "rows", mark("Class numbers cannot be multiplied by outputs: the shapes do not match, or by chance."),
        KERAS, checks_data.labels_not_one_hot),
    "labels-one-hot": Check(
        "error", "rows", mark("The loss would read each number of the row as a separate class."),
        KERAS, checks_data.labels_one_hot),
    "labels-from-1": Check(
        "error", "rows", mark("Classes count from 0: the last class has no output, and the first output has no rows."),
        KERAS, checks_data.labels_from_1),
    "mixed-dtypes": Check(
        "error", "rows, step", mark("TensorFlow does not convert types implicitly: the first operation on both fails."),
        "TensorFlow, guide to tensors", checks_data.mixed_dtypes),
    "pixels-not-scaled": Check(
        "warning", "rows, step", mark("Gradients grow with the inputs: a rate that suits scaled inputs is too large."),
        "LeCun, Bottou, Orr and Müller (1998), section 4.3", checks_data.pixels_not_scaled),
    "pixels-zeroed": Check(
        "error", "rows", mark("Integer division drops the fraction, and with it nearly all of the image."),
        "NumPy, numpy.floor_divide", checks_data.pixels_zeroed),
    "buffer-on-sorted": Check(
        "warning", "rows", mark("A batch of few classes moves the weights towards these, and the next one back."),
        "LeCun, Bottou, Orr and Müller (1998), section 4.2", checks_data.buffer_on_sorted),
    "test-in-train": Check(
        "error", "rows", mark("The test accuracy then measures memorisation, and not the accuracy on new rows."),
        "Kaufman, Rosset and Perlich (2011)", checks_data.test_in_train),
    "imbalanced-classes": Check(
        "warning", "rows", mark("Small classes hardly change the accuracy, nor the gradient."),
        "He and Garcia (2009)", checks_data.imbalanced_classes),
    "first-cost": Check(
        "warning", "step", mark("An untrained model should give each class the same probability, at a cost of ln C."),
        "Karpathy (2019), A Recipe for Training Neural Networks", checks_step.first_cost),
    "softmax-twice": Check(
        "error", "step", mark("Softmax of probabilities is nearly uniform: cost far from 0, small gradients."),
        KERAS, checks_step.softmax_twice),
    "log-of-zero": Check(
        "error", "step, course", mark("A probability that is too small for its type is rounded to 0, and log 0 is −∞."),
        BOOK + "4.1", checks_step.log_of_zero),
    "none-gradients": Check(
        "error", "step", mark("A parameter without a gradient is not trained, or the optimizer raises an error."),
        GUIDE, checks_step.none_gradients),
    "dead-units": Check(
        "warning", "step", mark("They are 0 for every row: they get no gradient, and pass none on to earlier layers."),
        "Lu, Shin, Su and Karniadakis (2020)", checks_step.dead_units),
    "vanishing-gradients": Check(
        "warning", "step", mark("The first layers keep their initial weights, whatever the last layers learn."),
        "Glorot and Bengio (2010), section 4.2", checks_step.vanishing_gradients),
    "exploding-gradients": Check(
        "warning", "step", mark("One step moves the weights too far from the point at which the gradient was taken."),
        "Pascanu, Mikolov and Bengio (2013), section 3.2", checks_step.exploding_gradients),
    "retracing": Check(
        "warning", "calls", mark("Each trace runs the Python code again, and takes as long as hundreds of steps."),
        "TensorFlow, guide to tf.function", checks_step.retracing),
    "rate-too-high": Check(
        "error", "course", mark("Steps that overshoot the minimum raise the cost."),
        "Smith (2017), section 3.3", checks_run.rate_too_high),
    "rate-too-low": Check(
        "warning", "course", mark("The cost falls, but so slowly that training takes far too long."),
        "Smith (2017), section 3.3", checks_run.rate_too_low),
    "over-fitting": Check(
        "warning", "course", mark("The model memorises the training rows, and becomes worse on others."),
        "Prechelt (1998); " + BOOK + "7.8", checks_run.over_fitting),
}
# fmt: on


def examine(evidence: Evidence, names: Iterable[str] = CHECKS) -> list[Finding]:
    """Run the checks of these names on `evidence`; the findings are in the language in use."""
    findings = []
    for name in names:
        check = CHECKS[name]
        observation = check.observe(evidence)
        if observation:
            findings.append(Finding(name, check.severity, observation.saw, _(check.why), observation.mend))
    return findings
