"""Compare training runs, and itemise the cost of eager execution."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

from descenso.api.train import joined, own_of, rows_of, source_of
from descenso.config import TrainConfig, check_each, refuse_unknown
from descenso.data.catalog import before_data, with_model
from descenso.data.checks import check_dataset, check_fit
from descenso.data.dataset import Dataset
from descenso.data.sources import Sources
from descenso.errors import ConfigError
from descenso.registry import MADE_IN_PYTHON, OWN
from descenso.settings import ALONE
from descenso.text import _, spelled
from descenso.training.display import starting
from descenso.training.waiting import telling

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from descenso.descent.problem import Own
    from descenso.hints import Compared
    from descenso.studies.comparison import Comparison
    from descenso.studies.ladder import Explained

AXES = {  # what may differ, and its setting
    "engines": "engine",
    "rules": "rule",
    "learning_rates": "learning_rate",
    "batch_sizes": "batch_size",
    "datasets": "data",
}
EPOCHS, REPEATS = 3, 3  # enough to compare paths, and to show the spread of times
ROUNDS, FEWEST_ROUNDS = 7, 5  # of the ladder, whose items are differences of times; fewer show no spread


@overload
def compare(
    data: Any = ...,
    labels: Any = ...,
    *,
    explain: Literal[False] = ...,
    repeats: int | None = ...,
    progress: Callable[[str], None] | bool | None = ...,
    sources: Sources | None = ...,
    **settings: "Unpack[Compared]",
) -> "Comparison": ...


@overload
def compare(
    data: Any = ...,
    labels: Any = ...,
    *,
    explain: Literal[True],
    repeats: int | None = ...,
    progress: Callable[[str], None] | bool | None = ...,
    sources: Sources | None = ...,
    **settings: "Unpack[Compared]",
) -> "Explained": ...


def compare(
    data: Any = "mnist",
    labels: Any = None,
    *,
    explain: bool = False,
    repeats: int | None = None,
    progress: Callable[[str], None] | bool | None = None,
    sources: Sources | None = None,
    **settings: "Unpack[Compared]",
) -> "Comparison | Explained":
    """Compare training runs that differ in one thing; of engines, judge whether all follow the same path.

    They do while no cost and no parameter differs from the first engine's, relative to its array's largest value, by
    more than 1e-9 in float64; in other precisions, by more than 8 times what rounding does to the first one, and at
    most 0.01. Where that would be more, this precision cannot tell, and float64 is tried.

    Args:
        data, labels, sources: as of `train`.
        explain: whether to itemise instead why eager execution is slower; see `descenso.api.compare.explain`.
        repeats: number of times that each run is trained, for its times; by default 3, or 7 to explain.
        progress: called with a line when a training run begins; True to print it on standard error; by default a bar
            is shown in a terminal or a notebook, with False nothing.
        **settings: two or more `engines`, `rules`, `learning_rates`, `batch_sizes` or `datasets`, or `engine` and so on
            as a list, by default all engines of one process; and those of `TrainConfig`, with 3 epochs by default.

    Returns: the result: `coincide`, `tables()`, `as_json()`, `plot()`; its `repr` is a table. To explain: `items`.

    Raises:
        ConfigError, DataError: as `train`, and for fewer than two to compare.
    """
    if explain:
        how: dict[str, Any] = {} if repeats is None else {"repeats": repeats}
        return itemised(data, labels, progress=progress, sources=sources, **how, **settings)
    if (repeats := REPEATS if repeats is None else repeats) < 1:
        raise ConfigError(_("repeats must be at least 1, got {repeats}; try --repeats 3").format(repeats=repeats))
    return _compared(_pair(data, labels), repeats, progress, sources, settings)


def _compared(
    data: Any,
    repeats: int,
    progress: Callable[[str], None] | bool | None,
    sources: Sources | None,
    settings: "Compared",
) -> "Comparison":
    axis, values = _axis(given := {**settings})
    if "workers" in (values if axis == "engines" else [given.get("engine")]):
        joined({**given, "engine": "workers"}, None)
    requests = _read([{"epochs": EPOCHS, "data": data, **given, AXES[axis]: each} for each in values])
    entries = _check_all(requests, sources, axis)
    names = _names(axis, [request[AXES[axis]] for request in requests], entries)

    with starting():
        from descenso.studies.lanes import Contender, compare_all

    each = zip(names, entries, requests, strict=True)
    contenders = [Contender(name, *entry, partial(_own_in_float64, request)) for name, entry, request in each]
    with _telling(_("Comparing"), repeats * len(contenders), progress) as tell:
        return compare_all(axis, contenders, repeats, tell)


def _own_in_float64(settings: dict[str, Any]) -> "Own | None":
    return own_of({**settings, "dtype": "float64"})[1]


class _Entry(NamedTuple):
    """A training run to compare, checked."""

    config: TrainConfig
    data: Dataset
    own: "Own | None"


def _pair(data: Any, labels: Any) -> Any:
    return data if labels is None else (data, labels)


def _read(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make a dataset of each request's data in memory, each once, with the settings that say how it is read."""
    from descenso.data.memory import dataset_of

    made, found = dict[int, tuple[Any, set[str]]](), list[dict[str, Any]]()
    for request in requests:
        data, rest = request["data"], {**request}
        if id(data) not in made and not isinstance(data, Dataset | str | Path):
            made[id(data)] = dataset_of(data, None, rest), request.keys() - rest.keys()
        dataset, taken = made.get(id(data), (data, set()))
        found.append({**{name: value for name, value in request.items() if name not in taken}, "data": dataset})
    return found


