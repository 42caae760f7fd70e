"""Checks of one step: loss and last layer, gradients, and the traces of its function."""

import math
from collections import Counter

import numpy as np

from descenso.doctor.evidence import Array, Calls, Course, Observation, Rows, Step
from descenso.text import _, prose

MORE_NATS = 3.0  # above ln C; initial outputs of usual size cost less than 2 more
DEAD = 0.5  # fraction of a layer's units
VANISHED = 1e-3  # of the last layer's gradient; three layers of sigmoids have 4e-3
EXPLODED = 100.0  # norm
TRACES = 4  # a whole batch, the last batch and the test rows may each need one
SAME = 1e-3  # relative difference of costs that are equal but for rounding
CLIPPED = 0.2  # fraction of outputs that are exactly 0, none being below
BENDS = ("Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Tanh", "Softplus", "Sigmoid")  # operations of activations
SCALED = 2.0  # largest root mean square of scaled inputs
SEEN = 1 / 60  # size of the inputs that the first layer reads, as a share of that of the model's inputs


def nothing_trained(step: Step) -> Observation | None:
    """Check for a model of which no variable is trained."""
    if not step.frozen:
        return None
    return _("none of the {count} variables is trained").format(count=step.frozen), "model.trainable = True"


def broadcast_labels(step: Step) -> Observation | None:
    """Check for labels in another shape than the outputs, so that the loss pairs each label with each output."""
    if not step.broadcast:
        return None
    labels, outputs = step.broadcast
    saw = _("labels of shape {labels} and outputs of shape {outputs}: their difference has the shape {both}")
    saw = saw.format(labels=labels, outputs=outputs, both=(labels[0], labels[0]))
    return saw, f"labels = labels.reshape({', '.join(map(str, (-1, *outputs[1:])))})"


def softmax_of_one(step: Step) -> Observation | None:
    """Check for one output that is a probability of one class."""
    if step.outputs is None or step.outputs.shape[1] != 1:
        return None
    ones = bool((step.outputs == 1).all()) and step.last in ("Softmax", "")
    if not ones and step.loss != "classes":
        return None
    saw = _("the softmax of one output is 1 for each row, of {rows}").format(rows=len(step.outputs))
    return saw, _('Dense(1, "sigmoid") and BinaryCrossentropy(), or an output for each class')


def softmax_twice(first: Step | None, last: Step | None) -> Observation | None:
    """Check for probabilities with a loss that applies softmax."""
    for step in (first, last):
        if step and step.logits and step.loss != "binary" and step.outputs is not None and _probabilities(step.outputs):
            saw = _("the model's outputs are probabilities, and the loss applies softmax to them again")
            return saw, _("remove the softmax from the last layer, or give the loss from_logits=False")
    return None


def sigmoid_twice(step: Step) -> Observation | None:
    """Check for probabilities with a loss that applies the sigmoid function."""
    if step.outputs is None or not step.logits or step.loss != "binary" or step.last != "Sigmoid":
        return None
    saw = _("the model's outputs are probabilities, and the loss applies the sigmoid function to them again")
    return saw, _("remove the sigmoid from the last layer, or give the loss from_logits=False")


def logits_as_probabilities(step: Step) -> Observation | None:
    """Check for outputs that are no probabilities, with a loss that reads probabilities."""
    outputs = step.outputs
    if outputs is None or step.logits is not False or not np.isfinite(outputs).all() or step.last == "Sigmoid":
        return None
    low, high = float(outputs.min()), float(outputs.max())
    binary = step.loss == "binary"
    if _probabilities(outputs) or (outputs.shape[1] == 1 and not binary) or (binary and low >= 0 and high <= 1):
        return None
    saw = _("outputs from {low:.3g} to {high:.3g}, for a loss that reads probabilities")
    if not binary:
        saw = _("outputs from {low:.3g} to {high:.3g} whose sum is not 1, for a loss that reads probabilities")
    return prose(saw, low=low, high=high), _("give the loss from_logits=True")


