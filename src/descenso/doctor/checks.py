"""Table of the doctor's checks: severity, evidence, reason, source and function of each."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from descenso.doctor import checks_data, checks_run
from descenso.doctor.evidence import Evidence, Finding, Observation
from descenso.text import _, mark


class Check(NamedTuple):
    """A check for one kind of mistake."""

    severity: str  # "error" if the model cannot be right; "warning" if it may be right, but could be better
    looks_at: str  # the fields of `Evidence` that it takes
    source: str  # publication or manual that gives the reason
    observe: Callable[..., Observation | None]  # None if the mistake was not made; its name is that of the check
    why: str  # reason why the mistake matters, marked for the catalogue


KERAS, GUIDE = "Keras, API reference of losses", "TensorFlow, guide to automatic differentiation"
BOOK = "Goodfellow, Bengio and Courville (2016), section "

# fmt: off
CHECKS = {check.observe.__name__.replace("_", "-"): check for check in (
    Check("error", "rows, step", KERAS, checks_data.labels_not_one_hot,
          mark("Class numbers cannot be multiplied by outputs: the shapes do not match, or by chance.")),
    Check("error", "rows", KERAS, checks_data.labels_one_hot,
          mark("The loss would read each number of the row as a separate class.")),
    Check("error", "rows", KERAS, checks_data.labels_from_1,
          mark("Classes count from 0: the last class has no output, and the first output has no rows.")),
    Check("error", "rows, step", "TensorFlow, guide to tensors", checks_data.mixed_dtypes,
          mark("TensorFlow does not convert types implicitly: the first operation on both fails.")),
    Check("warning", "rows, step", "LeCun, Bottou, Orr and Müller (1998), section 4.3", checks_data.pixels_not_scaled,
          mark("Gradients grow with the inputs: a rate that suits scaled inputs is too large.")),
    Check("error", "rows", "NumPy, numpy.floor_divide", checks_data.pixels_zeroed,
          mark("Integer division drops the fraction, and with it nearly all of the image.")),
    Check("warning", "rows", "LeCun, Bottou, Orr and Müller (1998), section 4.2", checks_data.buffer_on_sorted,
          mark("A batch of few classes moves the weights towards these, and the next one back.")),
    Check("error", "rows", "Kaufman, Rosset and Perlich (2011)", checks_data.test_in_train,
          mark("The test accuracy then measures memorisation, and not the accuracy on new rows.")),
    Check("warning", "rows", "He and Garcia (2009)", checks_data.imbalanced_classes,
          mark("Small classes hardly change the accuracy, nor the gradient.")),
    Check("warning", "step", "Karpathy (2019), A Recipe for Training Neural Networks", checks_run.first_cost,
          mark("An untrained model should give each class the same probability, at a cost of ln C.")),
    Check("error", "step, last", KERAS, checks_run.softmax_twice,
          mark("Softmax of probabilities is nearly uniform: cost far from 0, small gradients.")),
    Check("error", "step, course", BOOK + "4.1", checks_run.log_of_zero,
          mark("A probability that is too small for its type is rounded to 0, and log 0 is −∞.")),
    Check("error", "step", GUIDE, checks_run.none_gradients,
          mark("A parameter without a gradient is not trained, or the optimizer raises an error.")),
    Check("warning", "step, last", "Lu, Shin, Su and Karniadakis (2020)", checks_run.dead_units,
          mark("They are 0 for every row: they get no gradient, and pass none on to earlier layers.")),
    Check("warning", "step", "Glorot and Bengio (2010), section 4.2", checks_run.vanishing_gradients,
          mark("The first layers keep their initial weights, whatever the last layers learn.")),
    Check("warning", "step", "Pascanu, Mikolov and Bengio (2013), section 3.2", checks_run.exploding_gradients,
          mark("One step moves the weights too far from the point at which the gradient was taken.")),
    Check("warning", "calls", "TensorFlow, guide to tf.function", checks_run.retracing,
          mark("Each trace runs the Python code again, and takes as long as hundreds of steps.")),
    Check("error", "course", "Smith (2017), section 3.3", checks_run.rate_too_high,
          mark("Steps that overshoot the minimum raise the cost.")),
    Check("warning", "course", "Smith (2017), section 3.3", checks_run.rate_too_low,
          mark("The cost falls, but so slowly that training takes far too long.")),
    Check("warning", "course", "Prechelt (1998); " + BOOK + "7.8", checks_run.over_fitting,
          mark("The model memorises the training rows, and becomes worse on others.")),
)}
# fmt: on


def examine(evidence: Evidence, names: Iterable[str] = CHECKS) -> list[Finding]:
    """Run the checks of these names for which there is evidence; the findings are in the language in use."""
    findings = []
    for name in names:
        check = CHECKS[name]
        parts = [getattr(evidence, part) for part in check.looks_at.split(", ")]
        observation = check.observe(*parts) if any(parts) else None
        if observation:
            saw, mend = observation
            findings.append(Finding(name, check.severity, saw, _(check.why), mend))
    return findings
