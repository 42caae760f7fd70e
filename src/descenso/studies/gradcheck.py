"""Compute one gradient by `tf.gradients`, the tape, a formula and central differences, and compare them."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.checks import check_fit
from descenso.data.dataset import Dataset, Split
from descenso.descent.models import LOSSES, cross_entropy_by_columns
from descenso.descent.problem import Arrays, Batch, Problem, Tensor, objective, scaled, start
from descenso.errors import ConfigError
from descenso.studies import cell, plain
from descenso.text import _, aligned, mark, plural, prose
from descenso.training.plan import Plan

STEP = float(np.cbrt(np.finfo(np.float64).eps))  # where rounding and truncation errors together are smallest
LEAST = 1e-3  # times max(1, |cost|): smaller components are compared as if they were this large
GRAPH, TAPE, BY_HAND, DIFFERENCES = "tf.gradients", mark("tape"), mark("by hand"), mark("differences")
NOISE = 0.05  # standard deviation added to the start, where zeros and symmetry would hide faults

Floats = NDArray[np.float64]


class ParameterCheck(NamedTuple):
    """Result of a gradient check for one parameter."""

    name: str
    components: int  # number of components
    sampled: int  # number of components with central differences; the other ways are compared on all
    place: tuple[int, ...]  # index of the component with the largest difference between two ways
    values: dict[str, float]  # of that component by each way; without central differences if it was not sampled
    difference: float  # the largest difference between two ways there; see `gradcheck`

    @property
    def component(self) -> str:
        """The component as text: W[3, 1]."""
        return f"{self.name}[{', '.join(map(str, self.place))}]" if self.place else self.name

    def as_json(self) -> dict[str, Any]:
        """Return plain values, with None for numbers that are not finite."""
        record = self._asdict()
        return {"name": record.pop("name"), "index": list(record.pop("place")), **plain(record)}


class GradCheck(NamedTuple):
    """Result of a gradient check.

    Attributes:
        cost: the loss at the parameters.
        tolerance: largest difference at which two ways agree.
        parameters: one result per parameter.
    """

    cost: float
    tolerance: float
    parameters: tuple[ParameterCheck, ...]

    @property
    def worst(self) -> ParameterCheck:
        """The result of the parameter whose worst component has the largest difference."""
        return max(self.parameters, key=lambda check: check.difference)

    @property
    def passed(self) -> bool:
        """Whether all ways agree on every component."""
        return self.worst.difference <= self.tolerance

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways that were compared; "by hand" only with a formula."""
        return tuple(dict.fromkeys(way for check in self.parameters for way in check.values))

    @property
    def verdict(self) -> str:
        """One sentence: whether the ways agree, and which component is the worst."""
        worst = self.worst
        low, high = (extreme(worst.values, key=lambda way: worst.values[way]) for extreme in (min, max))
        answer = _("All ways agree") if self.passed else _("The ways disagree")
        sentence = _(
            "{answer}; worst: {component}, {one} {a:.9g}, {other} {b:.9g}, relative difference {gap:.1e},"
            " tolerance {tolerance:g}."
        )
        return prose(
            sentence, answer=answer, component=worst.component, one=_(low), a=worst.values[low], other=_(high),
            b=worst.values[high], gap=worst.difference, tolerance=self.tolerance,
        )  # fmt: skip

    def tables(self) -> list[list[list[str]]]:
        """The one table: a head, then a row per parameter with its worst component."""
        rows = [[_("component"), *map(_, self.ways), _("difference")]]
        for check in self.parameters:
            values = [cell(check.values.get(way), ".6g") for way in self.ways]
            rows.append([check.component, *values, f"{check.difference:.1e}"])
        return [rows]

    def sentences(self) -> list[str]:
        """How many components were compared, and the verdict."""
        sampled = sum(check.sampled for check in self.parameters)
        components = sum(check.components for check in self.parameters)
        extent = plural(
            "Compared: central differences on {sampled} component, the other ways on all {components}.",
            "Compared: central differences on {sampled} components, the other ways on all {components}.",
            sampled,
        )
        return [extent.format(sampled=sampled, components=components), self.verdict]

    def as_json(self) -> dict[str, Any]:
        """Return plain values, with None for numbers that are not finite."""
        return {
            "passed": self.passed, "cost": plain(self.cost), "tolerance": self.tolerance, "ways": list(self.ways),
            "worst": self.worst.as_json(), "parameters": [check.as_json() for check in self.parameters],
        }  # fmt: skip

    def __repr__(self) -> str:
        return "\n".join([*map(aligned, self.tables()), *self.sentences()])


