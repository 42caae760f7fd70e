"""What one descent is asked to do. One table feeds validation, the command line's help and the docs."""

import difflib
import errno
import re
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from descenso.errors import ConfigError
from descenso.text import _, mark

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FREE = ("epochs", "engine", "checkpoint_every")  # settings that may change when a run goes on
MOST_BYTES = 2**14  # of a file of settings; what TOML takes to read can grow with the square of its size
MOST_BITS = 2**12  # of a whole number; Python refuses to write out much longer ones

__all__ = ["FREE", "TrainConfig", "closest", "open_regular", "read_settings"]

EngineName = Literal["graph", "eager", "function", "compiled"]
DtypeName = Literal["float32", "float64"]
LossName = Literal["cross_entropy", "naive"]
ModelName = Literal["softmax"]
RuleName = Literal["sgd"]

ORDERS = "permutation, sequential, buffer:N"


def setting(default: Any, text: str, expected: str, example: str, short: str = "", **bounds: Any) -> Any:
    """One row of the table: default, help, what is expected in words, a value that works, short flag."""
    extra: dict[str, JsonValue] = {"expected": expected, "example": example, "short": short}
    return Field(default, description=text, json_schema_extra=extra, **bounds)


class TrainConfig(BaseModel):
    """The settings of one descent, as `descenso train` takes them; a run keeps them in `config.json`.

    Two runs with equal settings on equal data see the same batches in the same order.

    Raises:
        ConfigError: from `TrainConfig.of` and `read_settings`, for an unknown name or a value out of range.

    >>> TrainConfig.of(epochs=3).batch_size
    100
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    data: str = setting(
        "mnist",
        mark("Dataset: a name (mnist), or a folder that holds the four IDX files."),
        mark("the name of a dataset or a folder"),
        "mnist",
    )
    model: ModelName = setting("softmax", mark("Model: softmax (softmax regression)."), "", "softmax", "-m")
    engine: EngineName = setting(
        "compiled",
        mark("Engine: graph (TF 1.x style), eager, function (one traced step), compiled (a whole epoch)."),
        "",
        "compiled",
    )
    rule: RuleName = setting("sgd", mark("Update rule: sgd."), "", "sgd")
    loss: LossName = setting(
        "cross_entropy",
        mark("Loss: cross_entropy, or naive (the logarithm of softmax taken literally, as tutorials do)."),
        "",
        "cross_entropy",
    )
    learning_rate: float = setting(
        0.01, mark("Learning rate."), mark("a number in (0, inf)"), "0.1", "-r", gt=0, allow_inf_nan=False
    )
    epochs: int = setting(
        100, mark("Epochs: passes over the training rows."), mark("a whole number in [1, inf)"), "100", "-e", ge=1
    )
    batch_size: int = setting(
        100, mark("Rows in a batch."), mark("a whole number in [1, training rows]"), "100", "-b", ge=1
    )
    order: str = setting(
        "permutation",
        mark("Order of the rows: permutation, sequential, or buffer:N (tf.data's shuffle buffer)."),
        mark("permutation, sequential or buffer:N with N a whole number in [1, inf)"),
        "buffer:10000",
    )
    validation_size: int = setting(
        0,
        mark("Training rows kept back for validation, the first N."),
        mark("a whole number in [0, training rows)"),
        "5000",
        ge=0,
    )
    dtype: DtypeName = setting("float32", mark("Precision: float32 or float64."), "", "float64")
    checkpoint_every: str = setting(
        "10s",
        mark("Save a checkpoint after so many steps (500), or seconds (10s)."),
        mark("a whole number of steps in [1, inf), or seconds such as 10s or 0.5s"),
        "500",
    )
    deterministic: bool = setting(
        False, mark("Use one thread and deterministic operations, for the same bits in every process."),
        mark("true or false"), "",
    )  # fmt: skip
    seed: int = setting(0, mark("Seed of the batch order and of the start."), mark("a whole number in [0, 2**63)"), "0",
                        "-s", ge=0, lt=2**63)  # fmt: skip

    @field_validator("data")
    @classmethod
    def _writable_name(cls, value: str) -> str:
        """Refuse a path whose bytes are no text, as Python hands it on: it could not be kept in `config.json`."""
        if not re.fullmatch(r"[^\ud800-\udfff]+", value):
            raise PydanticCustomError("data", "no name")
        return value

    @field_validator("order")
    @classmethod
    def _known_order(cls, value: str) -> str:
        if not re.fullmatch(r"permutation|sequential|buffer:0*[1-9][0-9]{0,17}", value):
            raise PydanticCustomError("order", "unknown order")
        return value

    @field_validator("checkpoint_every")
    @classmethod
    def _known_interval(cls, value: str) -> str:
        if not re.fullmatch(r"0*[1-9][0-9]{0,17}|(?=.*[1-9])[0-9]{1,9}([.][0-9]{1,9})?s", value):
            raise PydanticCustomError("checkpoint_every", "unknown interval")
        return value

    @field_validator("learning_rate", "epochs", "batch_size", "validation_size", "seed", mode="before")
    @classmethod
    def _no_truth_value(cls, value: Any) -> Any:
        if isinstance(value, bool):  # which Python counts among the numbers
            raise PydanticCustomError("bool", "no number")
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise PydanticCustomError("int", "too long")
        return value

    @classmethod
    def of(cls, /, **settings: Any) -> "TrainConfig":
        """A config from settings, with this package's errors.

        Raises:
            ConfigError: naming the first setting that cannot be meant, and a value that works.
        """
        try:
            return cls(**settings)
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigError(_complaint(str(first["loc"][0]), first["type"], first["input"])) from None


def _complaint(name: str, kind: str, received: Any) -> str:
    """One line: subject, expected, received, and what mends it."""
    if kind == "extra_forbidden":
        return _("there is no setting {name!r}{hint}").format(
            name=name, hint=closest(name.replace("-", "_"), TrainConfig.model_fields)
        )
    field = TrainConfig.model_fields[name]
    extra = field.json_schema_extra
    assert isinstance(extra, dict)  # noqa: S101 - every row of the table is made by setting()
    choices = get_args(field.annotation)
    expected = _("one of {choices}").format(choices=", ".join(choices)) if choices else _(str(extra["expected"]))
    hint = closest(str(received), choices) if choices else ""
    try:
        shown = f"{received}" if isinstance(received, int | float) else repr(received)  # NumPy's repr of 0.1 is not 0.1
    except (ValueError, RecursionError):  # a number too long, a nest too deep, to be written out
        shown = f"<{type(received).__name__}>"
    mend = f"--{name.replace('_', '-')} {extra['example']}".rstrip()
    return _("{name} must be {expected}, got {value}{hint}; try {mend}").format(
        name=name, expected=expected, value=shown, hint=hint, mend=mend
    )


def closest(name: str, choices: Any) -> str:
    """'; did you mean …?' where one of `choices` is near `name`, else nothing.

    >>> closest("compield", ["graph", "compiled"])
    " (did you mean 'compiled'?)"
    """
    near = difflib.get_close_matches(name.lower(), list(choices), n=1)
    return _(" (did you mean {near!r}?)").format(near=near[0]) if near else ""


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a TOML file, or in a run's `config.json`; flags' names, with - or _.

    Raises:
        ConfigError: for a file that cannot be read, or that is neither.
    """
    try:
        with open_regular(path, MOST_BYTES) as file:
            text = file.read().decode("utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(
            _("the settings {path} cannot be read ({reason}); try --config FILE.toml").format(path=path, reason=error)
        ) from None
    try:
        if path.suffix == ".json":
            return dict(TrainConfig.model_validate_json(text))
        table: Mapping[str, Any] = tomllib.loads(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else ""
        reason = _complaint(where, first["type"], first["input"]) if where else first["msg"]
        raise ConfigError(f"{path}: {reason}") from None
    except (ValueError, RecursionError) as error:  # numbers and nesting beyond Python's own limits, too
        raise ConfigError(_("{path} is not TOML: {reason}").format(path=path, reason=error)) from None
    settings = {name.replace("-", "_"): value for name, value in table.items()}
    if len(settings) < len(table):
        raise ConfigError(_("{path}: a setting is given twice, once with - and once with _").format(path=path))
    return settings


def open_regular(path: Path, most: int) -> BinaryIO:
    """The regular file `path`, open to be read: neither a pipe nor a device, which may have no end.

    Raises:
        OSError: where it cannot be read, or is something else.
        ValueError: where it has more than `most` bytes.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):  # of a folder, the system says it better
        raise OSError(errno.EINVAL, _("not a regular file"))
    if found.st_size > most:
        raise ValueError(_("more than {most} bytes").format(most=most))
    return path.open("rb")
