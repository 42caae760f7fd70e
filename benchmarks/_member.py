"""One process of a group: for each line of JSON from standard input compute something, and answer with a line."""

import json
import os
import signal
import sys
from ctypes import CDLL
from time import perf_counter
from typing import Any

__all__: list[str] = []


class Member:
    """What a process of a group can be asked for: names of methods, with keyword arguments of JSON."""

    def __init__(self) -> None:
        import descenso
        from descenso.api.train import import_tensorflow

        import_tensorflow()
        if "TF_CONFIG" in os.environ:
            from descenso.engines.team import team

            team()  # before TensorFlow computes anything
        self._data = descenso.load("mnist")
        self._runner: Any = None

    def bind(self, model: str, engine: str, rows: int = 0) -> dict[str, Any]:
        """Trace and compile a model for batches of so many rows; 0: as many as the model's own."""
        from descenso.config import TrainConfig
        from descenso.training.plan import Plan

        if self._runner:
            self._runner.close()
        then = perf_counter()
        given = {"batch_size": rows} if rows else {}
        plan = Plan.of(TrainConfig.of(model=model, engine=engine, epochs=1, **given), self._data)
        self._runner, self._state, self._order = plan.bind(), plan.start(), plan.order(0)
        floats = 1 + sum(int(value.shape.num_elements()) for value in self._state.params.values())
        found = {"floats": floats, "rows": self._order.batches.shape[1], "reduces": self._reduces()}
        return {"seconds": perf_counter() - then, **found}

    def _reduces(self) -> int:
        """Count the all-reduces of a step: that of the gradient, and those of layers that normalise over a batch."""
        graph = self._runner._program.graph.as_graph_def()
        functions = [graph.node, *(each.node_def for each in graph.library.function)]
        return max(sum(node.op.startswith("CollectiveReduce") for node in nodes) for nodes in functions)

    def walk(self, steps: int) -> dict[str, Any]:
        """Take so many steps on full batches, epoch after epoch, from where the last ones have led."""
        epochs, rest = divmod(steps, most := len(self._order.batches))
        orders = [self._order.between(0, most)] * epochs + [self._order.between(0, rest)] * (rest > 0)
        then = perf_counter()
        for state, trace in self._runner.walk(self._state, orders):
            self._state = state
        return {"seconds": perf_counter() - then, "cost": float(trace.costs[-1])}

    def reduce(self, floats: int, times: int) -> dict[str, Any]:
        """Add up so many float32 of all processes, so many times, in a loop of one program."""
        import tensorflow as tf

        from descenso.engines.team import team

        strategy = team().strategy

        def on_device(values: Any) -> Any:
            context = tf.distribute.get_replica_context()
            placed = tf.identity(values)  # on the worker's device, as a gradient is
            return context.all_reduce(tf.distribute.ReduceOp.SUM, placed) / context.num_replicas_in_sync

        @tf.function(autograph=False)
        def loop(values: Any, times: Any) -> Any:
            def once(done: Any, values: Any) -> tuple[Any, Any]:
                of_devices = strategy.run(on_device, (values,))
                return done + 1, strategy.experimental_local_results(of_devices)[0]

            return tf.while_loop(lambda done, _: done < times, once, [0, values], parallel_iterations=1)[1]

        values = tf.ones([floats])
        loop(values, tf.constant(2))
        then = perf_counter()
        result = loop(values, tf.constant(times)).numpy()
        seconds = perf_counter() - then
        if not (result == 1).all():
            raise ValueError(f"the mean of ones is not 1: {result}")
        return {"seconds": seconds}


def serve() -> None:
    """Answer until standard input ends. Output of libraries goes to standard error, not among the answers."""
    if sys.platform == "linux":
        CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the benchmark
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    member = Member()
    for line in sys.stdin:
        asked = json.loads(line)
        answers.write(json.dumps(getattr(member, asked.pop("what"))(**asked)) + "\n")


if __name__ == "__main__":
    serve()
