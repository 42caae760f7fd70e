"""A gradient taken in several ways, side by side: by TensorFlow's graph, by its tape, by hand, and by differences."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.descent.problem import Arrays, Tensor
from descenso.errors import ConfigError
from descenso.text import _, aligned, mark

STEP = float(np.cbrt(np.finfo(np.float64).eps))  # where rounding and curvature together err least
LEAST = 1e-3  # of the cost, or of 1: smaller components are compared as if they were so large
GRAPH, TAPE, BY_HAND, DIFFERENCES = "tf.gradients", mark("tape"), mark("by hand"), mark("differences")

Floats = NDArray[np.float64]


class ParameterCheck(NamedTuple):
    """What came of one parameter.

    Attributes:
        name: of the parameter.
        components: how many it has.
        sampled: of how many central differences were taken; the other ways are compared on all.
        place: index of the component on which two ways disagree most.
        values: what each way says of that component; without central differences where none was taken there.
        difference: of the two that disagree most, |a − b| / max(|a|, |b|, floor); see `gradcheck`.
    """

    name: str
    components: int
    sampled: int
    place: tuple[int, ...]
    values: dict[str, float]
    difference: float

    @property
    def component(self) -> str:
        """How the component is written: W[3, 1]."""
        return f"{self.name}[{', '.join(map(str, self.place))}]" if self.place else self.name

    def as_json(self) -> dict[str, Any]:
        """As plain values; a number that is not finite is None."""
        return {
            "name": self.name, "index": list(self.place), "components": self.components, "sampled": self.sampled,
            "values": {way: _finite(value) for way, value in self.values.items()},
            "difference": _finite(self.difference),
        }  # fmt: skip


class GradCheck(NamedTuple):
    """What a gradient came to in each way.

    Attributes:
        cost: the loss at these parameters.
        tolerance: how far two ways may lie apart.
        parameters: one record each.
    """

    cost: float
    tolerance: float
    parameters: tuple[ParameterCheck, ...]

    @property
    def worst(self) -> ParameterCheck:
        """The parameter, and in it the component, on which two ways disagree most."""
        return max(self.parameters, key=lambda each: each.difference)

    @property
    def passed(self) -> bool:
        """Whether all ways agree on every component that was looked at."""
        return self.worst.difference <= self.tolerance

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways that were gone: by hand only where there is a formula."""
        return tuple(dict.fromkeys(way for each in self.parameters for way in each.values))

    @property
    def verdict(self) -> str:
        """One sentence: whether the ways agree, and which component is the worst."""
        worst = self.worst
        low, high = (chosen(worst.values, key=lambda way: worst.values[way]) for chosen in (min, max))
        said = _("All ways agree") if self.passed else _("The ways disagree")
        return _(
            "{said}; worst: {component}, {one} {a:.9g}, {other} {b:.9g}, relative difference {gap:.1e},"
            " tolerance {tolerance:g}."
        ).format(
            said=said, component=worst.component, one=_(low), a=worst.values[low], other=_(high),
            b=worst.values[high], gap=worst.difference, tolerance=self.tolerance,
        )  # fmt: skip

    def rows(self) -> list[list[str]]:
        """The table: its head, then a row for each parameter with its worst component."""
        head = [_("component"), *map(_, self.ways), _("apart")]
        body = [
            [
                each.component,
                *(f"{each.values[way]:.6g}" if way in each.values else "–" for way in self.ways),
                f"{each.difference:.1e}",
            ]
            for each in self.parameters
        ]
        return [head, *body]

    @property
    def extent(self) -> str:
        """One sentence: on how many components what was compared."""
        return _("Central differences of {sampled} components, the other ways on all {components}.").format(
            sampled=sum(each.sampled for each in self.parameters),
            components=sum(each.components for each in self.parameters),
        )

    def as_json(self) -> dict[str, Any]:
        """As plain values; a number that is not finite is None."""
        records = [each.as_json() for each in self.parameters]
        worst = records[self.parameters.index(self.worst)]
        return {
            "passed": self.passed, "cost": _finite(self.cost), "tolerance": self.tolerance, "ways": list(self.ways),
            "worst": worst, "parameters": records,
        }  # fmt: skip

    def __repr__(self) -> str:
        return "\n".join([aligned(self.rows()), self.extent, self.verdict])


