"""What users of Keras and scikit-learn call a setting, and its name here: for the messages that answer them.

Imported only when a message is to be written.
"""

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from descenso.registry import MODELS, reads
from descenso.settings import Setting
from descenso.text import _, closest, mark, nearest, option

RENAMED = {  # a setting by its names elsewhere
    "learning_rate": ("lr", "learning_rate_init", "eta", "eta0", "step_size", "rate"),
    "rule": ("optimizer", "optimiser", "solver", "algorithm", "method", "update_rule", "optim"),
    "epochs": ("n_epochs", "num_epochs", "nb_epoch", "nb_epochs", "epoch", "max_iter", "n_iter", "iterations",
               "num_iterations", "max_epochs", "training_epochs"),
    "batch_size": ("batchsize", "batch", "minibatch_size", "mini_batch_size", "batch_rows"),
    "validation_size": ("validation_split", "validation_fraction", "val_size", "val_split", "validation"),
    "test_fraction": ("test_size", "test_split", "train_test_split"),
    "seed": ("random_state", "random_seed"),
    "hidden": ("hidden_layer_sizes", "hidden_units", "units", "layers", "hidden_layers", "hidden_sizes"),
    "filters": ("channels", "num_filters"),
    "activation": ("activations", "activation_function", "nonlinearity"),
    "dropout": ("dropout_rate", "drop_rate", "rate_dropout"),
    "augment": ("augmentation", "data_augmentation"),
    "weight_decay": ("l2", "alpha", "regularization", "kernel_regularizer", "penalty"),
    "clip_norm": ("clipnorm", "global_clipnorm", "gradient_clip", "gradient_clip_norm", "max_grad_norm", "clip"),
    "clip_value": ("clipvalue", "gradient_clip_value"),
    "average": ("ema", "use_ema", "ema_momentum", "averaging"),
    "patience": ("n_iter_no_change", "early_stopping", "early_stop"),
    "schedule": ("lr_schedule", "lr_scheduler", "scheduler", "learning_rate_schedule"),
    "loss": ("cost", "criterion", "objective", "loss_function", "loss_fn"),
    "engine": ("run_eagerly",),
    "xla": ("jit_compile", "jit"),
    "dtype": ("precision", "dtype_policy", "policy"),
    "order": ("shuffle",),
    "label": ("target", "label_column", "label_col", "target_column", "y_col", "labels_column"),
    "drop": ("drop_columns", "exclude", "ignore_columns"),
    "resize": ("image_size", "target_size", "img_size"),
    "model": ("net", "network", "estimator", "architecture"),
    "data": ("dataset", "train_data"),
    "checkpoint_every": ("save_freq", "checkpoint", "checkpoint_freq"),
}  # fmt: skip
TRANSLATED: dict[str, Callable[[Any], tuple[str, Any]]] = {  # names whose value means another value here
    "run_eagerly": lambda value: ("engine", "eager" if value else "compiled"),
    "jit_compile": lambda value: ("xla", "on" if value else "off"),
    "jit": lambda value: ("xla", "on" if value else "off"),
    "shuffle": lambda value: ("order", "permutation" if value else "sequential"),
    "momentum": lambda value: ("rule", f"momentum:momentum={value}"),
    "nesterov": lambda value: ("rule", "nesterov" if value else "momentum"),
    "nesterovs_momentum": lambda value: ("rule", "nesterov" if value else "momentum"),
    "beta_1": lambda value: ("rule", f"adam:beta_1={value}"),
    "beta_2": lambda value: ("rule", f"adam:beta_2={value}"),
    "epsilon": lambda value: ("rule", f"adam:epsilon={value}"),
    "rho": lambda value: ("rule", f"rmsprop:rho={value}"),
    "amsgrad": lambda value: ("rule", "adam"),
    "verbose": lambda value: ("progress", bool(value)),
    "warmup": lambda value: ("schedule", "warm-up"),
    "save_best_only": lambda value: ("patience", 5),
    "restore_best_weights": lambda value: ("patience", 5),
    "output": lambda value: ("out", value),
    "output_dir": lambda value: ("out", value),
    "path": lambda value: ("out", value),
    "log_dir": lambda value: ("tensorboard", value),
}
SAID = {  # names for which there is no setting, and what to do
    "class_weight": mark("class weights belong to the estimator; try descenso.Classifier(class_weight='balanced')"),
    "sample_weight": mark("row weights belong to the estimator; try descenso.Classifier().fit(X, y, sample_weight=w)"),
    "metrics": mark("accuracy and cost are measured always; try run.evaluate()"),
    "validation_data": mark("rows to validate on are taken from the training rows; try --validation-size 0.1"),
    "steps_per_epoch": mark("an epoch passes over all rows once; try --batch-size 100"),
    "initial_epoch": mark("a run goes on where it stopped; try descenso.resume(run, epochs=200)"),
    "warm_start": mark("a run goes on with descenso.resume(run, epochs=200), an estimator with partial_fit(X, y)"),
    "c": mark("the penalty is a weight decay, which grows as C falls; try --weight-decay 0.0005"),
    "validation_freq": mark("the validation cost is measured after every epoch; leave it out"),
    "validation_batch_size": mark("it does not change the validation cost; leave it out"),
    "workers": mark("there are no worker processes; leave it out"),
    "n_jobs": mark("TensorFlow uses all cores; leave it out"),
    "tol": mark("training stops early by the validation cost; try --patience 5 with --validation-size 0.1"),
    "x": mark("inputs and labels come first; try descenso.train(X, y)"),
    "y": mark("inputs and labels come first; try descenso.train(X, y)"),
    "labels": mark("inputs and labels come first; try descenso.train(X, y)"),
}
CALLBACKS = {  # of Keras, by their class, and what to do here
    "earlystopping": mark("try --patience 5 with --validation-size 0.1"),
    "modelcheckpoint": mark("every run is saved, with checkpoints, so leave it out; try --checkpoint-every 500"),
    "backupandrestore": mark("every run is saved, so leave it out; descenso.resume(run) goes on with it"),
    "tensorboard": mark("try tensorboard='logs'"),
    "reducelronplateau": mark("try --schedule cosine, or control=descenso.Control()"),
    "learningratescheduler": mark("try --schedule cosine, or control=descenso.Control()"),
    "csvlogger": mark("every run has its costs, so leave it out; see run.history"),
    "history": mark("every run has its costs, so leave it out; see run.history"),
    "progbarlogger": mark("try progress=True"),
    "terminateonnan": mark("a run ends by itself where the cost is not finite; leave it out"),
}
VALUES: dict[str, dict[str, tuple[str, ...]]] = {  # of a setting, by their names elsewhere
    "loss": {"cross_entropy": ("categorical_crossentropy", "sparse_categorical_crossentropy", "crossentropy", "ce",
                               "binary_crossentropy", "log_loss", "nll", "softmax_cross_entropy", "xent")},
    "model": {"softmax": ("logistic", "logistic_regression", "logisticregression", "linear", "softmax_regression"),
              "mlp": ("dense", "nn", "dnn", "neural_network", "mlpclassifier", "sequential", "perceptron"),
              "cnn": ("conv", "convnet", "conv2d", "lenet")},
    "rule": {"sgd": ("gradient_descent", "gd"), "rmsprop": ("rms_prop",), "nesterov": ("nag",)},
    "activation": {"gelu": ("swish", "silu", "elu", "selu", "leaky_relu", "mish"), "sigmoid": ("logistic",)},
    "schedule": {"cosine": ("cosine_decay", "cosine_annealing"), "exponential": ("exponential_decay", "invscaling"),
                 "one-cycle": ("onecycle", "one_cycle"), "warm-up": ("warmup",),
                 "step": ("piecewise_constant_decay", "piecewise", "reduce_on_plateau", "adaptive")},
    "dtype": {"mixed_bfloat16": ("bfloat16", "mixed_float16", "float16", "half"), "float64": ("double",),
              "float32": ("single",)},
    "engine": {"compiled": ("xla",), "function": ("tf.function",), "eager": ("keras",), "graph": ("tf1",)},
}  # fmt: skip
NUMBER = re.compile(r"[-+]?([\d.]{1,40}(e[-+]?\d+)?|nan|inf)")  # as a user types one
MOST_BITS = 2**12  # of a whole number; Python refuses to write out much longer ones
LONG = 200  # characters of a value that a message still shows
FIRST = {name: ours for ours, names in RENAMED.items() for name in names}


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


