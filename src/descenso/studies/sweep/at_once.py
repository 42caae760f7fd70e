"""Walk several training runs at once, each in a thread, and handle what they yield in the thread of the caller."""

from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from descenso.data.dataset import is_mapped
from descenso.engines.compiled import xla_serves
from descenso.training.plan import Plan

Key = TypeVar("Key")
Item = TypeVar("Item")
Walk = Generator[Item, None, None]
PAIR = 2  # runs at once, each of which alone leaves cores idle between its products


def how_many(plan: Plan) -> int:
    """Return how many runs of the model, engine and rows of `plan` to walk at once: 2 where that is faster.

    The products of a dense network's step are too small for all cores of a processor. TensorFlow's kernels for
    convolutions use them all. Rows in files are read by one run at a time.
    """
    model, in_memory = plan.problem.model, not is_mapped(plan.train.inputs)
    dense = plan.config.engine == "compiled" and "CPU" in model.xla and xla_serves(model)
    return PAIR if dense and in_memory else 1


def at_once(walks: Iterable[tuple[Key, Walk[Item]]], most: int) -> Generator[tuple[Key, Item | None], None, None]:
    """Walk generators, at most `most` of them at once; yield each item with the key of its walk, and None at its end.

    `walks` is drawn from in the caller's thread, one walk ahead. Walks go on while the caller handles an item; all are
    closed when the caller closes this generator.
    """
    coming, running = iter(walks), dict[Future[Item | None], tuple[Key, Walk[Item]]]()
    waiting = list[tuple[Key, Walk[Item]]]()
    with ThreadPoolExecutor(most, "descenso-lanes") as pool:

        def go_on(key: Key, walk: Walk[Item]) -> None:
            running[pool.submit(next, walk, None)] = key, walk

        try:
            for following in islice(coming, most):
                go_on(*following)
            waiting = [*islice(coming, 1)]
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    (key, walk), item = running.pop(future), future.result()
                    if item is not None:
                        go_on(key, walk)
                    elif waiting:
                        go_on(*waiting.pop())
                        waiting = [*islice(coming, 1)]
                    yield key, item
        finally:
            wait(running)
            for _key, walk in [*running.values(), *waiting]:
                walk.close()
