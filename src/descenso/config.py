"""The settings of a training run: one table, from which validation, messages, help and the lists of settings come."""

import math
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from descenso.errors import ConfigError
from descenso.registry import (
    DATA,
    MODEL,
    OPTIMISATION,
    OWN,
    RULES,
    RUN,
    SHAPES,
    Setting,
    Trait,
    defaults,
    is_own,
    parse,
    reads,
    setting,
)
from descenso.text import _, mark

if TYPE_CHECKING:
    from descenso import guesses

MOST_BITS = 2**12  # of a whole number; Python refuses to write out much longer ones

EngineName = Literal["graph", "eager", "function", "compiled"]
DtypeName = Literal["float32", "float64", "mixed_bfloat16"]
ActivationName = Literal["relu", "tanh", "sigmoid", "gelu"]
NAMED = OWN
Fraction = Annotated[float, Field(gt=0, lt=1)]
NOT_NEGATIVE = mark("a number in [0, inf), 0 for none")
TEXT = r"[^\ud800-\udfff]"  # a path whose bytes are no text could not be kept in `config.json`


class TrainConfig(BaseModel):
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

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False, regex_engine="python-re")

    # fmt: off
    data: str = setting(
        "mnist", mark("Dataset: a name (see `descenso data --list`), a folder of IDX files or of images by class, or a "
                      "file: {formats}."),
        mark("the name of a dataset, a folder or a file"), "mnist", DATA, "cost", pattern=f"{TEXT}+")
    label: str = setting("", mark("Column of a table that holds the labels. Default: by name, or the one of text."),
                         mark("the name of a column"), "species", DATA, "cost", "reads data", pattern=f"{TEXT}*")
    drop: str = setting("", mark("Columns of a table to leave out, such as names and dates."),
                        mark("names of columns with commas between them"), "id,date",
                        DATA, "cost", "reads data", pattern=f"{TEXT}*")
    resize: str = setting("", mark("Resize all images to HEIGHTxWIDTH."), mark("HEIGHTxWIDTH in pixels"), "28x28",
                          DATA, "cost", "reads data", pattern=r"|[1-9][0-9]{0,4}x[1-9][0-9]{0,4}")
    test_fraction: float = setting(
        0.0, mark("Fraction of the rows to test on, drawn by the seed, for data that has no test rows; 0 for a fifth."),
        mark("a number in [0, 1)"), "0.2", DATA, "cost", "reads data", ge=0, lt=1)
    decimal: str = setting(
        "", mark("Decimal mark of a table's numbers, a point or a comma. Default: the one that the numbers show."),
        mark("a point or a comma"), ".", DATA, "cost", "reads data", pattern=r"|[.,]")
    encoding: str = setting("", mark("Encoding of a CSV file that is not in UTF-8."), mark("the encoding of a text"),
                            "latin-1", DATA, "cost", "reads data", pattern=r"[-_0-9A-Za-z]{0,40}")
    header: str = setting(
        "", mark("Whether the first row of a CSV file holds the names of the columns. Default: what the rows show."),
        mark("yes or no"), "no", DATA, "cost", "reads data", pattern=r"|yes|no")
    numeric_only: bool = setting(False, mark("Refuse text and missing values in a table, instead of encoding them."),
                                 mark("true or false"), "", DATA, "cost", "reads data")
    validation_size: Annotated[int, Field(ge=0)] | Fraction = setting(
        0, mark("Training rows held out for validation: the first N, or the first fraction of them."),
        mark("a whole number in [0, training rows), or a share in (0, 1)"), "5000", DATA)
    model: str = setting("softmax", mark(
        "Model: softmax, mlp, cnn (see `descenso models`), or a Keras model, package.module:factory. Default: cnn for "
        "pictures, mlp for other rows, softmax for a dataset with a name."),
        mark("softmax, mlp, cnn or package.module:factory"), "softmax", MODEL, "cost", short="-m")
    preset: str = setting("", mark("Tuned settings of the model, such as accurate of cnn (see `descenso models`)."),
                          mark("the name of a preset"), "accurate", MODEL, "cost")
    hidden: str = setting("", mark("Units of each hidden layer of mlp, or of each dense layer of cnn."),
                          mark("whole numbers with commas between them"), "256,128", MODEL, "cost",
                          pattern=r"|[1-9][0-9]{0,4}(,[1-9][0-9]{0,4}){0,15}")
    filters: str = setting("16,32", mark("Filters of each convolution block of cnn, at most 4 blocks."),
                           mark("up to 4 whole numbers with commas between them"), "16,32,64", MODEL, "cost",
                           pattern=r"[1-9][0-9]{0,3}(,[1-9][0-9]{0,3}){0,3}")
    activation: ActivationName = setting(
        "relu", mark("Activation of mlp and cnn: relu, tanh, sigmoid or gelu."), "", "tanh", MODEL, "cost")
    dropout: float = setting(0.0, mark("Fraction of the hidden units of mlp or cnn that dropout zeroes in each step."),
                             mark("a number in [0, 1)"), "0.2", MODEL, "cost", ge=0, lt=1)
    augment: float = setting(
        0.0, mark("Strength of random shifts, rotations, scaling and shear of cnn's training images; 0 for none."),
        mark("a number in [0, 2]"), "0.5", MODEL, "cost", ge=0, le=2)
    rule: str = setting(
        "sgd", mark("Update rule, NAME or NAME:OPTION=VALUE (see `descenso rules`), or package.module:rule."),
        mark("a rule"), "momentum:momentum=0.95", OPTIMISATION)
    learning_rate: float = setting(
        0.01, mark("Learning rate."), mark("a number in (0, inf)"), "0.1", OPTIMISATION, short="-r",
        gt=0, allow_inf_nan=False)
    schedule: str = setting(
        "constant", mark("Learning rate schedule, NAME or NAME:OPTION=VALUE (see `descenso schedules`), or "
                         "package.module:function."),
        mark("a schedule"), "one-cycle:rise=0.2", OPTIMISATION)
    epochs: int = setting(100, mark("Number of passes over the training rows."), mark("a whole number in [1, inf)"),
                          "100", OPTIMISATION, "free", short="-e", ge=1)
    batch_size: Annotated[int, Field(ge=1)] | Literal["full"] = setting(
        100, mark("Rows in a batch, or full for all of them."),
        mark("full, or a whole number in [1, training rows]"), "100", OPTIMISATION, "cost", short="-b")
    order: str = setting(
        "permutation", mark("Order of the rows: permutation, sequential, or buffer:N (tf.data's shuffle buffer)."),
        mark("permutation, sequential or buffer:N with N a whole number in [1, inf)"), "buffer:10000",
        OPTIMISATION, "cost", pattern=r"permutation|sequential|buffer:0*[1-9][0-9]{0,17}")
    loss: str = setting(
        "cross_entropy", mark("Loss: cross_entropy, naive (the logarithm of the softmax as written, not stable), or "
                              "package.module:function."),
        mark("cross_entropy, naive or package.module:function"), "cross_entropy", OPTIMISATION, "cost")
    weight_decay: float = setting(
        0.0, mark("Weight decay: each step subtracts it times the learning rate times the weights; 0 for none."),
        NOT_NEGATIVE, "0.0005", OPTIMISATION, ge=0, allow_inf_nan=False)
    clip_value: float = setting(0.0, mark("Largest absolute value of a component of the gradient; 0 for no bound."),
                                NOT_NEGATIVE, "0.5", OPTIMISATION, ge=0, allow_inf_nan=False)
    clip_norm: float = setting(0.0, mark("Largest norm of the gradient over all parameters; 0 for no bound."),
                               NOT_NEGATIVE, "1.0", OPTIMISATION, ge=0, allow_inf_nan=False)
    average: float = setting(
        0.0, mark("Decay of an exponential moving average of the weights, used for evaluation; 0 for none."),
        mark("a number in [0, 1)"), "0.999", OPTIMISATION, ge=0, lt=1)
    patience: int = setting(
        0, mark("Stop after so many epochs without a lower validation cost, and keep the best weights; 0 for never."),
        mark("a whole number in [0, inf)"), "5", OPTIMISATION, "free", "saved", ge=0)
    engine: EngineName = setting(
        "compiled", mark("Engine: graph (TF 1.x style), eager, function (one traced step), compiled (a whole epoch)."),
        "", "compiled", RUN, "free")
    xla: Literal["auto", "on", "off"] = setting(
        "auto", mark("Compile with XLA on the compiled engine: auto (except convolutions on a processor), on, off."),
        "", "off", RUN)
    dtype: DtypeName = setting(
        "float32", mark("Precision: float32, float64, or mixed_bfloat16 (float32 parameters, layers in bfloat16)."),
        "", "float64", RUN)
    deterministic: bool = setting(
        False, mark("Use one thread and deterministic operations, for the same bits in every process."),
        mark("true or false"), "", RUN)
    seed: int = setting(0, mark("Seed of the initial weights, the order of the rows, dropout and drawn test rows."),
                        mark("a whole number in [0, 2**63)"), "0", RUN, "cost", short="-s", ge=0, lt=2**63)
    checkpoint_every: str = setting(
        "10s", mark("Save a checkpoint after so many steps (500), or seconds (10s)."),
        mark("a whole number of steps in [1, inf), or seconds such as 10s or 0.5s"), "500", RUN, "free", "saved",
        pattern=r"0*[1-9][0-9]{0,17}|(?=.*[1-9])[0-9]{1,9}([.][0-9]{1,9})?s")
    # fmt: on

    @model_validator(mode="before")
    @classmethod
    def _fill_in_defaults(cls, given: Any) -> Any:
        """Add the defaults of the model and its preset; another rule brings its own learning rate."""
        if not isinstance(given, Mapping):
            return given
        chosen = defaults(str(given.get("model", "softmax")), str(given.get("preset", "")))
        rule = str(given.get("rule", chosen["rule"])).partition(":")[0]
        if rule != chosen["rule"] and rule in RULES:
            chosen = {**chosen, "learning_rate": RULES[rule].learning_rate}
        return {**chosen, **given}

    @model_validator(mode="after")
    def _refuse_idle_settings(self) -> "TrainConfig":
        """Refuse settings that would have no effect."""
        for name in (name for name in SHAPES if name not in reads(self.model)):
            if getattr(self, name) not in (type(self).model_fields[name].default, defaults(self.model).get(name)):
                raise ValueError(import_module("descenso.guesses").without_effect(self.model, name))
        if self.patience and not self.validation_size:
            raise ValueError(_("patience needs validation rows, and there are none; try --validation-size 0.1"))
        if self.weight_decay and self.rule.partition(":")[0] == "adamw":
            reason = _("weight_decay: adamw has its own; try --rule adamw:weight_decay={decay:g} in its place")
            raise ValueError(reason.format(decay=self.weight_decay))
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

    @field_validator("drop", "hidden", "filters", "resize", "checkpoint_every", mode="before")
    @classmethod
    def _as_typed(cls, value: Any, info: ValidationInfo) -> Any:
        """Write several values, and whole numbers, as they are typed on the command line: (64, 32) as "64,32"."""
        if isinstance(value, str):
            return value
        from descenso.guesses import typed

        return typed(value, "x" if info.field_name == "resize" else ",")

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


def complaint(error: ValidationError) -> str:
    """Describe the first fault in one line: subject, expected, received, and a value that works."""
    from descenso import guesses

    return guesses.complaint(error, table())
