"""Walk several training runs at once, each in a thread, and handle what they yield in the thread of the caller."""

from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from itertools import islice
from time import perf_counter
from typing import NamedTuple, TypeVar

from descenso.data.dataset import is_mapped
from descenso.data.order import Order
from descenso.engines.compiled import xla_serves
from descenso.text import _, prose
from descenso.training.plan import Plan

Key = TypeVar("Key")
Item = TypeVar("Item")
Walk = Generator[Item, None, None]
PAIR = 2  # runs at once, each of which alone leaves cores idle between its products
WARM_STEPS, TURNS, TURN_SECONDS = 8, 2, 0.15  # of a trial: one run and two take turns of about so many seconds each
WORTH_SECONDS = 10.0  # that all runs take one after another, below which no trial is made


def how_many(plan: Plan) -> int:
    """Return how many runs of the model, engine and rows of `plan` to walk at once: 2 where that is faster.

    The products of a dense network's step are too small for all cores of a processor. TensorFlow's kernels for
    convolutions use them all. Rows in files are read by one run at a time.
    """
    model, in_memory = plan.problem.model, not is_mapped(plan.train.inputs)
    dense = plan.config.engine == "compiled" and "CPU" in model.xla and xla_serves(model)
    return PAIR if dense and in_memory else 1


class Trial(NamedTuple):
    """Result of a trial: how many runs to walk at once, and how many times as fast as one after another they are."""

    runs: int
    speed: float

    @property
    def sentence(self) -> str:
        """What was found, and chosen."""
        message = _("two lanes are trained at once, each in a thread: in a trial of about a second, {speed:.2f} times "
                    "as fast as one after another")  # fmt: skip
        if self.runs == 1:
            message = _("lanes are trained one after another: in a trial of about a second, two at once were "
                        "{speed:.2f} times as fast")  # fmt: skip
        return prose(message, speed=self.speed)


def tried(plan: Plan, runs: int) -> Trial | None:
    """Try on this machine whether to walk two of so many runs like that of `plan` at once.

    Returns:
        The result; None where there is no choice, or where all runs take hardly longer than the trial.
    """
    if how_many(plan) == 1 or runs < PAIR:
        return None
    with ExitStack() as stack:
        runners = [stack.enter_context(closing(plan.bind())) for _each in range(PAIR)]
        order, begin = plan.order(0), plan.start()
        first = order.between(0, WARM_STEPS)

        def seconds(count: int, orders: Sequence[Order]) -> float:
            then = perf_counter()
            for _item in at_once(((place, runners[place].walk(begin, orders)) for place in range(count)), count):
                pass
            return perf_counter() - then

        seconds(PAIR, [first])
        of_step = seconds(1, [first]) / len(list(first))
        if of_step * runs * plan.config.epochs * plan.steps_per_epoch < WORTH_SECONDS:
            return None
        epochs = max(1, round(TURN_SECONDS / (of_step * plan.steps_per_epoch)))
        orders = [order.between(0, max(1, int(TURN_SECONDS / of_step)))] * epochs
        turns = [(seconds(1, orders), seconds(PAIR, orders)) for _turn in range(TURNS)]
    alone, together = map(min, zip(*turns, strict=True))
    speed = PAIR * alone / together
    return Trial(PAIR if speed > 1 else 1, speed)


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