def gradcheck(
    loss: Callable[[dict[str, Tensor]], Tensor],
    params: Mapping[str, Any],
    *,
    by_hand: Callable[[Arrays], Mapping[str, Any]] | None = None,
    components: int = 50,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> GradCheck:
    """Take the gradient of a loss of one's own in every way, in float64, and compare.

        ∂f/∂θᵢ ≈ (f(θ + h eᵢ) − f(θ − h eᵢ)) / 2h,   h = ε^(1/3) · max(1, |θᵢ|)

    Two ways differ by |a − b| / max(|a|, |b|, 1e-3, 1e-3 |f(θ)|): differences cannot tell less from rounding.

    Args:
        loss: from parameters by name, float64 tensors, to a scalar; and params, where its gradient is taken.
        by_hand: the formula, if one has it: from arrays by name to gradients by name.
        components: of how many of each parameter central differences are taken, drawn by `seed`.
        tolerance: how far two ways may lie apart.

    Returns:
        A value: `passed` says whether all ways agree, `worst` names the component; printed, it is a table.

    Raises:
        ConfigError: for a loss that is no finite float64, for no parameters, for a formula's gradient of another shape.

    >>> gradcheck(lambda p: p["x"] ** 3, {"x": 2.0}).passed
    True
    """
    given = {name: np.asarray(value, np.float64) for name, value in params.items()}
    value = tf.function(loss)
    cost = _checked_cost(value, given)
    ways = {GRAPH: _by_graph(value, given), TAPE: _by_tape(loss, given)}
    if by_hand is not None:
        ways[BY_HAND] = _checked_formula(by_hand(dict(given)), given)
    ways[DIFFERENCES] = _by_differences(value, given, components, seed)
    floor = LEAST * max(1.0, abs(cost))
    checks = (_compare(name, {way: found[name] for way, found in ways.items()}, floor) for name in given)
    return GradCheck(cost, tolerance, tuple(checks))


def _checked_cost(value: Callable[[Any], Tensor], params: dict[str, Floats]) -> float:
    if not params:
        raise ConfigError(_("params: none are given; give arrays by name, such as {'w': numpy.zeros(3)}"))
    cost = np.asarray(value(params))
    if cost.shape or cost.dtype != np.float64 or not np.isfinite(cost):
        got = _("{dtype} of shape {shape}").format(dtype=cost.dtype, shape=cost.shape)
        raise ConfigError(
            _("loss must be one finite float64, got {got}; try tf.reduce_mean(...), and no casts to float32").format(
                got=got if cost.shape or cost.dtype != np.float64 else cost
            )
        )
    return float(cost)


def _checked_formula(found: Mapping[str, Any], params: dict[str, Floats]) -> dict[str, Floats]:
    given = {name: np.asarray(found[name], np.float64) for name in params if name in found}
    for name, value in params.items():
        shape = given[name].shape if name in given else _("none")
        if shape != value.shape:
            raise ConfigError(
                _("by_hand: the gradient of {name} has shape {got}, expected {expected}, that of the parameter").format(
                    name=name, got=shape, expected=value.shape
                )
            )
    return given


def _by_graph(value: Callable[[Any], Tensor], params: dict[str, Floats]) -> dict[str, Floats]:
    """As TensorFlow 1 did: operations that `tf.gradients` adds to a static graph."""

    @tf.function  # type: ignore[untyped-decorator] # TensorFlow publishes no types
    def gradients(held: dict[str, Tensor]) -> list[Tensor]:
        return list(tf.gradients(value(held), list(held.values()), unconnected_gradients="zero"))

    held = {name: tf.constant(array) for name, array in params.items()}
    return {name: np.asarray(found) for name, found in zip(params, gradients(held), strict=True)}


def _by_tape(loss: Callable[[dict[str, Tensor]], Tensor], params: dict[str, Floats]) -> dict[str, Floats]:
    held = {name: tf.constant(array) for name, array in params.items()}
    with tf.GradientTape() as tape:
        tape.watch(held)
        cost = loss(held)
    found = tape.gradient(cost, held, unconnected_gradients="zero")
    return {name: np.asarray(tf.convert_to_tensor(array)) for name, array in found.items()}


def _by_differences(
    value: Callable[[Any], Tensor], params: dict[str, Floats], components: int, seed: int
) -> dict[str, Floats]:
    """Central differences of some components of each parameter; NaN where none was taken, infinite where it failed."""
    random, found = np.random.default_rng(seed), {name: np.full(array.shape, np.nan) for name, array in params.items()}
    held = {name: tf.constant(array) for name, array in params.items()}
    for name, array in params.items():
        for place in random.permutation(array.size)[:components]:
            ends = list(_both_sides(array, int(place)))
            high, low = (float(value({**held, name: tf.constant(moved)})) for moved in ends)
            slope = (high - low) / (ends[0].flat[place] - ends[1].flat[place])
            found[name].flat[place] = slope if math.isfinite(slope) else math.inf
    return found


def _both_sides(array: Floats, place: int) -> Iterator[Floats]:
    step = STEP * max(1.0, abs(array.flat[place]))
    for sign in (1, -1):
        moved = array.copy()
        moved.flat[place] += sign * step
        yield moved


def _compare(name: str, found: dict[str, Floats], floor: float) -> ParameterCheck:
    """The component of one parameter on which two ways lie furthest apart."""
    stacked = np.stack(list(found.values()))  # (ways, *shape), central differences last
    high, low = np.fmax.reduce(stacked), np.fmin.reduce(stacked)  # which pass over NaN
    with np.errstate(invalid="ignore"):
        apart = (high - low) / np.maximum(np.maximum(np.abs(high), np.abs(low)), floor)
    apart = np.where(np.isfinite(apart) & np.isfinite(stacked[:-1]).all(axis=0), apart, np.inf)
    place = tuple(map(int, np.unravel_index(np.argmax(apart), apart.shape)))
    taken = ~np.isnan(found[DIFFERENCES])
    values = {way: float(array[place]) for way, array in found.items() if way != DIFFERENCES or taken[place]}
    return ParameterCheck(name, apart.size, int(taken.sum()), place, values, float(apart[place]))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