def gradcheck(
    loss: Callable[[dict[str, Tensor]], Tensor],
    params: Mapping[str, Any],
    *,
    by_hand: Callable[[Arrays], Mapping[str, Any]] | None = None,
    components: int = 50,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> GradCheck:
    """Compute the gradient of a loss in several ways, in float64, and compare them component by component.

        ∂f/∂θᵢ ≈ (f(θ + h eᵢ) − f(θ − h eᵢ)) / 2h,   h = ε^(1/3) · max(1, |θᵢ|)

    Two ways differ by |a − b| / max(|a|, |b|, 1e-3, 1e-3 |f(θ)|); central differences resolve no smaller components.

    Args:
        loss: function from parameters by name, float64 tensors, to a float64 scalar.
        params: arrays by name, at which the gradient is computed.
        by_hand: the formula, if there is one: function from arrays by name to gradients by name, of equal shapes.
        components: number of components of each parameter for central differences, drawn by `seed`, at least 1.
        tolerance: largest difference at which two ways agree.

    Returns:
        The result: `passed`, `worst`, `parameters`; its `repr` is a table.

    Raises:
        ConfigError: for a loss that is not a finite float64 scalar, no parameters, or a formula's wrong shape.

    >>> gradcheck(lambda p: p["x"] ** 3, {"x": 2.0}).passed
    True
    """
    given, value = {name: np.asarray(array, np.float64) for name, array in params.items()}, tf.function(loss)
    cost = _checked_cost(value, given)
    ways = {GRAPH: _by_graph(value, given), TAPE: _by_tape(loss, given)}
    if by_hand:
        ways[BY_HAND] = _checked_formula(by_hand(dict(given)), given)
    ways[DIFFERENCES] = _by_differences(value, given, components, seed)
    floor = LEAST * max(1.0, abs(cost))
    checks = (_compare(name, {way: gradients[name] for way, gradients in ways.items()}, floor) for name in given)
    return GradCheck(cost, tolerance, tuple(checks))


def _checked_cost(value: Callable[[Any], Tensor], params: dict[str, Floats]) -> float:
    if not params:
        raise ConfigError(_("params is empty; give arrays by name, such as {'w': numpy.zeros(3)}"))
    cost = np.asarray(value(params))
    if cost.shape or cost.dtype != np.float64 or not np.isfinite(cost):
        got = _("{dtype} of shape {shape}").format(dtype=cost.dtype, shape=cost.shape)
        message = _(
            "loss must be a finite float64 scalar, got {got}; try tf.reduce_mean(...), without casts to float32"
        )
        raise ConfigError(message.format(got=got if cost.shape or cost.dtype != np.float64 else cost))
    return float(cost)


def _checked_formula(gradients: Mapping[str, Any], params: dict[str, Floats]) -> dict[str, Floats]:
    arrays = {name: np.asarray(gradients[name], np.float64) for name in params if name in gradients}
    for name, value in params.items():
        shape = arrays[name].shape if name in arrays else _("none")
        if shape != value.shape:
            message = _("by_hand: the gradient of {name} has shape {got}, expected {expected}, that of the parameter")
            raise ConfigError(message.format(name=name, got=shape, expected=value.shape))
    return arrays


def _by_graph(value: Callable[[Any], Tensor], params: dict[str, Floats]) -> dict[str, Floats]:
    """Compute the gradient as TensorFlow 1 did: `tf.gradients` adds operations to a static graph."""

    @tf.function  # type: ignore[untyped-decorator] # TensorFlow publishes no types
    def gradients(held: dict[str, Tensor]) -> list[Tensor]:
        return list(tf.gradients(value(held), list(held.values()), unconnected_gradients="zero"))

    held = {name: tf.constant(array) for name, array in params.items()}
    return {name: np.asarray(gradient) for name, gradient in zip(params, gradients(held), strict=True)}


def _by_tape(loss: Callable[[dict[str, Tensor]], Tensor], params: dict[str, Floats]) -> dict[str, Floats]:
    held = {name: tf.constant(array) for name, array in params.items()}
    with tf.GradientTape() as tape:
        tape.watch(held)
        cost = loss(held)
    gradients = tape.gradient(cost, held, unconnected_gradients="zero")
    return {name: np.asarray(tf.convert_to_tensor(gradient)) for name, gradient in gradients.items()}


def _by_differences(
    value: Callable[[Any], Tensor], params: dict[str, Floats], components: int, seed: int
) -> dict[str, Floats]:
    """Compute central differences of sampled components; NaN for the others, infinite for a slope not finite."""
    random, slopes = np.random.default_rng(seed), {name: np.full(array.shape, np.nan) for name, array in params.items()}
    held = {name: tf.constant(array) for name, array in params.items()}
    for name, array in params.items():
        for place in random.permutation(array.size)[:components]:
            step = np.zeros(array.shape)
            step.flat[place] = STEP * max(1.0, abs(array.flat[place]))
            above, below = array + step, array - step
            high, low = (float(value({**held, name: tf.constant(moved)})) for moved in (above, below))
            slope = (high - low) / (above.flat[place] - below.flat[place])
            slopes[name].flat[place] = slope if math.isfinite(slope) else math.inf
    return slopes


def _compare(name: str, gradients: dict[str, Floats], floor: float) -> ParameterCheck:
    """Find the component of one parameter with the largest difference between two ways."""
    stacked = np.stack(list(gradients.values()))  # (ways, *shape), central differences last
    high, low = np.fmax.reduce(stacked), np.fmin.reduce(stacked)  # these ignore NaN
    with np.errstate(invalid="ignore"):
        apart = (high - low) / np.maximum(np.maximum(np.abs(high), np.abs(low)), floor)
    apart = np.where(np.isfinite(apart) & np.isfinite(stacked[:-1]).all(axis=0), apart, np.inf)
    place = tuple(map(int, np.unravel_index(np.argmax(apart), apart.shape)))
    sampled = ~np.isnan(gradients[DIFFERENCES])
    values = {way: float(array[place]) for way, array in gradients.items() if way != DIFFERENCES or sampled[place]}
    return ParameterCheck(name, apart.size, int(sampled.sum()), place, values, float(apart[place]))


def check_model(
    config: TrainConfig, data: Dataset, components: int, tolerance: float, given: Collection[str] = ()
) -> GradCheck:
    """Check the gradient of a model's cost on the first batch of the first epoch.

    Args:
        config, data: settings with dtype float64, and a dataset.
        components, tolerance: as of `gradcheck`.
        given: names of the settings that the user gave; others are fitted to small datasets.
    """
    config = check_fit(data, config, given)
    plan = Plan.of(config, data)
    batch = plan.train.rows(next(iter(plan.order(0))))
    return check_problem(plan.problem, batch, components, tolerance, config.seed)


def check_problem(problem: Problem, batch: Split, components: int, tolerance: float, seed: int) -> GradCheck:
    """Check the gradient of a problem's cost on `batch`, at its initial parameters plus a little noise.

    Args:
        problem, batch: a problem in float64, and some rows.
        components, tolerance: as of `gradcheck`.
        seed: seed of the initial parameters, the noise and the drawn components.
    """
    state, random = start(problem, seed), np.random.default_rng(seed)
    held = {name: np.asarray(value) for name, value in state.params.items()}
    moved: Arrays = {name: value + random.normal(0, NOISE, value.shape) for name, value in held.items()}
    rows = Batch(*batch).map(tf.constant)

    def loss(params: dict[str, Tensor]) -> Tensor:
        return objective(problem, params, state.model_state, rows)[0]

    def by_hand(params: Arrays) -> Arrays:
        return problem.model.from_user(_softmax_by_hand(problem, problem.model.to_user(params), batch))

    known = problem.loss in (cross_entropy_by_columns, *LOSSES.values())
    formula = by_hand if problem.model.name == "softmax" and known else None
    result = gradcheck(loss, moved, by_hand=formula, components=components, tolerance=tolerance, seed=seed)
    return result._replace(parameters=tuple(_as_textbook(problem, moved, check) for check in result.parameters))


def _softmax_by_hand(problem: Problem, params: Arrays, batch: Split) -> Arrays:
    """Compute ∂/∂W = xᵀ δ and ∂/∂b = Σ δ, with δ = (softmax(x W + b) − one_hot(y)) / rows."""
    rows = scaled(batch.inputs, "float64", problem.scaling).numpy()
    x = rows.reshape(len(rows), -1)  # (batch, num_inputs)
    logits = x @ params["W"] + params["b"]  # (batch, num_classes)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))  # (batch, num_classes)
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    delta = (probabilities - np.eye(problem.model.num_classes)[batch.labels]) / len(x)
    return {"W": x.T @ delta, "b": delta.sum(axis=0)}


def _as_textbook(problem: Problem, params: Arrays, check: ParameterCheck) -> ParameterCheck:
    """Convert the index of `check` to the textbook form of the parameter, which may be transposed."""
    one_hot: Arrays = {name: np.zeros(value.shape) for name, value in params.items()}
    one_hot[check.name][check.place] = 1.0
    place = np.argwhere(problem.model.to_user(one_hot)[check.name])[0]
    return check._replace(place=tuple(map(int, place)))
