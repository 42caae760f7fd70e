"""Give advice on an unknown setting, or on an invalid value: a line that works.

Imported only when a message is to be written.
"""

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from descenso.elsewhere import ATTRIBUTES, CALLBACKS, FIRST, OF_COMPARE, SAID, SAID_AT_A_TERMINAL, TRANSLATED, VALUES
from descenso.registry import MODELS, OWN, reads
from descenso.settings import Setting
from descenso.text import _, closest, flags_used, nearest, option, spelled

NUMBER = re.compile(r"[-+]?([\d.]{1,40}(e[-+]?\d+)?|nan|inf)")  # as a user types one
MOST_BITS = 2**12  # of a whole number; Python refuses to write out much longer ones
MORE = {  # values of settings that are numbers, for a list of them beside the example
    "learning_rate": ("0.01", "0.001"), "batch_size": ("32", "320"), "weight_decay": ("0.005", "0.05"),
    "seed": ("1", "2"),
}  # fmt: skip
LONG = 200  # characters of a value that a message still shows


class Table(NamedTuple):
    """The table of settings.

    Attributes:
        config: makes a config of settings, or raises a ValidationError.
        rows: by the names of the settings.
        words: name -> the words that a setting takes, if it is one of a few.
        is_number: name -> whether it takes numbers.
    """

    config: Callable[..., Any]
    rows: Mapping[str, Setting]
    words: Callable[[str], tuple[str, ...]]
    is_number: Callable[[str], bool]


class Listed(NamedTuple):
    """A list of values of a setting: the name by which it was given, and its values."""

    name: str
    values: Sequence[Any]


def complaint(error: ValidationError, table: Table, listed: Listed | None = None) -> str:
    """Describe the first fault in one line: subject, expected, received, and a value that works.

    Args:
        error: what pydantic found.
        table: of all settings.
        listed: the list whose value was checked, which the line then names.
    """
    first = error.errors()[0]
    reason = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
    if not first["loc"]:
        return reason
    name, received = str(first["loc"][0]), first["input"]
    if first["type"] == "extra_forbidden":
        return answer(name, received, tuple(table.rows), table)
    line = _mended_list(name, listed, table) if listed else mend(name, received, table)
    subject = listed.name if listed else name
    if first["type"] == "value_error":
        return _("{name}: {reason}; try {mend}").format(name=spelled(subject), reason=reason, mend=line)
    names = table.words(name)
    expected = _(table.rows[name].expected) or _("one of {choices}").format(choices=", ".join(names))
    meant = isinstance(received, str) and nearest(received, names) == _valid(name, received, table)
    value = shown(received, isinstance(received, str) and table.is_number(name))
    message = _("{name} must be {expected}, got {value}{hint}; try {mend}")
    if listed:
        message = _("each of {name} must be {expected}, got {value}{hint}; try {mend}")
    return message.format(
        name=spelled(subject) if listed else name,
        expected=expected, value=value, hint=closest(received, names) if meant else "", mend=line,
    )  # fmt: skip


def mend(name: str, value: Any, table: Table) -> str:
    """Write a line that sets `name`: to `value` if it is valid, to what it means elsewhere, or to the row's example."""
    return option(name, _valid(name, value, table))


def _mended_list(name: str, listed: Listed, table: Table) -> str:
    """Write a line that sets the list, each of its values of the setting `name` as `mend` does, and each once."""
    values = list[str]()
    for value in listed.values:
        likely = _valid(name, value, table), *table.words(name), table.rows[name].example, *MORE.get(name, ())
        values += [each for each in likely if each not in values][:1]
    return option(listed.name, values)


def _valid(name: str, value: Any, table: Table) -> str:
    """Return the value of the setting `name`, as typed, that `value` is or means, or else the row's example."""
    others: dict[str, Any] = {"model": model_with(name), "validation_size": 0.1}
    names, likely = table.words(name), [value]
    likely.append(value_of(name, value, names))
    if isinstance(value, str):
        likely.append(module_of(value) if name in OWN else None)
        likely.append(re.sub(r"(?<=\d),(?=\d)", ".", value))  # a decimal comma
        likely.append(nearest(value.partition(":")[0], names))
    for each in likely:
        with suppress(ValidationError, TypeError):
            if each is not None:
                return str(getattr(table.config(**{**others, name: each}), name))
    return table.rows[name].example


