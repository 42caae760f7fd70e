"""Checks of a training run: its costs, the outputs and gradients of a step, and the traces of its function."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np

from descenso.doctor.evidence import Array, Calls, Course, Observation, Step
from descenso.text import _, prose

MORE_NATS = 3.0  # above ln C; initial outputs of usual size cost less than 2 more
DEAD = 0.5  # fraction of a layer's units
VANISHED = 1e-3  # of the last layer's gradient; three layers of sigmoids have 4e-3
EXPLODED = 100.0  # norm
TRACES = 4  # a whole batch, the last batch and the test rows may each need one
LEAST_STEPS = 100  # before these, progress is not checked
LEAST_EARLY = 20  # steps
LEARNED = 0.1  # of ln C; a run with a lower cost has learned, whatever its first costs
STUCK = 0.9  # of the first cost; a run with a higher cost has learned next to nothing
GROWN = 1.1  # of the first cost
ROSE, ROSE_BY = 1.1, 0.01  # a rise: more than 1.1 times the previous cost, and by more than 0.01 ln C
RISES = 0.25  # fraction of the epochs
FASTER = 3.0  # smallest factor between the rate and the suggested rate that is reported
OVER = 1.1  # times the best validation cost


def first_cost(step: Step) -> Observation | None:
    """Check for a first cost far from ln C."""
    if not step.first or step.outputs is None or step.cost is None or not math.isfinite(step.cost):
        return None
    uniform_cost = math.log(max(step.outputs.shape[-1], 2))
    if uniform_cost / 2 <= step.cost <= uniform_cost + MORE_NATS:
        return None
    mend = "cost = tf.reduce_mean(-tf.reduce_sum(labels * tf.math.log(outputs), axis=1))"
    if step.cost > uniform_cost:
        mend = _('smaller first outputs: kernel_initializer="zeros" in the last layer, inputs of standard deviation 1')
    saw = _("the first cost is {cost:.3g}, ln {classes} is {uniform_cost:.3g}")
    return prose(saw, cost=step.cost, classes=step.outputs.shape[-1], uniform_cost=uniform_cost), mend


def softmax_twice(first: Step | None, last: Step | None) -> Observation | None:
    """Check for probabilities with a loss that applies softmax."""
    for step in (first, last):
        if step and step.logits and step.outputs is not None and _probabilities(step.outputs):
            saw = _("the model's outputs are probabilities, and the loss applies softmax to them again")
            return saw, _("remove the softmax from the last layer, or give the loss from_logits=False")
    return None


def _probabilities(outputs: Array) -> bool:
    valid = outputs.ndim == 2 and outputs.shape[1] > 1 and np.isfinite(outputs).all()
    return bool(valid and outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1, atol=1e-3))


def log_of_zero(step: Step | None, course: Course | None) -> Observation | None:
    """Check for a cost that is not finite because a probability is 0."""
    if course and course.outcome == "diverged" and course.config.loss == "naive":
        return _("the cost stopped being finite, and --loss naive takes log 0"), "--loss cross_entropy"
    zeros = _zeros(step.outputs) if step and step.outputs is not None else 0
    if not step or not zeros or step.cost is None or math.isfinite(step.cost):
        return None
    saw = _("the cost is {cost}, the outputs are finite, and {zeros} of the probabilities are 0")
    mend = "cost = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)"
    return prose(saw, cost=step.cost, zeros=zeros), mend


def _zeros(outputs: Array) -> int:
    """Count the probabilities that are 0 in the dtype of the outputs; 0 if an output is not finite."""
    if not np.isfinite(outputs).all():
        return 0
    if _probabilities(outputs):
        return int((outputs == 0).sum())
    with np.errstate(under="ignore"):
        exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return int((exponentials == 0).sum())


def none_gradients(step: Step) -> Observation | None:
    """Check for parameters without a gradient."""
    missing = [name for name, gradient in step.gradients.items() if gradient is None]
    if not missing:
        return None
    plain = [name for name in missing if name in step.plain]
    if plain:
        saw = _("the gradient is None for {names}; plain tensors, which a tape watches on request only: {plain}")
        mend = f"{plain[0]} = tf.Variable({plain[0]}); {plain[0]}.assign_sub(…)"
    else:
        saw = _("the gradient is None for {names}")
        mend = _("compute the cost from {name} inside the tape, with TensorFlow operations on floats only")
        mend = mend.format(name=missing[0])
    return saw.format(names=", ".join(missing), plain=", ".join(plain)), mend


def dead_units(first: Step | None, last: Step | None) -> Observation | None:
    """Check for units whose incoming weights all have a gradient of exactly 0.

    The gradient of a rectified unit is Σ δ x over the rows for which it is not 0, so it is 0 without such rows.
    """
    step = last or first
    units = {name: array.reshape(-1, array.shape[-1]) for name, array in step.kernels.items()} if step else {}
    shares = {name: float((gradient == 0).all(axis=0).mean()) for name, gradient in units.items()}
    name = max(reversed(shares), key=shares.__getitem__, default="")  # of equal ones the last layer
    share = shares.get(name, 0.0)
    if share < DEAD:
        return None
    saw = prose(_("{share:.0%} of the units of {name} have a gradient of exactly 0"), share=share, name=name)
    return saw, _("a smaller --learning-rate, --activation gelu, initial biases of 0")


def vanishing_gradients(step: Step) -> Observation | None:
    """Check for a first layer whose gradient is much smaller than the last layer's."""
    sizes = {name: float(np.sqrt(np.mean(array.astype(np.float64) ** 2))) for name, array in step.kernels.items()}
    sizes = {name: size for name, size in sizes.items() if size > 0}  # those of 0 are dead units
    if len(sizes) < 2:
        return None
    first, *_middle, last = sizes
    ratio = sizes[first] / sizes[last]
    if ratio >= VANISHED:
        return None
    saw = _("the root mean square of the gradient of {first} is {ratio:.0e} of that of {last}")
    mend = _("--activation relu, fewer layers, or batch normalisation between them")
    return prose(saw, first=first, last=last, ratio=ratio), mend


