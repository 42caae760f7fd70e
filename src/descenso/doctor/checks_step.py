"""Checks of one step: its outputs, cost and gradients, and the traces of its function."""

import math
from collections import Counter

import numpy as np

from descenso.doctor.evidence import Array, Evidence, Observation, Step
from descenso.text import _

MORE_NATS = 3.0  # above ln C; initial outputs of usual size cost less than 2 more
DEAD = 0.5  # fraction of a layer's units
VANISHED = 1e-3  # of the last layer's gradient; three layers of sigmoids have 4e-3
EXPLODED = 100.0  # norm
TRACES = 4  # a whole batch, the last batch and the test rows may each need one


def first_cost(evidence: Evidence) -> Observation | None:
    """Check for a first cost far from ln C."""
    step = evidence.step
    if not step or not step.first or step.outputs is None or step.cost is None or not math.isfinite(step.cost):
        return None
    uniform_cost = math.log(max(step.outputs.shape[-1], 2))
    if uniform_cost / 2 <= step.cost <= uniform_cost + MORE_NATS:
        return None
    mend = (
        _('smaller initial outputs: kernel_initializer="zeros" in the last layer, inputs of standard deviation 1')
        if step.cost > uniform_cost
        else "cost = tf.reduce_mean(-tf.reduce_sum(labels * tf.math.log(outputs), axis=1))"
    )
    saw = _("the first cost is {cost:.3g}, ln {classes} is {uniform_cost:.3g}")
    return Observation(saw.format(cost=step.cost, classes=step.outputs.shape[-1], uniform_cost=uniform_cost), mend)


def softmax_twice(evidence: Evidence) -> Observation | None:
    """Check for probabilities with a loss that applies softmax."""
    for step in (evidence.step, evidence.last):
        if step and step.logits and step.outputs is not None and _probabilities(step.outputs):
            return Observation(
                _("the model's outputs are probabilities, and the loss applies softmax to them again"),
                _("remove the softmax from the last layer, or give the loss from_logits=False"),
            )
    return None


def _probabilities(outputs: Array) -> bool:
    valid = outputs.ndim == 2 and outputs.shape[1] > 1 and np.isfinite(outputs).all()
    return bool(valid and outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1, atol=1e-3))


def log_of_zero(evidence: Evidence) -> Observation | None:
    """Check for a cost that is not finite because a probability is 0."""
    step, course = evidence.step, evidence.course
    stable = "cost = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)"
    if course and course.outcome == "diverged" and course.config.loss == "naive":
        return Observation(_("the cost stopped being finite, and --loss naive takes log 0"), "--loss cross_entropy")
    if not step or step.cost is None or math.isfinite(step.cost) or step.outputs is None:
        return None
    zeros = _zeros(step)
    if not zeros:
        return None
    saw = _("the cost is {cost}, the outputs are finite, and {zeros} of the probabilities are 0")
    return Observation(saw.format(cost=step.cost, zeros=zeros), stable)


def _zeros(step: Step) -> int:
    """Count the probabilities that are 0 in the dtype of the outputs; 0 if an output is not finite."""
    outputs = step.outputs
    if outputs is None or not np.isfinite(outputs).all():
        return 0
    if _probabilities(outputs):
        return int((outputs == 0).sum())
    with np.errstate(under="ignore"):
        exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return int((exponentials == 0).sum())


def none_gradients(evidence: Evidence) -> Observation | None:
    """Check for parameters without a gradient."""
    step = evidence.step
    missing = [name for name, gradient in step.gradients.items() if gradient is None] if step else []
    if not step or not missing:
        return None
    plain = [name for name in missing if name in step.plain]
    mend = (
        f"{plain[0]} = tf.Variable({plain[0]}); {plain[0]}.assign_sub(…)"
        if plain
        else _("compute the cost from {name} inside the tape, with TensorFlow operations on floats only").format(
            name=missing[0]
        )
    )
    saw = _("the gradient is None for {names}")
    if plain:
        saw = _("the gradient is None for {names}; plain tensors, which a tape watches on request only: {plain}")
    return Observation(saw.format(names=", ".join(missing), plain=", ".join(plain)), mend)


def dead_units(evidence: Evidence) -> Observation | None:
    """Check for units whose incoming weights all have a gradient of exactly 0.

    The gradient of a rectified unit is Σ δ x over the rows for which it is not 0, so it is 0 without such rows.
    """
    step = evidence.last or evidence.step
    shares = {name: _dead(array) for name, array in step.kernels.items()} if step else {}
    name = max(reversed(shares), key=shares.__getitem__, default="")  # of equal ones the last layer
    share = shares.get(name, 0.0)
    if share < DEAD:
        return None
    saw = _("{share:.0%} of the units of {name} have a gradient of exactly 0").format(share=share, name=name)
    return Observation(saw, _("a smaller --learning-rate, --activation gelu, initial biases of 0"))


def _dead(gradient: Array) -> float:
    units = gradient.reshape(-1, gradient.shape[-1])  # (inputs, units)
    return float((units == 0).all(axis=0).mean())


def vanishing_gradients(evidence: Evidence) -> Observation | None:
    """Check for a first layer whose gradient is much smaller than the last layer's."""
    sizes = {name: size for name, size in _sizes(evidence.step).items() if size > 0}  # those of 0 are dead units
    if len(sizes) < 2:
        return None
    first, *_middle, last = sizes
    ratio = sizes[first] / sizes[last]
    if ratio >= VANISHED:
        return None
    saw = _("the root mean square of the gradient of {first} is {ratio:.0e} of that of {last}")
    mend = _("--activation relu, fewer layers, or batch normalisation between them")
    return Observation(saw.format(first=first, last=last, ratio=ratio), mend)


def _sizes(step: Step | None) -> dict[str, float]:
    """Return the root mean square of each kernel's gradient."""
    kernels = step.kernels if step else {}
    return {name: float(np.sqrt(np.mean(array.astype(np.float64) ** 2))) for name, array in kernels.items()}


def exploding_gradients(evidence: Evidence) -> Observation | None:
    """Check for a gradient whose norm is far larger than usual."""
    name, norm = evidence.step.largest_gradient if evidence.step else ("", 0.0)
    if norm <= EXPLODED:
        return None
    saw = _("the norm of the gradient of {name} is {norm:.3g}").format(name=name, norm=norm)
    return Observation(saw, _("--clip-norm 1, smaller initial weights (he_normal), scaled inputs"))


def retracing(evidence: Evidence) -> Observation | None:
    """Check for a function that is traced repeatedly, and for the argument that causes it."""
    calls = evidence.calls
    if not calls or calls.traces < TRACES:
        return None
    saw = _("{name} was traced {traces} times in {calls} calls").format(**calls._asdict())
    causes = Counter(argument for argument, _before, _after in calls.changes if argument)
    if not causes:
        return Observation(saw, _("make {name} once, outside the loop").format(name=calls.name))
    argument = causes.most_common(1)[0][0]
    before, after = next(change[1:] for change in reversed(calls.changes) if change[0] == argument)
    cause = _("{saw}; {argument} changed each time, last from {before} to {after}")
    mend = (
        f"{argument} = tf.constant({argument})"
        if "tensor" not in before
        else f"tf.function({calls.name}, reduce_retracing=True)"
    )
    return Observation(cause.format(saw=saw, argument=argument, before=before, after=after), mend)