def activation_before_loss(step: Step) -> Observation | None:
    """Check for an activation between the last layer and a loss that reads logits."""
    outputs, binary = step.outputs, step.loss == "binary"
    if outputs is None or step.logits is None or not step.loss or (step.last == "Sigmoid" and binary):
        return None
    if not step.logits and step.last != "Sigmoid":
        return None
    clipped = not step.last and outputs.min() == 0 < outputs.max() and float((outputs == 0).mean()) > CLIPPED
    if not (step.last in BENDS or clipped) or _probabilities(outputs):
        return None
    saw = _("the model ends in {activation}, and its outputs are from {low:.3g} to {high:.3g}")
    saw = prose(saw, activation=step.last or "Relu", low=float(outputs.min()), high=float(outputs.max()))
    return saw, _("no activation in the last layer, and from_logits=True in the loss")


def summed_cost(step: Step) -> Observation | None:
    """Check for a cost that is a sum over rows."""
    if not step.cost or step.repeated is None or not math.isclose(step.repeated, 2 * step.cost, rel_tol=SAME):
        return None
    saw = _("the cost is {cost:.4g}, and that of each row twice {repeated:.4g}")
    saw = prose(saw, cost=step.cost, repeated=step.repeated)
    return saw, _('tf.reduce_mean(…) instead of tf.reduce_sum(…) over the rows, reduction="sum_over_batch_size"')


def scaled_twice(rows: Rows, step: Step) -> Observation | None:
    """Check for a first layer that reads much smaller numbers than the model is given."""
    if not rows.images:
        return None
    inputs = (rows.sample.astype(np.float64) - rows.scaling.shift) * rows.scaling.scale
    size = float(np.sqrt((inputs**2).mean()))
    if size > SCALED or not step.read < SEEN * size:
        return None
    saw = _("the inputs are about {size:.2g}, and the first layer reads them as about {read:.1g}")
    mend = _("remove keras.layers.Rescaling from the model: its inputs are scaled")
    return prose(saw, size=size, read=step.read), mend


def equal_units(step: Step) -> Observation | None:
    """Check for hidden layers whose units have the same weights and the same gradients."""
    kernels = step.kernels
    equal = [name for name in list(step.weights)[:-1]
             if name in kernels and _same_columns(step.weights[name]) and _same_columns(kernels[name])]  # fmt: skip
    if not step.first or not equal:
        return None
    saw = _("all units of {names} have the same weights and the same gradients").format(names=", ".join(equal))
    return saw, _('draw them at random: kernel_initializer="glorot_uniform", tf.random.normal(shape, stddev=0.1)')


def _same_columns(array: Array) -> bool:
    columns = array.reshape(-1, array.shape[-1])
    return columns.shape[1] > 1 and bool(np.allclose(columns, columns[:, :1], rtol=1e-6, atol=0))


def first_cost(step: Step) -> Observation | None:
    """Check for a first cost far from ln C."""
    if not step.first or step.outputs is None or step.cost is None or not math.isfinite(step.cost) or not step.loss:
        return None
    classes = 2 if step.loss == "binary" else step.outputs.shape[-1]
    uniform_cost = math.log(max(classes, 2))
    if step.cost <= uniform_cost + MORE_NATS and step.loss != "mean":
        return None
    mend = "cost = tf.reduce_mean(-tf.reduce_sum(labels * tf.math.log(outputs), axis=1))"
    if step.loss != "mean":
        mend = _('smaller first outputs: kernel_initializer="zeros" in the last layer, inputs of standard deviation 1')
    saw = _("the first cost is {cost:.3g}, ln {classes} is {uniform_cost:.3g}")
    return prose(saw, cost=step.cost, classes=classes, uniform_cost=uniform_cost), mend


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


def dead_shares(step: Step) -> dict[str, float]:
    """Return the share of units of each kernel whose incoming weights all have a gradient of exactly 0."""
    kernels = step.kernels
    if step.first:  # a layer gets no gradient either as long as one behind it has weights of 0
        zeros = [list(kernels).index(name) for name in kernels if not step.weights.get(name, np.ones(1)).any()]
        kernels = dict(list(kernels.items())[max(zeros, default=0) :])
    units = {name: array.reshape(-1, array.shape[-1]) for name, array in kernels.items()}
    return {name: float((gradient == 0).all(axis=0).mean()) for name, gradient in units.items()}


def dead_units(first: Step | None, last: Step | None) -> Observation | None:
    """Check for units whose incoming weights all have a gradient of exactly 0.

    The gradient of a rectified unit is Σ δ x over the rows for which it is not 0, so it is 0 without such rows.
    """
    step = last or first
    shares = dead_shares(step) if step else {}
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
