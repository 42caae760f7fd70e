"""What engines have in common: the protocol, a step-by-step loop, programs that runs share, and rows as tensors."""

import math
import re
import threading
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable, Iterable
from functools import cached_property
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import PIXELS, Scaling, Split, aligned, is_mapped
from descenso.data.order import Order
from descenso.descent.problem import Batch, MakeStep, Problem, Tensor, TrainState
from descenso.text import _

LARGE = 2**20  # bytes of an array from which on its memory is used again
MOST = 64  # programs that are kept
ALIGNMENT = 64  # bytes; TensorFlow's kernels on the processor assume it, and abort without
LOCK = threading.RLock()
_kept: OrderedDict[Hashable, Any] = OrderedDict()


class Trace(NamedTuple):
    """Costs and time of the steps of one order.

    Attributes:
        costs: (steps,) float64, the cost of each batch before its update; (steps, K) where K trainings share a step.
            It ends with the first cost that is not finite, or of K the first step where none is.
        seconds: wall time in the engine, without the caller's.
        waited: the part of it in which the steps waited for rows of files that are read ahead; None without such rows.
    """

    costs: NDArray[np.float64]
    seconds: float
    waited: float | None = None

    @property
    def finite(self) -> bool:
        """Whether training can go on."""
        return bool(np.isfinite(self.costs[-1]).any())


Walk = Generator[tuple[TrainState, Trace], None, None]


class Runner(Protocol):
    """A problem bound to training rows: traced, compiled, and ready to walk.

    Attributes:
        compile_seconds: time that tracing and compiling took, in [0, inf); next to 0 where a program is reused.
    """

    compile_seconds: float

    @property
    def traces(self) -> int:
        """How many times Python was traced into a graph; 0 where nothing is."""

    def walk(self, state: TrainState, orders: Iterable[Order]) -> Walk:
        """Take the steps of each order from `state`; yield the state and the trace after each order.

        It ends after a cost that is not finite. `orders` may be drawn from ahead, and in another thread.
        """

    def close(self) -> None:
        """Release what the runner holds (a session, a thread)."""


class Engine(Protocol):
    """An engine is called to bind a problem; it returns a runner."""

    def __call__(
        self, problem: Problem, train: Split, batch_rows: int, step: MakeStep, like: TrainState | None
    ) -> Runner: ...


StepOnRows = Callable[[Any, Any], tuple[Any, Tensor]]  # state, row numbers -> next state, cost


def step_by_step(
    step: StepOnRows, state: Any, orders: Iterable[Iterable[Any]], read: Callable[[Any], TrainState]
) -> Walk:
    """Walk with Python's own loop: one call of `step` for the row numbers of each batch of an order.

    `read` makes the state to yield.
    """
    for order in orders:
        then, costs = perf_counter(), list[Any]()
        for rows in order:
            state, cost = step(state, rows)
            costs.append(np.asarray(cost))
            if not np.isfinite(costs[-1]).any():
                break
        trace = trace_of(np.stack(costs), perf_counter() - then)
        yield read(state), trace
        if not trace.finite:
            return


def trace_of(costs: NDArray[np.floating], seconds: float, waited: float | None = None) -> Trace:
    """Make a trace that ends at the first cost that is not finite."""
    wide = np.asarray(costs, np.float64)
    finite = np.isfinite(wide).reshape(len(wide), -1).any(axis=1)
    return Trace(wide if finite.all() else wide[: int(finite.argmin()) + 1], seconds, waited)


def arguments(scaling: Scaling) -> Scaling:
    """Make tensors of a scaling, for a program that takes it as an argument.

    What is compiled in stays as it is, and costs no argument: a shift by nothing, and the scaling of all pictures.
    """
    if _of_pictures(scaling):
        return scaling
    shift = tf.constant(scaling.shift, tf.float64) if np.any(scaling.shift) else 0.0
    return Scaling(shift, tf.constant(scaling.scale, tf.float64))


def _of_pictures(scaling: Scaling) -> bool:
    return all(np.ndim(each) == 0 for each in scaling) and scaling == PIXELS


def _static(scaling: Scaling) -> Hashable:
    """Return the part of a scaling that is compiled in: see `arguments`; and its shapes."""
    return _of_pictures(scaling), bool(np.any(scaling.shift)), np.shape(scaling.shift), np.shape(scaling.scale)


def shapes_of(nest: Any) -> Hashable:
    """Return the shape and the dtype of each tensor in a nest."""
    return tuple((tuple(each.shape), each.dtype) if tf.is_tensor(each) else None for each in tf.nest.flatten(nest))


