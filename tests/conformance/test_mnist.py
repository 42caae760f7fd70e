"""Three epochs of MNIST on every engine: costs and weights agree with the oracle's and with each other's."""

import functools
import itertools

import pytest

from conformance_limits import MNIST
from descenso.data.catalog import load
from descenso.data.dataset import Split
from descenso.data.order import epoch_order
from descenso.descent.models import softmax
from descenso.training.plan import ENGINES
from walks import Case, difference, make_problem, truth, walk

EPOCHS = 3
BATCH_SIZE = 100
FEW = 6_050  # about a tenth of the rows, and a smaller last batch
ALL = 60_000

rows_to_walk = pytest.mark.parametrize("rows", [FEW, pytest.param(ALL, marks=pytest.mark.slow)])
in_both_precisions = pytest.mark.parametrize("dtype", list(MNIST))


@functools.cache
def problem_and_case(rows, dtype):
    data = load("mnist")
    model = softmax(data.input_shape, data.num_classes)
    orders = tuple(epoch_order("permutation", rows, BATCH_SIZE, 0, epoch) for epoch in range(EPOCHS))
    train = Split(data.train.inputs[:rows], data.train.labels[:rows])
    case = Case(train, model.init(0)[0], orders, learning_rate=0.01)
    return make_problem(case, dtype, model=model, scaling=data.scaling), case


@functools.cache
def walked(engine, rows, dtype):
    return walk(engine, *problem_and_case(rows, dtype))


@functools.cache
def walked_by_the_oracle(rows):
    return truth(problem_and_case(rows, "float64")[1])


@rows_to_walk
@in_both_precisions
@pytest.mark.parametrize("engine", list(ENGINES))
def test_mnist_agrees_with_the_oracle(engine, dtype, rows):
    assert difference(walked(engine, rows, dtype), walked_by_the_oracle(rows)) <= MNIST[dtype], "seed 0"


@rows_to_walk
@in_both_precisions
@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(ENGINES, 2)))
def test_mnist_engines_coincide(one, other, dtype, rows):
    assert difference(walked(one, rows, dtype), walked(other, rows, dtype)) <= MNIST[dtype], "seed 0"


def test_limits_keep_the_promise():
    assert MNIST["float64"] <= 1e-9
