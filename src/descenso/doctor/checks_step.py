"""Rules that look at one step: what its outputs, cost and gradients show, and how often it was traced."""

import math
from collections import Counter

import numpy as np

from descenso.doctor.evidence import Array, Evidence, Seen, Step
from descenso.text import _

MORE_NATS = 3.0  # above ln C; outputs at the start of usual size cost less than 2 more
DEAD = 0.5  # share of a layer's units
VANISHED = 1e-3  # of the last layer's gradient; three layers of sigmoids have 4e-3
EXPLODED = 100.0  # norm
TRACES = 4  # whole batch, last batch and test rows may each have one


def first_cost(evidence: Evidence) -> Seen | None:
    """A cost before anything is learned that is not that of knowing nothing."""
    step = evidence.step
    if not step or not step.first or step.outputs is None or step.cost is None or not math.isfinite(step.cost):
        return None
    ignorance = math.log(max(step.outputs.shape[-1], 2))
    if ignorance / 2 <= step.cost <= ignorance + MORE_NATS:
        return None
    mend = (
        _('start smaller: the last layer\'s kernel_initializer="zeros", inputs of deviation 1')
        if step.cost > ignorance
        else "cost = tf.reduce_mean(-tf.reduce_sum(labels * tf.math.log(outputs), axis=1))"
    )
    saw = _("the first cost is {cost:.3g}, ln {classes} is {ignorance:.3g}")
    return Seen(saw.format(cost=step.cost, classes=step.outputs.shape[-1], ignorance=ignorance), mend)


def softmax_twice(evidence: Evidence) -> Seen | None:
    """Probabilities, for a loss that takes softmax of what it is given."""
    for step in (evidence.step, evidence.last):
        if step and step.logits and step.outputs is not None and _probabilities(step.outputs):
            return Seen(
                _("the model's outputs lie in [0, 1], each row's sum is 1, and the loss takes softmax of them again"),
                _("leave the softmax out of the last layer, or give the loss from_logits=False"),
            )
    return None


def _probabilities(outputs: Array) -> bool:
    whole = outputs.ndim == 2 and outputs.shape[1] > 1 and np.isfinite(outputs).all()
    return bool(whole and outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1, atol=1e-3))


def log_of_zero(evidence: Evidence) -> Seen | None:
    """A cost that is not finite, although what the model gave is, and a probability of it is 0."""
    step, course = evidence.step, evidence.course
    stable = "cost = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)"
    if course and course.outcome == "diverged" and course.config.loss == "naive":
        return Seen(_("the cost stopped being finite, and --loss naive takes log 0"), "--loss cross_entropy")
    if not step or step.cost is None or math.isfinite(step.cost) or step.outputs is None:
        return None
    zeros = _zeros(step)
    if not zeros:
        return None
    saw = _("the cost is {cost}, the outputs are finite, and {zeros} of the probabilities are 0")
    return Seen(saw.format(cost=step.cost, zeros=zeros), stable)


def _zeros(step: Step) -> int:
    """How many of the outputs' probabilities are 0 in their own precision; none where an output is not finite."""
    outputs = step.outputs
    if outputs is None or not np.isfinite(outputs).all():
        return 0
    if _probabilities(outputs):
        return int((outputs == 0).sum())
    with np.errstate(under="ignore"):
        exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return int((exponentials == 0).sum())


def none_gradients(evidence: Evidence) -> Seen | None:
    """Parameters that the tape found no way to."""
    step = evidence.step
    lost = [name for name, gradient in step.gradients.items() if gradient is None] if step else []
    if not step or not lost:
        return None
    plain = [name for name in lost if name in step.plain]
    mend = (
        f"{plain[0]} = tf.Variable({plain[0]}); {plain[0]}.assign_sub(…)"
        if plain
        else _("compute the cost from {name} inside the tape, by TensorFlow's operations on floats alone").format(
            name=lost[0]
        )
    )
    saw = _("the gradient is None for {names}").format(names=", ".join(lost))
    told = _("{saw}; plain tensors, which no tape watches unasked: {plain}").format(saw=saw, plain=", ".join(plain))
    return Seen(told if plain else saw, mend)


def dead_units(evidence: Evidence) -> Seen | None:
    """Units whose every incoming weight has a gradient of exactly 0: no row makes them answer.

    That of a rectified unit is Σ δ x over the rows that it answers, so it is 0 where there are none.
    """
    step = evidence.last or evidence.step
    shares = {name: _dead(array) for name, array in step.kernels.items()} if step else {}
    name, share = max(reversed(shares.items()), key=lambda each: each[1], default=("", 0.0))
    if share < DEAD:
        return None
    saw = _("{share:.0%} of the units of {name} have a gradient of exactly 0").format(share=share, name=name)
    return Seen(saw, _("a smaller --learning-rate, --activation gelu, biases that start at 0"))


def _dead(gradient: Array) -> float:
    units = gradient.reshape(-1, gradient.shape[-1])  # (inputs, units)
    return float((units == 0).all(axis=0).mean())


def vanishing_gradients(evidence: Evidence) -> Seen | None:
    """A first layer whose gradient is next to nothing beside the last one's."""
    sizes = {name: size for name, size in _sizes(evidence.step).items() if size > 0}  # what is 0 is dead, not small
    if len(sizes) < 2:
        return None
    (first, small), (last, large) = list(sizes.items())[0], list(sizes.items())[-1]  # noqa: RUF015 - its twin
    if small >= VANISHED * large:
        return None
    saw = _("the gradient of {first} is {ratio:.0e} of that of {last}, a component on average")
    mend = _("--activation relu, fewer layers, or batch normalisation between them")
    return Seen(saw.format(first=first, last=last, ratio=small / large), mend)


def _sizes(step: Step | None) -> dict[str, float]:
    """Root mean square of each kernel's gradient."""
    kernels = step.kernels if step else {}
    return {name: float(np.sqrt(np.mean(array.astype(np.float64) ** 2))) for name, array in kernels.items()}


def exploding_gradients(evidence: Evidence) -> Seen | None:
    """A gradient far larger than any at the start should be."""
    name, norm = evidence.step.widest if evidence.step else ("", 0.0)
    if norm <= EXPLODED:
        return None
    saw = _("the norm of the gradient of {name} is {norm:.3g}").format(name=name, norm=norm)
    return Seen(saw, _("--clip-norm 1, smaller weights at the start (he_normal), scaled inputs"))


def retracing(evidence: Evidence) -> Seen | None:
    """A function that is traced again and again, and which argument makes it so."""
    calls = evidence.calls
    if not calls or calls.traces < TRACES:
        return None
    saw = _("{name} was traced {traces} times in {calls} calls").format(**calls._asdict())
    causes = Counter(argument for argument, _before, _after in calls.changes if argument)
    if not causes:
        return Seen(saw, _("make {name} once, outside the loop").format(name=calls.name))
    argument = causes.most_common(1)[0][0]
    before, after = next(change[1:] for change in reversed(calls.changes) if change[0] == argument)
    told = _("{saw}; {argument} changed each time, last from {before} to {after}")
    mend = (
        f"{argument} = tf.constant({argument})"
        if "tensor" not in before
        else f"tf.function({calls.name}, reduce_retracing=True)"
    )
    return Seen(told.format(saw=saw, argument=argument, before=before, after=after), mend)
