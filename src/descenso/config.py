"""What one descent is asked to do. One table feeds validation, the command line's help and the docs."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from descenso.errors import ConfigError
from descenso.registry import FACTORY, MODELS, RULES, SCHEDULES, SHAPES, defaults, parse, reads
from descenso.text import _, closest, mark, nearest

FREE = ("epochs", "engine", "patience", "checkpoint_every")  # settings that may change when a run goes on
# Settings whose defaults are the model's.
BY_MODEL = ("rule", "learning_rate", "schedule", "batch_size", "epochs", "hidden", "dropout")
MOST_CLASSES = 2**12  # of a confusion matrix, whose size is their square
MOST_BITS = 2**12  # of a whole number; Python refuses to write out much longer ones

EngineName = Literal["graph", "eager", "function", "compiled"]
DtypeName = Literal["float32", "float64", "mixed_bfloat16"]
LossName = Literal["cross_entropy", "naive"]
ActivationName = Literal["relu", "tanh", "sigmoid", "gelu"]
Switch = Literal["auto", "on", "off"]
FAMILIES = {"rule": RULES, "schedule": SCHEDULES}
Fraction = Annotated[float, Field(gt=0, lt=1)]


def setting(default: Any, text: str, expected: str, example: str, short: str = "", **bounds: Any) -> Any:
    """One row of the table: default, help, what is expected in words, a value that works, short flag."""
    extra: dict[str, JsonValue] = {"expected": expected, "example": example, "short": short}
    return Field(default, description=text, json_schema_extra=extra, **bounds)


PATTERNS = {  # of the settings that are words
    "data": r"[^\ud800-\udfff]+",  # a path whose bytes are no text could not be kept in `config.json`
    "label": r"[^\ud800-\udfff]*",
    "drop": r"[^\ud800-\udfff]*",
    "resize": r"|[1-9]\d{0,4}x[1-9]\d{0,4}",
    "hidden": r"|[1-9]\d{0,4}(,[1-9]\d{0,4}){0,15}",
    "filters": r"[1-9]\d{0,3}(,[1-9]\d{0,3}){0,3}",
    "order": r"permutation|sequential|buffer:0*[1-9][0-9]{0,17}",
    "checkpoint_every": r"0*[1-9][0-9]{0,17}|(?=.*[1-9])[0-9]{1,9}([.][0-9]{1,9})?s",
}
NUMBERS = ("learning_rate", "epochs", "batch_size", "validation_size", "test_fraction", "patience", "dropout",
           "augment", "weight_decay", "clip_value", "clip_norm", "average", "seed")  # fmt: skip
NUMBER = re.compile(r"[-+]?([\d.]{1,40}(e[-+]?\d+)?|nan|inf)")  # as somebody types one
POSITIVE = mark("a number in (0, inf)")
NOT_NEGATIVE = mark("a number in [0, inf), 0 for none")


class TrainConfig(BaseModel):
    """The settings of one descent, as `descenso train` takes them; a run keeps them in `config.json`.

    Those of `BY_MODEL` that are not given are the model's own. Two runs with equal settings on equal data see the same
    batches in the same order.

    Raises:
        ConfigError: from `TrainConfig.of` and `read_settings`, for an unknown name or a value out of range.

    >>> TrainConfig.of(epochs=3).batch_size
    100
    >>> TrainConfig.of(model="mlp").rule
    'adam'
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    # fmt: off
    data: str = setting(
        "mnist", mark("Dataset: a name (see `descenso data --list`), a folder of IDX files or of images by class, or a "
                      "file: {formats}."),
        mark("the name of a dataset, a folder or a file"), "mnist")
    label: str = setting("", mark("Column of a table that holds the labels."), mark("the name of a column"), "species")
    drop: str = setting("", mark("Columns of a table to leave out, such as names and dates."),
                        mark("names of columns with commas between them"), "id,date")
    test_fraction: float = setting(
        0.0, mark("Share of the rows to test on, drawn by the seed, where the data has no test rows of its own."),
        mark("a number in [0, 1)"), "0.2", ge=0, lt=1)
    resize: str = setting("", mark("Size of images, HEIGHTxWIDTH, to which all are brought."),
                          mark("HEIGHTxWIDTH in pixels"), "28x28")
    model: str = setting(
        "softmax", mark("Model: softmax, mlp, cnn (see `descenso models`), or package.module:factory of a Keras one."),
        mark("softmax, mlp, cnn or package.module:factory"), "softmax", "-m")
    preset: str = setting("", mark("Settings for a purpose, such as accurate, where the model has them (see "
                                   "`descenso models`)."), mark("the name of a preset"), "accurate")
    hidden: str = setting("", mark("Units of each hidden layer of mlp, or of cnn's dense layers."),
                          mark("whole numbers with commas between them"), "256,128")
    filters: str = setting("16,32", mark("Filters of each convolution block of cnn, up to 4."),
                           mark("up to 4 whole numbers with commas between them"), "16,32,64")
    activation: ActivationName = setting(
        "relu", mark("Activation of mlp and cnn: relu, tanh, sigmoid or gelu."), "", "tanh")
    dropout: float = setting(0.0, mark("Share of the hidden units that a step of mlp or cnn leaves out."),
                             mark("a number in [0, 1)"), "0.2", ge=0, lt=1)
    engine: EngineName = setting(
        "compiled", mark("Engine: graph (TF 1.x style), eager, function (one traced step), compiled (a whole epoch)."),
        "", "compiled")
    xla: Switch = setting(
        "auto", mark("Compile by XLA on the compiled engine: auto (all but convolutions on a processor), on, off."),
        "", "off")
    augment: float = setting(
        0.0, mark("Move, turn, scale and shear the images of cnn at random in each step, by so much."),
        mark("a number in [0, 2]"), "0.5", ge=0, le=2)
    rule: str = setting(
        "sgd", mark("Update rule, NAME or NAME:OPTION=VALUE (see `descenso rules`)."),
        mark("a rule"), "momentum:momentum=0.95")
    loss: LossName = setting(
        "cross_entropy",
        mark("Loss: cross_entropy, or naive (the logarithm of softmax taken literally, as tutorials do)."),
        "", "cross_entropy")
    learning_rate: float = setting(
        0.01, mark("Learning rate."), POSITIVE, "0.1", "-r", gt=0, allow_inf_nan=False)
    schedule: str = setting(
        "constant", mark("Schedule of the rate, NAME or NAME:OPTION=VALUE (see `descenso schedules`)."),
        mark("a schedule"), "one-cycle:rise=0.2")
    weight_decay: float = setting(
        0.0, mark("Decay each step pulls the weights by, times the rate."), NOT_NEGATIVE, "0.0005",
        ge=0, allow_inf_nan=False)
    clip_value: float = setting(
        0.0, mark("Bound of each component of the gradient."), NOT_NEGATIVE, "0.5", ge=0, allow_inf_nan=False)
    clip_norm: float = setting(
        0.0, mark("Bound of the gradient's norm over all parameters."), NOT_NEGATIVE, "1.0", ge=0, allow_inf_nan=False)
    average: float = setting(
        0.0, mark("Keep the weights' exponential moving average, which each step holds by so much."),
        mark("a number in [0, 1)"), "0.999", ge=0, lt=1)
    epochs: int = setting(
        100, mark("Epochs: passes over the training rows."), mark("a whole number in [1, inf)"), "100", "-e", ge=1)
    batch_size: Annotated[int, Field(ge=1)] | Literal["full"] = setting(
        100, mark("Rows in a batch, or full."), mark("full, or a whole number in [1, training rows]"), "100", "-b")
    order: str = setting(
        "permutation", mark("Order of the rows: permutation, sequential, or buffer:N (tf.data's shuffle buffer)."),
        mark("permutation, sequential or buffer:N with N a whole number in [1, inf)"), "buffer:10000")
    validation_size: Annotated[int, Field(ge=0)] | Fraction = setting(
        0, mark("Training rows kept back for validation, the first N, or the first share of them."),
        mark("a whole number in [0, training rows), or a share in (0, 1)"), "5000")
    patience: int = setting(
        0, mark("Stop after so many epochs without a lower validation cost, and keep the best weights; 0 for never."),
        mark("a whole number in [0, inf)"), "5", ge=0)
    dtype: DtypeName = setting(
        "float32", mark("Precision: float32, float64, or mixed_bfloat16 (float32 parameters, layers in bfloat16)."),
        "", "float64")
    checkpoint_every: str = setting(
        "10s", mark("Save a checkpoint after so many steps (500), or seconds (10s)."),
        mark("a whole number of steps in [1, inf), or seconds such as 10s or 0.5s"), "500")
    deterministic: bool = setting(
        False, mark("Use one thread and deterministic operations, for the same bits in every process."),
        mark("true or false"), "")
    seed: int = setting(
        0, mark("Seed of the batch order and of the start."), mark("a whole number in [0, 2**63)"), "0", "-s",
        ge=0, lt=2**63)
    # fmt: on

    @model_validator(mode="before")
    @classmethod
    def _by_model(cls, given: Any) -> Any:
        """Fill in what the model brings; a rule of one's own comes with a rate that suits it."""
        if not isinstance(given, Mapping):
            return given
        model, preset = (str(given.get(name, default)) for name, default in (("model", "softmax"), ("preset", "")))
        chosen = defaults(model)
        if preset:
            presets = MODELS[model].presets if model in MODELS else {}
            if preset not in presets:
                raise PydanticCustomError("preset", "{reason}", {"reason": _no_preset(model, preset, presets)})
            chosen = {**chosen, **presets[preset]}
        own_rule = str(given.get("rule", chosen["rule"])).partition(":")[0]
        if own_rule != chosen["rule"] and own_rule in RULES:
            chosen = {**chosen, "learning_rate": RULES[own_rule].learning_rate}
        return {**chosen, **given}

    @model_validator(mode="after")
    def _nothing_idle(self) -> "TrainConfig":
        """Settings that shape other models are refused rather than left without effect."""
        for name in set(SHAPES) - set(reads(self.model)):
            value, field = getattr(self, name), type(self).model_fields[name]
            if value not in (field.default, defaults(self.model).get(name)):
                reason = _("{model} has no {name}; leave --{name} out, or choose a --model that has it")
                raise PydanticCustomError("idle", "{reason}", {"reason": reason.format(model=self.model, name=name)})
        if self.patience and not self.validation_size:
            reason = _("patience: no rows are kept back to measure it by; try --validation-size 0.1")
            raise PydanticCustomError("idle", "{reason}", {"reason": reason})
        if self.weight_decay and self.rule.partition(":")[0] == "adamw":
            reason = _("weight_decay: adamw has its own; try --rule adamw:weight_decay={decay:g}")
            raise PydanticCustomError("idle", "{reason}", {"reason": reason.format(decay=self.weight_decay)})
        return self

    @field_validator(*PATTERNS)
    @classmethod
    def _of_its_form(cls, value: str, info: ValidationInfo) -> str:
        if not re.fullmatch(PATTERNS[str(info.field_name)], value):
            raise PydanticCustomError("form", "of another form")
        return value

    @field_validator("model")
    @classmethod
    def _known_model(cls, value: str) -> str:
        if value not in MODELS and not FACTORY.fullmatch(value):
            raise PydanticCustomError("model", "unknown model")
        return value

    @field_validator(*FAMILIES)
    @classmethod
    def _known_member(cls, value: str, info: ValidationInfo) -> str:
        try:
            parse(value, FAMILIES[str(info.field_name)])
        except ValueError as error:
            raise PydanticCustomError("member", "{reason}", {"reason": str(error)}) from None
        return value

    @field_validator(*NUMBERS, mode="before")
    @classmethod
    def _no_truth_value(cls, value: Any) -> Any:
        if isinstance(value, bool):  # which Python counts among the numbers
            raise PydanticCustomError("bool", "no number")
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise PydanticCustomError("int", "too long")
        return value

    @property
    def variable_dtype(self) -> str:
        """The precision of the parameters, which mixed precision leaves as it is."""
        return "float64" if self.dtype == "float64" else "float32"

    def validation_rows(self, rows: int) -> int:
        """How many of `rows` training rows are kept back for validation."""
        return (
            math.ceil(self.validation_size * rows) if isinstance(self.validation_size, float) else self.validation_size
        )

    def batch_rows(self, rows: int) -> int:
        """How many rows a full batch has, of `rows` that are trained on."""
        return rows if self.batch_size == "full" else self.batch_size

    @classmethod
    def of(cls, /, **settings: Any) -> "TrainConfig":
        """A config from settings, with this package's errors.

        Raises:
            ConfigError: naming the first setting that cannot be meant, and a value that works.
        """
        try:
            return cls(**settings)
        except ValidationError as error:
            raise ConfigError(complaint(error)) from None


