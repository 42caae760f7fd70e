"""Python code is traced once, however many epochs follow, and a graph is final once it is built."""

from contextlib import closing

import pytest
import tensorflow as tf

from descenso.training.plan import ENGINES, bind
from walks import BATCH_SIZE, begin, make_case, make_problem

CASE = make_case(20, rest=True)


@pytest.fixture(scope="module")
def runners():
    problem = make_problem(CASE, "float32")
    bound = {engine: bind(engine, problem, CASE.train, BATCH_SIZE) for engine in ENGINES}
    yield bound
    for runner in bound.values():
        runner.close()


@pytest.fixture
def first():
    """The state before the first step."""
    return begin(make_problem(CASE, "float32"), CASE.params)


@pytest.mark.parametrize(("engine", "traces"), [("graph", 1), ("eager", 0), ("function", 1), ("compiled", 1)])
def test_traced_once_in_two_epochs(runners, engine, traces, first):
    runner = runners[engine]
    counts = [runner.traces, *(runner.traces for _ in runner.walk(first, CASE.orders))]
    assert counts == [traces] * 3


def test_another_state_is_refused_rather_than_traced_again(first):
    with closing(bind("compiled", make_problem(CASE, "float32"), CASE.train, BATCH_SIZE)) as runner:
        more_to_carry = first._replace(rule_state={"unused": tf.constant(0.0)})
        with pytest.raises(TypeError):
            list(runner.walk(more_to_carry, CASE.orders))
        assert runner.traces == 1


def test_graph_is_finalised_and_grows_no_more(runners, first):
    graph = runners["graph"]._session.graph
    sizes = [len(graph.get_operations())]
    sizes += [len(graph.get_operations()) for _ in runners["graph"].walk(first, CASE.orders)]
    assert graph.finalized
    assert len(set(sizes)) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_compile_seconds_are_reported(runners, engine):
    assert (runners[engine].compile_seconds > 0) == (engine != "eager")
