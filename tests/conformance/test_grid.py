"""Engine × rule × model, each against the descent written out in NumPy; and the same of Keras's optimizers."""

import pytest

import oracle
from binding import WAYS
from conformance_limits import GRID
from descenso.descent.models import MODELS
from descenso.descent.rules import RULES
from keras_engine import OPTIMIZERS, keras_engine
from walks import difference, make_case, make_problem, truth, walk_epochs

ONE_STEP, TEN_TO_A_HUNDRED = 1, 100  # ten an epoch: a walk of a hundred is seen after each ten
ENGINES_AND_STEPS = [
    (engine, steps)
    for engine in [*WAYS, "keras"]
    for steps in (ONE_STEP, TEN_TO_A_HUNDRED)
    if (engine, steps) != ("compiled in parts", ONE_STEP)  # one step has no parts
]


@pytest.mark.parametrize(("engine", "steps"), ENGINES_AND_STEPS)
@pytest.mark.parametrize("rest", [False, True], ids=["even", "smaller last batch"])
@pytest.mark.parametrize("dtype", list(GRID))
@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("rule", list(RULES))
def test_walks_where_the_oracle_walks(engine, rule, model, dtype, rest, steps):
    case = make_case(steps, rest, seed=steps, model=model, rule=rule)
    walks = walk_epochs(keras_engine(rule) if engine == "keras" else engine, make_problem(case, dtype), case)
    assert len(walks) == len(case.orders)
    assert all(value.dtype == dtype for value in walks[-1].params.values())
    apart = {len(found.costs): difference(found, truth(case, end)) for end, found in enumerate(walks, start=1)}
    assert max(apart.values()) <= GRID[dtype], f"seed {steps}; by steps walked: {apart}"


def test_everything_in_the_registries_is_told_by_the_oracle_and_by_keras():
    assert set(RULES) == set(oracle.RULES) == set(OPTIMIZERS)
    assert set(MODELS) == set(oracle.MODELS)
