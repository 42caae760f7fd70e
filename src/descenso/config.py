"""Check the settings of a training run, and look them up in their table, `descenso.settings`."""

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from descenso.errors import ConfigError
from descenso.registry import OWN, RULES, SHAPES, defaults, is_own, parse, reads
from descenso.settings import Setting, Settings, Trait
from descenso.text import _

if TYPE_CHECKING:
    from descenso import guesses

MOST_BITS = 2**12  # of a whole number; Python refuses to write out much longer ones
NAMED = OWN
BEFORE = {"padding": "same"}  # what older runs were trained with, which do not name it


class TrainConfig(Settings):
    """The settings of a training run, as `descenso train` takes them; a run keeps them in `config.json`.

    Settings that are left out take the defaults of the model. Two runs with equal settings on equal data see the same
    batches in the same order.

    Raises:
        ConfigError: from `TrainConfig.of` and `read_settings`, for an unknown name or a value out of range.

    >>> TrainConfig.of(epochs=3).batch_size
    100
    >>> TrainConfig.of(model="mlp").rule
    'adam'
    """

    @model_validator(mode="before")
    @classmethod
    def _fill_in_defaults(cls, given: Any, info: ValidationInfo) -> Any:
        """Add the defaults of the model and its preset; another rule brings its own learning rate.

        The context holds values in their place, such as `BEFORE`.
        """
        if not isinstance(given, Mapping):
            return given
        chosen = defaults(str(given.get("model", "softmax")), str(given.get("preset", "")))
        rule = str(given.get("rule", chosen["rule"])).partition(":")[0]
        if rule != chosen["rule"] and rule in RULES:
            chosen = {**chosen, "learning_rate": RULES[rule].learning_rate}
        return {**chosen, **(info.context or {}), **given}

    @model_validator(mode="after")
    def _refuse_idle_settings(self) -> "TrainConfig":
        """Refuse settings that would have no effect."""
        for name in (name for name in SHAPES if name not in reads(self.model)):
            if getattr(self, name) not in (type(self).model_fields[name].default, defaults(self.model).get(name)):
                raise ValueError(import_module("descenso.guesses").without_effect(self.model, name))
        if self.weight_decay and self.rule.partition(":")[0] == "adamw":
            options = [word for word in self.rule.partition(":")[2].split(",") if not word.startswith("weight_decay")]
            reason = _("weight_decay: adamw has its own, and adam with one is the same; try --rule {rule}")
            raise ValueError(reason.format(rule=f"adam:{','.join(options)}".rstrip(":")))
        return self

    @field_validator("model", "loss")
    @classmethod
    def _check_name(cls, value: str, info: ValidationInfo) -> str:
        kind = str(info.field_name)
        if value not in NAMED[kind] and not is_own(kind, value):
            raise PydanticCustomError("name", "unknown name")
        return value

    @field_validator("rule", "schedule")
    @classmethod
    def _check_entry(cls, value: str, info: ValidationInfo) -> str:
        kind = str(info.field_name)
        if not is_own(kind, value):
            parse(value, NAMED[kind])
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _check_number(cls, value: Any, info: ValidationInfo) -> Any:
        truth = isinstance(value, bool) and is_number(str(info.field_name))  # Python counts it as a number
        if truth or (isinstance(value, int) and value.bit_length() > MOST_BITS):
            raise PydanticCustomError("number", "not a number, or too long")
        return value

    @field_validator("drop", "hidden", "filters", "resize", "input_shape", "checkpoint_every", mode="before")
    @classmethod
    def _as_typed(cls, value: Any, info: ValidationInfo) -> Any:
        """Write several values, and whole numbers, as they are typed on the command line: (64, 32) as "64,32"."""
        if isinstance(value, str):
            return value
        from descenso.guesses import typed

        return typed(value, "x" if info.field_name in ("resize", "input_shape") else ",")

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """Show data, model, and what is not the model's default."""
        usual = {name: field.default for name, field in type(self).model_fields.items()} | defaults(self.model)
        return [(name, value) for name, value in self if name in ("data", "model") or value != usual[name]]

    @property
    def variable_dtype(self) -> str:
        """Dtype of the parameters; mixed precision keeps them in float32."""
        return "float64" if self.dtype == "float64" else "float32"

    def validation_rows(self, rows: int) -> int:
        """Number of validation rows held out of `rows` training rows."""
        size = self.validation_size
        return math.ceil(size * rows) if isinstance(size, float) else size

    def batch_rows(self, rows: int) -> int:
        """Number of rows in a full batch, of `rows` training rows."""
        return rows if self.batch_size == "full" else self.batch_size

    @classmethod
    def of(cls, /, **settings: Any) -> "TrainConfig":
        """Make a config from settings.

        Raises:
            ConfigError: naming the first invalid setting, and a value that works.
        """
        try:
            return cls(**settings)
        except ValidationError as error:
            raise ConfigError(complaint(error)) from None


SETTINGS = {
    name: Setting(**field.json_schema_extra)  # type: ignore[arg-type] # every field is made by `setting`
    for name, field in TrainConfig.model_fields.items()
}


def having(trait: Trait) -> tuple[str, ...]:
    """Return the names of the settings that have `trait`, in the order of the table."""
    return tuple(name for name, row in SETTINGS.items() if trait in row.traits)


FREE = having("free")


def choices(name: str) -> tuple[str, ...]:
    """Return the valid words of the setting `name`, or () where it is not one of a few words."""
    annotation = TrainConfig.model_fields[name].annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def is_number(name: str) -> bool:
    """Whether the setting `name` takes numbers."""
    return TrainConfig.model_fields[name].annotation not in (str, bool) and not choices(name)


def flag(name: str) -> str:
    """Return the flag of the setting `name` on the command line.

    >>> flag("batch_size")
    '--batch-size'
    """
    return f"--{name.replace('_', '-')}"


def table() -> "guesses.Table":
    """Return the table of settings, as messages read it."""
    from descenso import guesses

    return guesses.Table(TrainConfig, SETTINGS, lambda name: choices(name) or tuple(NAMED.get(name, ())), is_number)


def check_each(listed: str, name: str, values: Sequence[Any]) -> None:
    """Check the values of the setting `name` that were given as a list; code of the user's own is checked elsewhere.

    Raises:
        ConfigError: naming `listed`, the first invalid value, and a list that works.
    """
    for value in values:
        try:
            if isinstance(value, str) or name not in OWN:
                TrainConfig(**{name: value})
        except ValidationError as error:
            from descenso import guesses

            raise ConfigError(guesses.complaint(error, table(), guesses.Listed(listed, values))) from None


def refuse_unknown(given: Mapping[str, Any], arguments: tuple[str, ...]) -> None:
    """Refuse a setting that is none, nor one of the `arguments` of a function that takes lists of values.

    Raises:
        ConfigError: with the name that is meant.
    """
    for name, value in given.items():
        if name not in SETTINGS and name not in arguments:
            from descenso import guesses

            raise ConfigError(guesses.answer(name, value, tuple(SETTINGS), table(), arguments))


def complaint(error: ValidationError) -> str:
    """Describe the first fault in one line: subject, expected, received, and a value that works."""
    from descenso import guesses

    return guesses.complaint(error, table())
