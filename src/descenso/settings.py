"""The table of settings: a row each with type, default, bounds, help, valid values, example, help panel and traits."""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from descenso.text import mark

EngineName = Literal["graph", "eager", "function", "compiled", "workers"]
ALONE = ("graph", "eager", "function", "compiled")  # engines of one process, which can be compared with each other
DtypeName = Literal["float32", "float64", "mixed_bfloat16"]
ActivationName = Literal["relu", "tanh", "sigmoid", "gelu"]
PaddingName = Literal["same", "auto"]
Fraction = Annotated[float, Field(gt=0, lt=1)]
NOT_NEGATIVE = mark("a number in [0, inf), 0 for none")
TEXT = r"[^\ud800-\udfff]"  # a path whose bytes are no text could not be kept in `config.json`

Trait = Literal["reads data", "cost", "free", "saved"]
DATA, MODEL, OPTIMISATION, RUN = mark("Data"), mark("Model"), mark("Optimisation"), mark("Run")


class Setting(NamedTuple):
    """A row of the table of settings, without its type, default and bounds, which pydantic holds.

    Attributes:
        help: one sentence for the help text, marked for the catalogue.
        expected: the valid values in words, marked for the catalogue; empty where the type lists them.
        example: a valid value as a user types it; empty for a flag.
        panel: title of the help panel.
        traits: "reads data": it says how the dataset is read; "cost": the cost of a batch at given parameters depends
            on it; "free": a resumed run may change it; "saved": it has a meaning for saved runs only.
        short: one-letter flag.
    """

    help: str
    expected: str
    example: str
    panel: str
    traits: tuple[Trait, ...]
    short: str


def setting(
    default: Any, help: str, expected: str, example: str, panel: str, *traits: Trait,
    short: str = "", pattern: str | None = None, **bounds: Any,
) -> Any:  # fmt: skip
    """Make a field of `Settings` from its default, the columns of its row, and pydantic's bounds."""
    row = Setting(help, expected, example, panel, traits, short)
    whole = None if pattern is None else rf"\A(?:{pattern})\Z"
    return Field(default, pattern=whole, json_schema_extra=row._asdict(), **bounds)


class Settings(BaseModel):
    """The rows of the table, in the order of the help; `descenso.config.TrainConfig` checks their values."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False, regex_engine="python-re")

    # fmt: off
    data: str = setting(
        "mnist", mark("Dataset: a name (see `descenso data --list`), a folder of IDX files or of images by class, or a "
                      "file: {formats}."),
        mark("the name of a dataset, a folder or a file"), "mnist", DATA, "cost", pattern=f"{TEXT}+")
    label: str = setting("", mark("Column of a table that holds the labels. Default: by name, or the one with text."),
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
        "", mark("Whether the first row of a CSV file holds the names of the columns: yes or no. Default: what the "
                 "rows show."),
        mark("yes or no"), "no", DATA, "cost", "reads data", pattern=r"|yes|no")
    numeric_only: bool = setting(False, mark("Refuse text and missing values in a table, instead of encoding them."),
                                 mark("true or false"), "", DATA, "cost", "reads data")
    input_shape: str = setting(
        "", mark("Read the rows of a table or of a flat array as images: HEIGHTxWIDTH or HEIGHTxWIDTHxCHANNELS."),
        mark("HEIGHTxWIDTH or HEIGHTxWIDTHxCHANNELS in pixels"), "28x28", DATA, "cost", "reads data",
        pattern=r"|[1-9][0-9]{0,4}(x[1-9][0-9]{0,4}){1,2}")
    skip_unreadable: bool = setting(False, mark("Leave out files of a folder that are no images or are damaged."),
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
    padding: PaddingName = setting(
        "same", mark("Padding before each convolution of cnn: same, zeros that keep the size of the map, or auto, none "
                     "for maps of at least 12×12."), "", "auto", MODEL, "cost")
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
        "permutation", mark("Order of the rows: permutation, sequential, buffer:N (tf.data's shuffle buffer), or "
                            "blocks:BxW (W blocks of B rows mixed at a time). Default: blocks for files above 1 GB."),
        mark("permutation, sequential, buffer:N with N a whole number in [1, inf), or blocks:BxW with such B and W"),
        "buffer:10000", OPTIMISATION, "cost",
        pattern=r"permutation|sequential|buffer:0*[1-9][0-9]{0,17}|blocks:[1-9][0-9]{0,8}x[1-9][0-9]{0,8}")
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
        "compiled", mark("Engine: graph (TF 1.x style), eager, function (one traced step), compiled (a whole epoch), "
                         "workers (several processes or devices; see `descenso launch`)."),
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
