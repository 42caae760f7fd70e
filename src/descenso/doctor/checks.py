"""Table of the doctor's checks: severity, evidence, reason, source and function of each."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from descenso.doctor import checks_columns, checks_data, checks_labels, checks_run, checks_split, checks_step
from descenso.doctor.evidence import Evidence, Finding, Observation
from descenso.text import _, mark


class Check(NamedTuple):
    """A check for one kind of mistake."""

    severity: str  # "error" if the model cannot be right; "warning" if it may be right, but could be better
    looks_at: str  # the fields of `Evidence` that it takes; those with a question mark may be absent
    source: str  # publication or manual that gives the reason
    observe: Callable[..., Observation | None]  # None if the mistake was not made; its name is that of the check
    why: str  # reason why the mistake matters, marked for the catalogue
    causes: str = ""  # the later checks whose findings it explains


KERAS, GUIDE = "Keras, API reference of losses", "TensorFlow, guide to automatic differentiation"
BOOK = "Goodfellow, Bengio and Courville (2016), section "
LEAKAGE, RECIPE = "Kaufman, Rosset and Perlich (2011)", "Karpathy (2019), A Recipe for Training Neural Networks"
BACKPROP = "LeCun, Bottou, Orr and Müller (1998), section "
SHIFT = "Quiñonero-Candela, Sugiyama, Schwaighofer and Lawrence (2009)"
COURSE = "rate-too-high rate-too-low over-fitting test-far-worse imbalanced-classes no-better-than-chance"
STEP = "first-cost log-of-zero vanishing-gradients exploding-gradients dead-units " + COURSE
LAST = "logits-as-probabilities activation-before-loss scaled-twice equal-units " + STEP

# fmt: off
CHECKS = {check.observe.__name__.replace("_", "-"): check for check in (  # a cause before its consequences
    Check("error", "rows", "NumPy, numpy.isfinite", checks_data.not_finite,
          mark("One such value makes the cost and all weights NaN, from the first step that reads it."), STEP),
    Check("error", "rows", BOOK + "5.1.1", checks_labels.numeric_target,
          mark("A classifier would learn a class for each number, with hardly a row for each."),
          "labels-out-of-range unseen-labels " + STEP),
    Check("error", "rows, step?", BOOK + "5.1.1", checks_labels.labels_alike,
          mark("There is nothing to tell apart: the model learns to answer the same always."), "unseen-labels " + STEP),
    Check("error", "rows?, step?", KERAS, checks_labels.labels_not_one_hot,
          mark("Class numbers cannot be multiplied by outputs: the shapes do not match, or by chance."), LAST),
    Check("error", "rows", KERAS, checks_labels.labels_one_hot,
          mark("The loss would read each number of the row as a separate class."), LAST),
    Check("error", "rows", KERAS, checks_labels.labels_from_1,
          mark("Classes count from 0: the last class has no output, and the first output has no rows."), "empty-class"),
    Check("error", "rows, step?", KERAS, checks_labels.labels_out_of_range,
          mark("Each class number needs an output; below 0, or beyond the last, the cost is an error, NaN or wrong."),
          LAST),
    Check("warning", "rows", "pandas, working with text data", checks_labels.similar_class_names,
          mark("Rows of one class are then learned as two, which nothing can tell apart."), COURSE),
    Check("warning", "rows", "He and Garcia (2009)", checks_labels.empty_class,
          mark("An output without rows is never right, and takes probability from the others.")),
    Check("error", "rows", SHIFT, checks_labels.unseen_labels,
          mark("The model has never seen these classes, and is wrong on each of their rows."), COURSE),
    Check("error", "rows", LEAKAGE, checks_columns.counting_column,
          mark("It tells the class where rows are sorted, and nothing about new rows."), "label-column " + COURSE),
    Check("error", "rows", LEAKAGE, checks_columns.label_column,
          mark("It may hold the answer, which new rows do not have; the other columns are not learned from."), COURSE),
    Check("warning", "rows", "Guyon and Elisseeff (2003)", checks_columns.useless_columns,
          mark("It tells nothing that the other columns do not, and needs weights all the same.")),
    Check("error", "rows, step?", "Keras, API reference of Conv2D", checks_data.channels_first,
          mark("A convolution then slides over channels and rows, and takes columns for channels."), COURSE),
    Check("error", "rows?, step?", "TensorFlow, guide to tensors", checks_data.mixed_dtypes,
          mark("TensorFlow does not convert types implicitly: the first operation on both fails.")),
    Check("warning", "rows?, step?", BACKPROP + "4.3", checks_data.pixels_not_scaled,
          mark("Gradients grow with the inputs: a rate that suits scaled inputs is too large."), STEP),
    Check("error", "rows", "NumPy, numpy.floor_divide", checks_data.pixels_zeroed,
          mark("Integer division drops the fraction, and with it nearly all of the image."), COURSE),
    Check("error", "rows", SHIFT, checks_split.test_unlike_train,
          mark("The model is tested on rows of a kind that it has not learned from."), COURSE),
    Check("error", "rows", LEAKAGE, checks_split.test_in_train,
          mark("The test accuracy then measures memorisation, and not the accuracy on new rows.")),
    Check("warning", "rows", BACKPROP + "4.2", checks_data.buffer_on_sorted,
          mark("A batch of few classes moves the weights towards these, and the next one back."), COURSE),
    Check("error", "step", "Keras, guide to transfer learning", checks_step.nothing_trained,
          mark("No step changes the model."), STEP),
    Check("error", "step", GUIDE, checks_step.none_gradients,
          mark("A parameter without a gradient is not trained, or the optimizer raises an error."), LAST),
    Check("error", "step", "NumPy, guide to broadcasting", checks_step.broadcast_labels,
          mark("Each output is compared with the labels of all rows, so that it learns their mean."), LAST),
    Check("error", "step", KERAS, checks_step.softmax_of_one,
          mark("A share of one is always 1: the output does not depend on the inputs, and no gradient leads to it."),
          LAST),
    Check("error", "step?, last?", KERAS, checks_step.softmax_twice,
          mark("Softmax of probabilities is nearly uniform: cost far from 0, small gradients."), LAST),
    Check("error", "step", KERAS, checks_step.sigmoid_twice,
          mark("The sigmoid function of probabilities is between 0.5 and 0.73: no row gets a probability near 0 or 1."),
          LAST),
    Check("error", "step", KERAS, checks_step.logits_as_probabilities,
          mark("The loss takes the logarithm of numbers that are below 0 or above 1, or cuts them off."), LAST),
    Check("error", "step", BOOK + "6.2.2", checks_step.activation_before_loss,
          mark("Logits take any value; an activation cuts them off, and where it is flat nothing is learned."), LAST),
    Check("warning", "step", "Goyal et al. (2017)", checks_step.summed_cost,
          mark("Gradients grow with the batch, and with them the steps: a usual rate is too large."), STEP),
    Check("error", "rows, step", BACKPROP + "4.3", checks_step.scaled_twice,
          mark("Gradients shrink with the inputs: the first layer hardly learns at a usual rate."), STEP),
    Check("error", "step", BOOK + "8.4", checks_step.equal_units,
          mark("They stay equal in each step: the layer computes no more than one unit."), STEP),
    Check("warning", "step", "Glorot and Bengio (2010), section 4.2", checks_step.vanishing_gradients,
          mark("The first layers keep their initial weights, whatever the last layers learn."), "dead-units " + COURSE),
    Check("warning", "step", "Pascanu, Mikolov and Bengio (2013), section 3.2", checks_step.exploding_gradients,
          mark("One step moves the weights too far from the point at which the gradient was taken."), STEP),
    Check("warning", "step", RECIPE, checks_step.first_cost,
          mark("An untrained model should give each class the same probability, at a cost of ln C."), STEP),
    Check("error", "step?, course?", BOOK + "4.1", checks_step.log_of_zero,
          mark("A probability that is too small for its type is rounded to 0, and log 0 is −∞."), COURSE),
    Check("warning", "calls", "TensorFlow, guide to tf.function", checks_step.retracing,
          mark("Each trace runs the Python code again, and takes as long as hundreds of steps.")),
    Check("error", "course", BOOK + "8.3.1", checks_run.rate_too_high,
          mark("Steps that overshoot the minimum raise the cost."), "dead-units " + COURSE),
    Check("warning", "course", BOOK + "8.3.1", checks_run.rate_too_low,
          mark("The cost falls, but so slowly that training takes far too long."), COURSE),
    Check("warning", "step?, last?", "Lu, Shin, Su and Karniadakis (2020)", checks_step.dead_units,
          mark("They are 0 for every row: they get no gradient, and pass none on to earlier layers."), COURSE),
    Check("warning", "rows?, last?", "He and Garcia (2009)", checks_labels.imbalanced_classes,
          mark("Small classes hardly change the accuracy, nor the gradient."), COURSE),
    Check("error", "rows?, last?, test?, course?", "Zhang, Bengio, Hardt, Recht and Vinyals (2017)",
          checks_run.no_better_than_chance,
          mark("A model at chance has learned from rows with the labels of others, or has not learned at all."),
          "over-fitting test-far-worse"),
    Check("warning", "course", "Prechelt (1998); " + BOOK + "7.8", checks_run.over_fitting,
          mark("The model memorises the training rows, and becomes worse on others."), "test-far-worse"),
    Check("warning", "last?, test?", BOOK + "5.2", checks_run.test_far_worse,
          mark("Test rows are of another kind than training rows, or the model has memorised these.")),
)}
# fmt: on


def examine(evidence: Evidence, names: Iterable[str] = CHECKS) -> list[Finding]:
    """Run the checks of these names for which there is evidence.

    Returns:
        The findings, in the language in use, a cause before its consequences.
    """
    findings: list[Finding] = []
    for name in names:
        check = CHECKS[name]
        fields = check.looks_at.split(", ")
        parts = [getattr(evidence, field.rstrip("?")) for field in fields]
        missing = any(part is None and not field.endswith("?") for part, field in zip(parts, fields, strict=True))
        observation = None if missing or not any(parts) else check.observe(*parts)
        if observation:
            saw, mend = observation
            causes = (one.rule for one in findings if name in CHECKS[one.rule].causes.split())
            findings.append(Finding(name, check.severity, saw, _(check.why), mend, next(causes, "")))
    return findings