def _no_preset(model: str, preset: str, presets: Mapping[str, Any]) -> str:
    names = ", ".join(presets) or _("none")
    return _("{model} has no preset {preset!r}{hint}; it has {names}").format(
        model=model, preset=preset, hint=closest(preset, presets), names=names
    )


def complaint(error: ValidationError) -> str:
    """One line for the first fault: subject, expected, received, and what mends it."""
    first = error.errors()[0]
    if not first["loc"]:
        return first["msg"]
    name, received = str(first["loc"][0]), first["input"]
    if first["type"] == "extra_forbidden":
        return _("there is no setting {name!r}{hint}").format(
            name=name, hint=closest(name.replace("-", "_"), TrainConfig.model_fields)
        )
    extra = TrainConfig.model_fields[name].json_schema_extra
    assert isinstance(extra, dict)  # noqa: S101 - every row of the table is made by setting()
    names = choices(name) or {"model": tuple(MODELS), "rule": tuple(RULES), "schedule": tuple(SCHEDULES)}.get(name, ())
    near = nearest(received.partition(":")[0], names) if isinstance(received, str) else None
    mend = f"--{name.replace('_', '-')} {near or extra['example']}".rstrip()
    if first["type"] == "member":
        return _("{name}: {reason}; try {mend}").format(name=name, reason=first["msg"], mend=mend)
    expected = _(str(extra["expected"])) or _("one of {choices}").format(choices=", ".join(names))
    try:
        typed = isinstance(received, str) and name in NUMBERS and NUMBER.fullmatch(received)
        bare = typed or isinstance(received, int | float)
        shown = f"{received}" if bare else repr(received)  # NumPy's repr of 0.1 is not 0.1
        hint = closest(received, names) if isinstance(received, str) else ""
    except (ValueError, RecursionError):  # a number too long, a nest too deep, to be written out
        shown, hint = f"<{type(received).__name__}>", ""
    return _("{name} must be {expected}, got {value}{hint}; try {mend}").format(
        name=name, expected=expected, value=shown, hint=hint, mend=mend
    )


def choices(name: str) -> tuple[str, ...]:
    """The words that the setting `name` may be, where it is one of a few."""
    annotation = TrainConfig.model_fields[name].annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()