def model_with(name: str) -> str:
    """Return the first model that reads the setting `name`, or softmax."""
    return next((model for model in MODELS if name in reads(model)), "softmax")


def without_effect(model: str, name: str) -> str:
    """Say that `model` does not read the setting `name`, and which one does."""
    message = _("{model} has no {name}; leave --{name} out, or try --model {other}")
    return message.format(model=model, name=name, other=model_with(name))


def module_of(path: str) -> str | None:
    """Write DIR/FILE.py:NAME, a name in a Python file, as DIR.FILE:NAME; None where it is no such path.

    >>> module_of("models/mine.py:make"), module_of("./mine.py:make"), module_of("mine:make")
    ('models.mine:make', 'mine:make', None)
    """
    file, colon, name = path.rpartition(".py:")
    place = Path(file)
    if place.is_absolute() and place.is_relative_to(Path.cwd()):
        place = place.relative_to(Path.cwd())
    parts = place.parts
    return f"{'.'.join(parts)}:{name}" if colon and parts and all(map(str.isidentifier, (*parts, name))) else None


def typed(value: Any, separator: str) -> Any:
    """Write several values, and whole numbers, as they are typed on the command line.

    Raises:
        PydanticCustomError: for values that would be taken for others.

    >>> typed((64, 32), ","), typed(64, ",")
    ('64,32', '64')
    """
    several = value.tolist() if hasattr(value, "tolist") else value  # of NumPy
    if isinstance(several, int) and not isinstance(several, bool) and several.bit_length() <= MOST_BITS:
        return str(several)
    if not isinstance(several, list | tuple):
        return value
    if any(not isinstance(each, str | int) or isinstance(each, bool) or "," in str(each) for each in several):
        raise PydanticCustomError("several", "not names or whole numbers, or with a comma")
    return separator.join(map(str, several))


def shown(value: Any, is_number: bool = False) -> str:
    """Write out a value that a setting cannot have: in one line, not too long, a number as a user types it.

    >>> shown([1, 2]), shown("1e3", is_number=True), shown("1e3")
    ('[1, 2]', '1e3', "'1e3'")
    """
    try:
        bare = isinstance(value, int | float) or (is_number and NUMBER.fullmatch(value))
        written = str(value) if bare else repr(value)  # NumPy's repr of 0.1 is not 0.1
    except (ValueError, RecursionError):  # a number too long, or a nest too deep, to be written out
        return f"<{type(value).__name__}>"
    return written if bare or isinstance(value, str) or len(written) <= LONG else f"<{type(value).__name__}>"


def word(value: Any) -> str:
    """Return the name of a value as it is written here: of a string in lower case, of an object by its class.

    >>> word("Adam"), word(ValueError())
    ('adam', 'valueerror')
    """
    said = value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__)
    return str(said)[:100].strip().lower()


def value_of(name: str, value: Any, names: Collection[str]) -> str | None:
    """Return the one of `names`, values of the setting `name`, that `value` means, or None.

    >>> value_of("loss", "categorical_crossentropy", ["cross_entropy"]), value_of("rule", "Adam", ["sgd", "adam"])
    ('cross_entropy', 'adam')
    """
    said = word(value)
    plain = said.replace("_", "").replace("-", "")
    if said in names:
        return said
    for ours, names in VALUES.get(name, {}).items():
        if plain in {each.replace("_", "") for each in (ours, *names)}:
            return ours
    return None


def answer(
    name: str,
    value: Any,
    known: tuple[str, ...],
    table: Table,
    arguments: tuple[str, ...] = ("out", "progress", "tensorboard"),
) -> str:
    """Answer a setting that there is not.

    Args:
        name: as the user called it.
        value: that it was given.
        known: the names that there are.
        table: of all settings.
        arguments: names besides that are answered, but are no settings.
    """
    told = known_as(name, value, known, table, arguments)
    if told:
        return told
    if nearest(name.replace("-", "_"), known):
        return _("there is no setting {name!r}{hint}").format(name=name, hint=closest(name.replace("-", "_"), known))
    message = _("there is no setting {name!r}; the settings are {names}")
    return message.format(name=name, names=", ".join(known))


