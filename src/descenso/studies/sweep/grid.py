"""Lanes of a sweep: the product of lists of settings. Importable without TensorFlow."""

import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from descenso.config import TrainConfig, check_each, refuse_unknown
from descenso.errors import ConfigError
from descenso.text import _, option, spelled

AXES = {  # option of a sweep, and the setting that it varies
    "learning_rates": "learning_rate",
    "rules": "rule",
    "schedules": "schedule",
    "weight_decays": "weight_decay",
    "batch_sizes": "batch_size",
    "seeds": "seed",
}
MOST_LANES = 10_000
MOST_DIGITS = 20  # that are read of a number of seeds
SPAN, RATES = 32.0, 16  # of the learning rates that are tried by default: the model's, divided and multiplied by SPAN
FIND_STEPS, FIND_SEEDS = 300, 3  # of the search for the learning rate, by default
RANGE = re.compile(r"(?P<first>[^:]+?)\.\.(?P<last>[^:]+):(?P<count>\d{1,5})")


class Lane(NamedTuple):
    """One training run of a sweep.

    Attributes:
        name: digest of its settings, which names it in the ledger.
        config: its settings.
        varied: the settings in which lanes differ, and their values here.
    """

    name: str
    config: TrainConfig
    varied: dict[str, Any]

    @property
    def title(self) -> str:
        """The settings in which it differs, for a person to read."""
        return titled(self.varied.items())


def repetitions(lanes: Sequence[Lane]) -> dict[tuple[tuple[str, Any], ...], list[int]]:
    """Gather the numbers of lanes that differ in nothing but the seed, by the settings that vary besides."""
    together = dict[tuple[tuple[str, Any], ...], list[int]]()
    for number, lane in enumerate(lanes):
        key = tuple((name, value) for name, value in lane.varied.items() if name != "seed")
        together.setdefault(key, []).append(number)
    return together


def titled(varied: Iterable[tuple[str, Any]]) -> str:
    """Write settings and their values in a line, for a person to read."""
    return ", ".join(f"{spelled(name)} {shown(value)}" for name, value in varied)


def numbered(lanes: Sequence[int]) -> str:
    """Write the numbers of the lanes of a point.

    >>> numbered([3]), numbered([6, 7, 8]), numbered([0, 4, 8])
    ('3', '6-8', '0, 4, 8')
    """
    together = len(lanes) > 1 and list(lanes) == list(range(lanes[0], lanes[-1] + 1))
    return f"{lanes[0]}-{lanes[-1]}" if together else ", ".join(map(str, lanes))


def shown(value: Any) -> str:
    """Return a value of a setting as a table shows it: three digits of a number that is not whole."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def lanes_of(settings: Mapping[str, Any], axes: Mapping[str, Any]) -> tuple[Lane, ...]:
    """Make the lanes: one for each combination of the values of `axes`, the last axis changing fastest.

    Args:
        settings: those that all lanes have in common.
        axes: values by the names of `AXES`: a list, or text such as "1e-3..1:64" or "0.01,0.1"; of seeds also their
            number. Without any, learning rates around that of the rule are tried.

    Raises:
        ConfigError: for an empty list, a value given twice, and invalid settings.
    """
    values = {AXES[name]: _values(name, given) for name, given in axes.items() if given is not None}
    for name in values:
        if settings.get(name) is not None:
            message = _("{name} is varied by the sweep, and given besides; leave --{flag} out")
            raise ConfigError(message.format(name=name, flag=spelled(name)))
    for name, given in axes.items():
        if given is not None:
            check_each(name, AXES[name], values[AXES[name]])
    values = values or {"learning_rate": _rates_around(TrainConfig.of(**settings).learning_rate)}
    _refuse_many(math.prod(map(len, values.values())))
    combinations = (dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values()))
    lanes = list[Lane]()
    for varied in combinations:
        with advising_lists(varied, values):
            lanes.append(_lane(TrainConfig.of(**{**settings, **varied}), varied))
    for name, given in axes.items():
        if given is not None and len({repr(lane.varied[AXES[name]]) for lane in lanes}) < len(values[AXES[name]]):
            raise _not_each_once(name, given)
    return tuple(lanes)


def _refuse_many(count: int) -> None:
    if count > MOST_LANES:
        message = _("a sweep has at most {most} lanes, got {count}; give shorter lists")
        raise ConfigError(message.format(most=MOST_LANES, count=count))


@contextmanager
def advising_lists(varied: Mapping[str, Any], values: Mapping[str, Sequence[Any]]) -> Iterator[None]:
    """Let an error on one lane advise lists, as a sweep takes them: its value is replaced in the list of all values.

    Args:
        varied: the settings that vary, and their values in this lane.
        values: of all lanes, by setting.
    """
    try:
        yield
    except ConfigError as error:
        message = str(error)
        for axis, name in AXES.items():
            if name in values:
                message = _in_list(message, axis, varied[name], values[name])
        raise ConfigError(message) from None


def _in_list(message: str, axis: str, value: Any, values: Sequence[Any]) -> str:
    """Write the advice on one value of an axis as a list, in which it is replaced."""
    name = AXES[axis]
    setting = re.compile(rf"(--{name.replace('_', '-')} |\b{name}=)'?(?P<value>[^\s';]*[^\s';,.])'?")

    def listed(found: re.Match[str]) -> str:
        return option(axis, [*dict.fromkeys(found["value"] if each == value else str(each) for each in values)])

    return setting.sub(listed, message)


def is_several(value: Any) -> bool:
    """Tell whether `value` of a setting is a list, a tuple or an array of values.

    >>> is_several([0.1, 0.2]), is_several("0.1"), is_several(0.1)
    (True, False, False)
    """
    return type(value) in (list, tuple) or (hasattr(value, "tolist") and getattr(value, "ndim", 0) == 1)


def divided(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide settings into what varies, by the names of `AXES`, and what all lanes have in common.

    >>> divided({"learning_rate": [0.1, 0.2], "seeds": 3, "epochs": 5})
    ({'learning_rates': [0.1, 0.2], 'seeds': 3}, {'epochs': 5})
    """
    refuse_unknown(settings, tuple(AXES))
    varied = {axis: settings[name] for axis, name in AXES.items() if is_several(settings.get(name))}
    taken = {*AXES, *(AXES[axis] for axis in varied)}
    rest = {name: value for name, value in settings.items() if name not in taken}
    return {**varied, **{name: value for name, value in settings.items() if name in AXES}}, rest


