"""Each combination of engine, rule and model compared with the oracle in NumPy; Keras's optimizers likewise."""

import pytest

import oracle
from binding import WAYS
from conformance_limits import GRID, limit
from descenso.descent.rules import RULES as WRITTEN
from descenso.registry import MODELS, RULES
from keras_engine import OPTIMIZERS, keras_engine
from walks import difference, make_case, make_problem, truth, walk_epochs

ONE_STEP, TEN_TO_A_HUNDRED = 1, 100  # ten steps per epoch: a walk of a hundred is compared after each ten
FOR_KERAS = {  # exact in float32, to which Keras rounds them; ε is negligible where Keras adds it elsewhere
    "momentum": "momentum:momentum=0.875",
    "nesterov": "nesterov:momentum=0.875",
    "adagrad": "adagrad:epsilon=1e-30",
    "rmsprop": "rmsprop:rho=0.875,epsilon=1e-30",
    "adadelta": "adadelta:rho=0.875,epsilon=0.0009765625",
    "adam": "adam:beta_1=0.875,beta_2=0.96875,epsilon=1e-30",
    "adamw": "adamw:beta_1=0.875,beta_2=0.96875,epsilon=1e-30,weight_decay=0.0078125",
    "lion": "lion:beta_1=0.875,beta_2=0.96875",
}


def plain(engine, model, rule, dtype, rest, steps):
    """Return whether the case is in the plain tests; the others are marked slow."""
    long = dtype == "float64" and rest and steps == TEN_TO_A_HUNDRED
    return long and model == "softmax" and (engine == "compiled" or rule == "sgd")


def worth_walking(engine, model, rule, dtype, rest, steps):
    """Return whether the case is in the grid: single steps and equal batches are, for softmax with sgd only."""
    if (model, rule) == ("softmax", "sgd"):
        return (engine, steps) != ("compiled in blocks", ONE_STEP)  # a single step cannot be cut into blocks
    if rule not in ("sgd", "adam") and (model == "cnn" or (dtype == "float32" and engine != "compiled")):
        return False  # a rule updates each tensor alike, whatever the model, by the same code in each precision
    return rest and steps == TEN_TO_A_HUNDRED and (engine != "keras" or rule in OPTIMIZERS)


CASES = [
    pytest.param(
        *(engine, rule, model, dtype, rest, steps),
        id=f"{engine}-{rule}-{model}-{dtype}-{'smaller last batch' if rest else 'even'}-{steps}",
        marks=() if plain(engine, model, rule, dtype, rest, steps) else pytest.mark.slow,
    )
    for engine in [*WAYS, "keras"]
    for rule in RULES
    for model in MODELS
    for dtype in GRID
    for rest in (False, True)
    for steps in (ONE_STEP, TEN_TO_A_HUNDRED)
    if worth_walking(engine, model, rule, dtype, rest, steps)
]


@pytest.mark.parametrize(("engine", "rule", "model", "dtype", "rest", "steps"), CASES)
def test_agrees_with_the_oracle(engine, rule, model, dtype, rest, steps):
    spec = FOR_KERAS.get(rule, rule) if engine == "keras" else rule
    case = make_case(steps, rest, seed=steps, model=model, rule=spec)
    walks = walk_epochs(keras_engine(spec) if engine == "keras" else engine, make_problem(case, dtype), case)
    assert len(walks) == len(case.orders)
    assert all(value.dtype == dtype for value in walks[-1].params.values())
    apart = {len(found.costs): difference(found, truth(case, end)) for end, found in enumerate(walks, start=1)}
    assert max(apart.values()) <= limit(model, rule, dtype), f"seed {steps}; by steps walked: {apart}"


def test_the_oracle_and_keras_cover_the_registries():
    assert set(RULES) == set(WRITTEN) == {*oracle.RULES, "adamw"} == {*OPTIMIZERS, "nadam"}
    assert set(MODELS) == set(oracle.MODELS)