def known_as(
    name: str, value: Any, known: tuple[str, ...], table: Table, arguments: tuple[str, ...], *, typed: bool = False
) -> str:
    """Return advice on a setting by its name in other libraries; "" for a name that none has.

    Args:
        name, value, known, table, arguments: as of `answer`.
        typed: whether it was typed as an option of a command.
    """
    key = name.lstrip("-").replace("-", "_")
    said = {**SAID, **SAID_AT_A_TERMINAL} if typed or flags_used() else SAID
    if key.lower() in said:
        return f"{name}: {_(said[key.lower()])}"
    ours, meant = meant_by(key, value, known, {**FIRST, **OF_COMPARE} if "rules" in arguments else FIRST)
    if ours not in (*known, *arguments):
        return ""
    argument = option(ours, str(meant)) if typed else f"{ours}={meant!r}"  # of `train` or of a command
    line = mend(ours, meant, table) if ours in known else argument
    rate = getattr(value, "learning_rate", None)
    if ours == "rule" and rate is not None:  # an optimizer of Keras
        line += ", " + mend("learning_rate", _number(rate), table)
    if ours == "patience":
        line += (" " if typed else ", ") + mend("validation_size", 0.1, table)
    return _("{name}: descenso calls it {ours}; try {mend}").format(name=name, ours=spelled(ours), mend=line)


def meant_by(name: str, value: Any, known: Collection[str], names: Mapping[str, str] = FIRST) -> tuple[str | None, Any]:
    """Return the setting that `name` of another library means, or None, and what its value means here.

    A name near one of `known`, the settings that there are, is a slip. `names` has a setting by its names elsewhere.

    >>> meant_by("max_iter", 5, ["epochs"]), meant_by("shuffle", False, ["order"]), meant_by("colour", 1, [])
    (('epochs', 5), ('order', 'sequential'), (None, 1))
    """
    ours, meant = TRANSLATED[name.lower()](value) if name.lower() in TRANSLATED else (names.get(name.lower()), value)
    if not ours and not nearest(name, known):
        ours = next(map(names.get, difflib.get_close_matches(name.lower(), names, 1, 0.8)), None)
    return ours, meant


def no_attribute(holder: str, name: str, what: str = "attribute") -> str:
    """Say that the module or a result has no attribute, or no item, `name`, and what there is instead.

    >>> no_attribute("Run", "fit"), no_attribute("Run", "colour")
    ("'Run' has no attribute 'fit'; try run.resume(epochs=200)", "'Run' has no attribute 'colour'")
    """
    there = ATTRIBUTES[holder].get(name)
    return f"{holder!r} has no {what} {name!r}{'; try ' if there else ''}{there or ''}"


def _number(rate: Any) -> float | None:
    try:
        return float(f"{float(rate):.6g}")  # Keras holds it in float32
    except (TypeError, ValueError):  # a schedule
        return None


def refused_callback(given: Any) -> str:
    """Say what to give in place of what is no `descenso.Callback`."""
    known = CALLBACKS.get(word(given))
    instead = _(known) if known else _("derive it from descenso.Callback; its methods are on_epoch, on_end and others")
    kind = f"{type(given).__module__.partition('.')[0]}.{type(given).__name__}"
    return _("callbacks must be of descenso.Callback, got {kind}: {mend}").format(kind=kind, mend=instead)


def refused_methods(given: Any, never_called: Sequence[str], known: Sequence[str]) -> str:
    """Say which methods a callback may have, of one with methods that are never called."""
    names = [name for name in known if name.startswith("on_")]
    message = _("callbacks: {kind} has a method {name}, which is never called{hint}; the methods are {names}")
    name = never_called[0]
    hint = closest(name, names)
    return message.format(kind=type(given).__name__, name=name, hint=hint, names=", ".join(names))