def _check_all(requests: list[dict[str, Any]], sources: Sources | None, axis: str = "") -> list[_Entry]:
    """Check the settings of each training run, which differ along `axis`, and load each dataset once."""
    from descenso.studies.sweep.grid import advising_lists

    named = [own_of(settings) for settings in requests]
    named = [({**settings, "data": source_of(settings["data"])}, own) for settings, own in named]
    configs = [TrainConfig.of(**before_data(settings)) for settings, _own in named]
    loaded, entries = dict[str, Dataset](), list[_Entry]()
    for request, config, (settings, own) in zip(requests, configs, named, strict=True):
        if config.data not in loaded:
            data = request["data"]
            loaded[config.data] = check_dataset(data) if isinstance(data, Dataset) else rows_of(config, sources)
        first = with_model(named[0][0], loaded[configs[0].data])[0].get("model", "softmax")  # one model for all
        config = TrainConfig.of(**{**settings, "model": settings.get("model") or first})
        varied = {name: [each[name] for each in requests] for name in AXES.values() if name == AXES.get(axis)}
        with advising_lists({name: request[name] for name in varied}, varied):
            fitting = check_fit(loaded[config.data], config, {*request, axis})
        entries.append(_Entry(fitting, loaded[config.data], own))
    return entries


def _name(value: Any, setting: str, config: TrainConfig) -> str:
    """Name a contender: its value, or the name of the user's own code."""
    if isinstance(value, Dataset):
        return value.name
    own = setting in OWN and not isinstance(value, str)
    return str(getattr(config, setting)).removeprefix(MADE_IN_PYTHON) if own else str(value)


def _names(axis: str, values: list[Any], entries: list[_Entry]) -> list[str]:
    """Name the contenders; equal names of different objects, such as one function's rules, are numbered."""
    names = [_name(value, AXES[axis], entry.config) for value, entry in zip(values, entries, strict=True)]
    found = list[str]()
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        before = [each for each, other in zip(values[:place], names, strict=False) if other == name]
        differs = before and not isinstance(value, str | int | float | Dataset) and all(b is not value for b in before)
        found.append(f"{name} {len(before) + 1}" if differs else name)
    if len(found) < 2 or len(set(found)) < len(found):
        message = _("{axis} must be two or more, each once, got {names}; leave it out to compare the engines")
        raise ConfigError(message.format(axis=axis, names=", ".join(found) or _("none")))
    return found