def _lane(config: TrainConfig, varied: dict[str, Any]) -> Lane:
    varied = {name: getattr(config, name) for name in varied}
    return Lane(digest(config.model_dump()), config, varied)


def digest(settings: Mapping[str, Any]) -> str:
    """Return the name of a lane: 16 hexadecimal digits of the SHA-256 of its settings."""
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _rates_around(rate: float) -> list[float]:
    return _logarithmic(rate / SPAN, rate * SPAN, RATES)


def _logarithmic(first: float, last: float, count: int) -> list[float]:
    """Return `count` numbers whose logarithms are evenly spaced, rounded to six digits, which a person can type."""
    ratio = (last / first) ** (1 / (count - 1)) if count > 1 else 1.0
    return [float(f"{first * ratio**place:.6g}") for place in range(count)]


def _values(name: str, given: Any) -> list[Any]:
    """Return the values of an axis.

    Raises:
        ConfigError: for an empty list, and an invalid range.
    """
    if isinstance(given, str):
        values = _typed(name, given)
    elif isinstance(given, Sequence):
        values = list(given)
    elif getattr(given, "ndim", 0) == 1:  # of NumPy
        values = given.tolist()
    elif name == "seeds" and isinstance(given, int) and not isinstance(given, bool):
        _refuse_many(given)
        values = list(range(given))
    else:
        values = [given]
    if not values:
        raise _not_each_once(name, given)
    return values


def _not_each_once(name: str, given: Any) -> ConfigError:
    message = _("{name} must be one or more values, each once, got {given!r}; try {example}")
    return ConfigError(message.format(name=spelled(name), given=given, example=_example(name)))


def _typed(name: str, text: str) -> list[Any]:
    """Parse "1e-3..1:64", evenly spaced in the logarithm, or "0.01,0.1"; of seeds, "8" are eight of them.

    A rule or a schedule may have options, whose commas are followed by a name and "=".
    """
    if ".." in text and name in ("learning_rates", "weight_decays"):
        found = RANGE.fullmatch(text.strip())
        try:
            if found is None:
                raise ValueError
            first, last, count = float(found["first"]), float(found["last"]), int(found["count"])
            if not (0 < first < math.inf and 0 < last < math.inf and 2 <= count <= MOST_LANES):
                raise ValueError
        except ValueError:
            message = _("{name}: {text} is no range FIRST..LAST:COUNT of positive numbers; try {example}")
            raise ConfigError(message.format(name=spelled(name), text=text, example=_example(name))) from None
        return _logarithmic(first, last, count)
    if name == "seeds" and text.strip().isdecimal():
        count = int(text.strip()[:MOST_DIGITS])
        _refuse_many(count)
        return list(range(count))
    if name in ("rules", "schedules"):
        return [part.strip() for part in re.split(r",(?![^,:=]*=)", text) if part.strip()]
    return [_number(part.strip()) for part in text.split(",") if part.strip()]


def _number(text: str) -> Any:
    """Return the number that `text` is; other text as it is, for the config to check."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _example(name: str) -> str:
    examples = {
        "learning_rates": "1e-3..1:16", "weight_decays": "0,1e-4,1e-3", "rules": "sgd,momentum,adam",
        "schedules": "constant,cosine", "batch_sizes": "32,100,320", "seeds": "4",
    }  # fmt: skip
    return option(name, examples[name])
