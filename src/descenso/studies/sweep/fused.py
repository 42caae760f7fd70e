"""Many training runs as one: states side by side along a first axis of lanes, and the step of all lanes."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from descenso.descent.problem import (
    Params,
    Problem,
    Rule,
    Schedule,
    State,
    Step,
    Tensor,
    TrainState,
    descend,
    make_step,
)
from descenso.engines.compiled import xla_serves

ALIVE = "alive"  # in the rule state: which lanes are still trained


class Kind(NamedTuple):
    """Neighbouring lanes that update in the same way, but for their learning rates.

    Attributes:
        rule, schedule: of them all.
        lanes: how many.
    """

    rule: Rule
    schedule: Schedule
    lanes: int


def kinds_of(problems: Sequence[Problem]) -> tuple[Kind, ...]:
    """Gather neighbouring lanes with the same rule and schedule."""
    kinds = list[Kind]()
    for problem in problems:
        if kinds and kinds[-1][:2] == (problem.rule, problem.schedule):
            kinds[-1] = kinds[-1]._replace(lanes=kinds[-1].lanes + 1)
        else:
            kinds.append(Kind(problem.rule, problem.schedule, 1))
    return tuple(kinds)


def fuses(problem: Problem) -> bool:
    """Whether lanes of `problem` can be trained together: softmax regression, whose lanes are one wide product.

    Other models gain nothing on a processor: XLA takes many times as long for products batched over lanes as for the
    lanes one after another, and no less for the same products unrolled in one program.
    """
    return problem.model.shared and problem.model.name == "softmax" and xla_serves(problem.model)


def stacked(states: Sequence[TrainState], kinds: Sequence[Kind]) -> TrainState:
    """Put states side by side: params and model state along a first axis, rule states by kind."""
    ends = np.cumsum([0, *(kind.lanes for kind in kinds)])
    rule_state: dict[str, Any] = {
        str(number): _side_by_side([state.rule_state for state in states[first:last]])
        for number, (first, last) in enumerate(pairwise(ends))
    }
    rule_state[ALIVE] = tf.ones(len(states), tf.bool)
    params, carried = (_side_by_side([getattr(state, part) for state in states]) for part in ("params", "model_state"))
    return TrainState(states[0].step, tf.stack([state.rate for state in states]), params, carried, rule_state)


def _side_by_side(nests: Sequence[Any]) -> Any:
    return tf.nest.map_structure(lambda *values: tf.stack(values), *nests)


def alone(state: TrainState, kinds: Sequence[Kind], lane: int) -> TrainState:
    """Return the state of one lane, as its training run alone would have it."""
    number, first = 0, 0
    while lane >= first + kinds[number].lanes:
        first += kinds[number].lanes
        number += 1

    def of(nest: Any, place: int) -> Any:
        return tf.nest.map_structure(lambda value: value[place], nest)

    carried = of(state.model_state, lane), of(state.rule_state[str(number)], lane - first)
    return TrainState(state.step, state.rate[lane], of(state.params, lane), *carried)


@lru_cache(maxsize=64)
def step_of(kinds: tuple[Kind, ...]) -> Callable[[Problem], Step]:
    """Return the function that makes the step of all lanes; equal kinds give the same function again.

    A lane whose cost is not finite keeps the state from before that step, as does one that is not alive; it stays in
    the products, whose width decides how they are rounded.
    """

    def update(problem: Problem, state: TrainState, gradients: Params, model_state: State) -> TrainState:
        parts, rule_state, first = list[Params](), dict[str, Any](), 0
        for number, kind in enumerate(kinds):
            part, rule_state[str(number)] = _updated(problem, kind, state, gradients, (number, first))
            parts.append(part)
            first += kind.lanes
        params = {name: tf.concat([part[name] for part in parts], axis=0) for name in state.params}
        return state._replace(step=state.step + 1, params=params, model_state=model_state, rule_state=rule_state)

    def made(problem: Problem) -> Step:
        inner = make_step(problem, update=update)

        def step(state: TrainState, batch: Any) -> tuple[TrainState, Tensor]:
            following, costs = inner(state, batch)
            alive = state.rule_state[ALIVE] & tf.math.is_finite(costs)  # (lanes,)
            return _kept(state, following, alive, kinds), costs

        return step

    return made


def _updated(
    problem: Problem, kind: Kind, state: TrainState, gradients: Params, place: tuple[int, int]
) -> tuple[Params, Any]:
    """Update the lanes of one kind; `place` is its number and its first lane."""
    number, first = place
    alike = problem._replace(rule=kind.rule, schedule=kind.schedule)
    mine = {name: value[first : first + kind.lanes] for name, value in state.params.items()}
    slopes = {name: value[first : first + kind.lanes] for name, value in gradients.items()}
    rates, rule_state = state.rate[first : first + kind.lanes], state.rule_state[str(number)]

    def lane(given: tuple[Tensor, Params, Params, Any]) -> tuple[Params, Any]:
        rate, params, slope, own = given
        following = descend(alike, TrainState(state.step, rate, params, {}, own), slope, {})
        return following.params, following.rule_state

    params, carried = tf.vectorized_map(lane, (rates, mine, slopes, rule_state))
    return params, carried


def _kept(state: TrainState, following: TrainState, alive: Tensor, kinds: Sequence[Kind]) -> TrainState:
    """Return `following` for lanes that are alive, and `state` for the others."""

    def chosen(which: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        def choose(after: Tensor, before: Tensor) -> Tensor:
            return tf.where(tf.reshape(which, [-1] + [1] * (before.shape.rank - 1)), after, before)

        return choose

    of_all = chosen(alive)
    rule_state, first = dict[str, Any](), 0
    for number, kind in enumerate(kinds):
        of_kind = chosen(alive[first : first + kind.lanes])
        pair = following.rule_state[str(number)], state.rule_state[str(number)]
        rule_state[str(number)] = tf.nest.map_structure(of_kind, *pair)
        first += kind.lanes
    params, carried = (
        {name: of_all(value, getattr(state, part)[name]) for name, value in getattr(following, part).items()}
        for part in ("params", "model_state")
    )
    return following._replace(params=params, model_state=carried, rule_state={**rule_state, ALIVE: alive})


def stopped(state: TrainState, lanes: Sequence[int]) -> TrainState:
    """Return the state in which `lanes` are not trained any more."""
    alive = np.array(state.rule_state[ALIVE])
    alive[list(lanes)] = False
    return state._replace(rule_state={**state.rule_state, ALIVE: tf.constant(alive)})


def bytes_of(state: TrainState) -> int:
    """Return the memory in bytes that a lane of `state` takes: its state, the state that follows, and its gradient."""
    leaves = tf.nest.flatten((state, state, state.params))
    return sum(int(np.prod(leaf.shape)) * leaf.dtype.size for leaf in leaves)