def explain(
    data: Any = "mnist",
    labels: Any = None,
    *,
    repeats: int = ROUNDS,
    progress: Callable[[str], None] | bool | None = None,
    sources: Sources | None = None,
    **settings: "Unpack[Compared]",
) -> "Explained":
    """Itemise the cost of eager execution, by leaving out one thing after another.

    Args:
        data, labels, progress, sources: as of `compare`.
        repeats: number of rounds, at least 5.
        **settings: those of `TrainConfig`, except the engine, the order and the epochs.

    Returns:
        The result: `items`, which add up to the gap, `tables()`, `as_json()`, `plot()`; its `repr` is two tables.

    Raises:
        ConfigError, DataError: as `train`, and for a setting that is fixed here.
        DescensoError: if two rungs do not follow the same path.
    """
    refuse_unknown(settings, tuple(AXES))
    fixed = [name for name in (*AXES, "engine", "order", "epochs") if name in settings]
    if fixed:
        raise ConfigError(_("the ladder decides {names}; leave it out").format(names=", ".join(fixed)))
    if repeats < FEWEST_ROUNDS:
        message = _("repeats must be at least {fewest} to explain, got {repeats}; try --repeats 7")
        raise ConfigError(message.format(fewest=FEWEST_ROUNDS, repeats=repeats))
    ((config, rows, own),) = _check_all(_read([{"data": _pair(data, labels), **settings}]), sources)

    with starting():
        from descenso.studies.ladder import explain_eager

    with _telling(_("Measuring"), repeats, progress) as tell:
        return explain_eager(config, rows, repeats, tell, own)


def _axis(settings: dict[str, Any]) -> tuple[str, list[Any]]:
    """Take what differs out of `settings`: its name, and the values."""
    from descenso.studies.sweep.grid import is_several

    refuse_unknown(settings, tuple(AXES))
    several = [name for name in AXES if is_several(settings.get(AXES[name]))]  # learning_rate=[0.1, 0.01]
    settings |= {name: settings.pop(AXES[name]) for name in several}
    given = {name: settings.pop(name) for name in AXES if name in settings} or {"engines": ALONE}
    (axis, values), *others = given.items()
    fixed = [AXES[axis]] if AXES[axis] in settings else []
    if others or fixed:
        message = _("compare varies one thing at a time, got {names}; try --{flag} alone")
        raise ConfigError(message.format(names=", ".join([*given, *fixed]), flag=spelled(axis)))
    values = _split(values) if isinstance(values, str) else values
    values = values.tolist() if hasattr(values, "tolist") else list(values)
    if axis != "datasets":  # whose names are looked up when they are read
        check_each(axis, AXES[axis], values)
    return axis, values


def _split(text: str) -> list[str]:
    """Split `text` at its commas, except those between the options of one rule.

    >>> _split("sgd,adam:beta_1=0.8,beta_2=0.99,lion")
    ['sgd', 'adam:beta_1=0.8,beta_2=0.99', 'lion']
    """
    return [part.strip() for part in re.split(r",(?![^,:]*=)", text)]


itemised = explain  # since an argument of `compare` is called `explain`


@contextmanager
def _telling(what: str, lines: int, progress: Callable[[str], None] | bool | None) -> Iterator[Callable[[str], None]]:
    """Yield what takes a line when a training run or a round begins, of which there are about `lines`."""
    if progress is None:
        begun = count()
        with telling(what, None) as tell:
            yield lambda line: tell(min(next(begun) / lines, 1.0))
    elif callable(progress):
        yield progress
    else:
        yield partial(print, file=sys.stderr) if progress else lambda line: None