def exploding_gradients(step: Step) -> Observation | None:
    """Check for a gradient whose norm is far larger than usual."""
    name, norm = step.largest_gradient
    if norm <= EXPLODED:
        return None
    saw = prose(_("the norm of the gradient of {name} is {norm:.3g}"), name=name, norm=norm)
    return saw, _("--clip-norm 1, smaller initial weights (he_normal), scaled inputs")


def retracing(calls: Calls) -> Observation | None:
    """Check for a function that is traced repeatedly, and for the argument that causes it."""
    if calls.traces < TRACES:
        return None
    saw = _("{name} was traced {traces} times in {calls} calls").format(**calls._asdict())
    causes = Counter(argument for argument, _before, _after in calls.changes if argument)
    if not causes:
        return saw, _("make {name} once, outside the loop").format(name=calls.name)
    argument = causes.most_common(1)[0][0]
    before, after = next(change[1:] for change in reversed(calls.changes) if change[0] == argument)
    cause = _("{saw}; {argument} changed each time, last from {before} to {after}")
    mend = f"tf.function({calls.name}, reduce_retracing=True)"
    if "tensor" not in before:
        mend = f"{argument} = tf.constant({argument})"
    return cause.format(saw=saw, argument=argument, before=before, after=after), mend


def suspicious(course: Course) -> bool:
    """Whether the costs suggest a wrong learning rate, so that a range test is needed."""
    return bool(_instability(course)) or _stuck(course)


def rate_too_high(course: Course) -> Observation | None:
    """Check for costs that rise or oscillate, or do not fall although a smaller rate would lower them."""
    rate, suggested = course.config.learning_rate, course.suggested_rate
    saw = _instability(course)
    if not saw and _stuck(course) and suggested is not None and suggested * FASTER < rate:
        saw = _no_progress(course)
    if not saw or (suggested is not None and suggested >= rate):
        return None
    return _observation(course, saw, suggested or rate / 10)


def rate_too_low(course: Course) -> Observation | None:
    """Check for costs that do not fall although a larger rate would lower them."""
    suggested = course.suggested_rate
    if not _stuck(course) or suggested is None or suggested < FASTER * course.config.learning_rate:
        return None
    return _observation(course, _no_progress(course), suggested)


def _observation(course: Course, saw: str, rate: float) -> Observation:
    saw = prose(_("{saw}, at a learning rate of {rate:g}"), saw=saw, rate=course.config.learning_rate)
    if course.suggested_rate:
        saw += prose(_("; a range test from the initial weights suggests {rate:.1g}"), rate=rate)
    return saw, f"--learning-rate {rate:.1g}"


def _no_progress(course: Course) -> str:
    saw = _("after {steps} steps the cost is {cost:.4g}, at the start it was {begin:.4g}")
    return prose(saw, steps=course.steps, cost=course.costs[-1], begin=_first_cost(course))


def _first_cost(course: Course) -> float:
    """Return the cost of the first step, at least ln C."""
    return max([course.uniform_cost, *course.early[:1]])


def _stuck(course: Course) -> bool:
    return course.steps >= LEAST_STEPS and bool(course.costs) and course.costs[-1] > STUCK * _first_cost(course)


def _instability(course: Course) -> str:
    """Describe costs that rise, oscillate or diverge; "" if they do not."""
    costs, uniform_cost = course.costs, course.uniform_cost
    if course.outcome == "diverged":
        return _("the cost stopped being finite") if course.config.loss != "naive" else ""
    if course.steps < LEAST_STEPS or not costs:
        return ""
    early = sum(course.early[1:]) / max(1, len(course.early) - 1)
    if len(course.early) >= LEAST_EARLY and early > ROSE * course.early[0] and costs[-1] > LEARNED * uniform_cost:
        saw = _("the first cost is {first:.4g}, that of the next {steps} steps {early:.4g} on average")
        return prose(saw, first=course.early[0], steps=len(course.early) - 1, early=early)
    if costs[-1] > GROWN * _first_cost(course):
        saw = _("the cost is {cost:.4g}, above the {begin:.4g} at the start")
        return prose(saw, cost=costs[-1], begin=_first_cost(course))
    pairs = list(pairwise(costs))
    rises = sum(after > ROSE * before and after > before + ROSE_BY * uniform_cost for before, after in pairs)
    if rises < 2 or rises < RISES * len(pairs):
        return ""
    return _("the cost rose in {rises} of {epochs} epochs").format(rises=rises, epochs=len(pairs))


def over_fitting(course: Course) -> Observation | None:
    """Check for a validation cost that rose since its best epoch while the training cost fell."""
    costs = course.validation_costs
    if len(costs) < 3 or not all(map(math.isfinite, costs)):
        return None
    best = min(range(len(costs)), key=costs.__getitem__)
    fell = course.costs[len(costs) - 1] < course.costs[best]
    if not fell or costs[-1] < OVER * costs[best] + ROSE_BY * course.uniform_cost:
        return None
    saw = _("since epoch {best} the validation cost rose from {low:.4g} to {high:.4g}, while the training cost fell")
    patience = max(1, min(5, len(costs) - 1 - best))
    return prose(saw, best=best, low=costs[best], high=costs[-1]), f"--patience {patience}, --dropout 0.3"