def complaint(error: ValidationError, table: Table) -> str:
    """Describe the first fault in one line: subject, expected, received, and a value that works."""
    first = error.errors()[0]
    reason = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
    if not first["loc"]:
        return reason
    name, received = str(first["loc"][0]), first["input"]
    if first["type"] == "extra_forbidden":
        return answer(name, received, tuple(table.rows), table)
    names, is_text = table.words(name), isinstance(received, str)
    near = nearest(received.partition(":")[0], names) if isinstance(received, str) else None
    meant = value_of(name, received, names) or near
    line = option(name, meant) if meant else mend(name, received, table)
    if first["type"] == "value_error":
        return _("{name}: {reason}; try {mend}").format(name=name, reason=reason, mend=line)
    expected = _(table.rows[name].expected) or _("one of {choices}").format(choices=", ".join(names))
    hint = closest(received, names) if near == meant and near else ""
    value = shown(received, is_text and table.is_number(name))
    return _("{name} must be {expected}, got {value}{hint}; try {mend}").format(
        name=name, expected=expected, value=value, hint=hint, mend=line
    )


def mend(name: str, value: Any, table: Table) -> str:
    """Write a line that sets `name`: to `value` if it is valid, to what it means elsewhere, or to the row's example."""
    others: dict[str, Any] = {
        "model": next((model for model in MODELS if name in reads(model)), "softmax"),
        "validation_size": 0.1,
    }
    pointed = value.replace(",", ".") if isinstance(value, str) and table.is_number(name) else None
    for each in (value, value_of(name, value, table.words(name)), pointed):
        with suppress(ValidationError, TypeError):
            if each is not None:
                return option(name, str(getattr(table.config(**{**others, name: each}), name)))
    return option(name, table.rows[name].example)


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
    key = name.replace("-", "_")
    if key.lower() in SAID:
        return f"{name}: {_(SAID[key.lower()])}"
    near = nearest(key, known)
    ours, meant = TRANSLATED[key](value) if key in TRANSLATED else (FIRST.get(key.lower()), value)
    if not ours:
        ours = None if near else next(map(FIRST.get, difflib.get_close_matches(key.lower(), FIRST, 1, 0.8)), None)
    ours = ours if ours in (*known, *arguments) else None
    if not ours and near:
        return _("there is no setting {name!r}{hint}").format(name=name, hint=closest(key, known))
    if not ours:
        message = _("there is no setting {name!r}; the settings are {names}")
        return message.format(name=name, names=", ".join(known))
    line = mend(ours, meant, table) if ours in known else f"{ours}={meant!r}"  # an argument of `train`
    rate = getattr(value, "learning_rate", None)
    if ours == "rule" and rate is not None:  # an optimizer of Keras
        line += ", " + mend("learning_rate", _number(rate), table)
    if ours == "patience":
        line += ", " + mend("validation_size", 0.1, table)
    return _("{name}: descenso calls it {ours}; try {mend}").format(name=name, ours=ours, mend=line)


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