def shared(problem: Problem, make: Callable[[], Any], *key: Hashable) -> Any:
    """Return the program of `problem` and `key`, made by `make` where there is none yet.

    A program takes rows, state and scaling as arguments, so that runs which differ in data, seed or learning rate have
    one in common. Of a user's own model it is made anew each time: nothing says that two functions do the same.
    """
    if not problem.model.shared:
        return make()
    whole = (problem._replace(scaling=Scaling(), learning_rate=0.0), _static(problem.scaling), *key)
    with LOCK:
        if whole not in _kept:
            _kept[whole] = make()
            if len(_kept) > MOST:
                _kept.popitem(last=False)
        _kept.move_to_end(whole)
        return _kept[whole]


def warn_of_xla(name: str, error: str) -> None:
    """Warn that XLA cannot compile the model `name`, for this error or these operations."""
    message = _("xla: XLA cannot compile {name} ({reason}); TensorFlow runs its steps without XLA, more slowly")
    lacking = re.findall(r"(\w+) \(No registered", error)
    reason = ", ".join(sorted(set(lacking))) or next((line for line in error.splitlines() if line.strip()), "")[:200]
    warnings.warn(message.format(name=name, reason=reason), stacklevel=2)


def clear() -> None:
    """Forget all programs, as when TensorFlow is told to compute in another way."""
    with LOCK:
        _kept.clear()


class _Lent(NamedTuple):
    """Memory, and the array in it that is used now or was used last."""

    memory: NDArray[Any]
    user: "weakref.ref[NDArray[Any]]"


class Rows:
    """The one way from a split to batches.

    Arrays in memory become tensors, without a copy where possible. NumPy takes the rows of each batch, into memory that
    is freed with this object, while TensorFlow's allocator keeps what it has had. So a memory-mapped array is never
    brought into memory whole.

    Args:
        split: rows; its arrays must not change while this lives.

    Attributes:
        in_memory: whether they are; else they are mapped.
    """

    def __init__(self, split: Split) -> None:
        self._split, self.in_memory = split, not is_mapped(split.inputs)
        self._lent, self._lock = list[_Lent](), threading.Lock()

    @cached_property
    def tensors(self) -> Batch:
        """All rows, in memory, as tensors."""
        return Batch(*self._split).map(as_tensor)

    def batch(self, numbers: NDArray[np.int32], length: int = 0) -> Batch:
        """Gather rows by number: (n, …) int32 -> inputs (n, …, *input_shape), and so on.

        With a `length` above n, the arrays have that length, and what is in them behind the first n is not defined.
        """
        length = max(length, len(numbers))
        if self.in_memory and tf.config.list_logical_devices("GPU"):  # whose memory the rows stay in
            padding = [(0, length - len(numbers)), *[(0, 0)] * (numbers.ndim - 1)]
            return gathered(self.tensors, np.pad(numbers, padding))
        return Batch(*self._split).map(lambda array: self._taken(array, numbers, length))

    def _taken(self, array: NDArray[Any], numbers: NDArray[np.int32], length: int) -> Tensor:
        """Take rows of `array` into memory of that length, which becomes the tensor's own."""
        rows = self._unused((length, *numbers.shape[1:], *array.shape[1:]), array.dtype)
        np.take(array, numbers, axis=0, out=rows[: len(numbers)], mode="clip")  # "raise" would take a second buffer
        return as_tensor(rows)

    def _unused(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array to be filled; a large one in the memory of an earlier one that nothing refers to any more.

        New memory is cleared by the system first, which takes longer than the rows do to be copied. A tensor refers to
        the array whose memory it shares.
        """
        if math.prod(shape) * dtype.itemsize < LARGE:
            return aligned(shape, dtype)
        with self._lock:
            idle = (each for each in self._lent if each.user() is None and each.memory.shape == shape)
            lent = next((each for each in idle if each.memory.dtype == dtype), None)
            memory = aligned(shape, dtype) if lent is None else lent.memory
            user = memory[...]
            self._lent = [_Lent(memory, weakref.ref(user)), *(each for each in self._lent if each is not lent)]
        return user

    def arrays(self, numbers: NDArray[np.int32]) -> Batch:
        """Gather rows by number as NumPy arrays, for what is fed by hand."""
        return Batch(*self._split).map(lambda array: np.take(array, numbers, axis=0))


def gathered(rows: Batch, numbers: Tensor) -> Batch:
    """Gather rows by number from tensors."""
    return rows.map(lambda tensor: tf.gather(tensor, numbers))


def specs(split: Split, leading: tuple[int | None, ...]) -> Batch:
    """Describe batches of `split` whose shapes begin with `leading`."""
    spec: Callable[[Any], tf.TensorSpec] = lambda array: tf.TensorSpec([*leading, *array.shape[1:]], array.dtype)  # noqa: E731
    return Batch(*split).map(spec)


def as_tensor(array: Any) -> Tensor:
    """Make a tensor of the NumPy `array`: its own memory where it is aligned and may be shared, else a copy.

    Where it is shared, the array must not change while the tensor lives.
    """
    shareable = array.flags.c_contiguous and array.flags.writeable and array.ctypes.data % ALIGNMENT == 0
    if array.size and shareable and not tf.config.list_logical_devices("GPU"):
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.constant(array)
