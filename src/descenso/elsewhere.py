"""What users of Keras and scikit-learn call settings, their values and callbacks: tables for the messages that answer.

Imported only when a message is to be written.
"""

from collections.abc import Callable
from typing import Any

from descenso.text import mark


def _wanted(value: Any) -> bool:
    """Read a truth value, from Python or as typed after an option; an option without a value is true.

    >>> [_wanted(value) for value in (True, "false", "0", None, "yes")]
    [True, False, False, True, True]
    """
    return value is None or str(value).lower() not in ("false", "no", "off", "0", "none", "")


def _layers(value: Any) -> Any:
    """Read a number of layers, of which `hidden` has the units of each; other values are those units.

    >>> _layers(2), _layers((32, 16))
    ((64, 64), (32, 16))
    """
    counted = str(value).isdigit() and 0 < int(value) <= MOST_LAYERS
    return (64,) * int(value) if counted else value


MOST_LAYERS = 8  # larger numbers are units
RENAMED = {  # a setting by its names elsewhere
    "learning_rate": ("lr", "learning_rate_init", "eta", "eta0", "step_size", "rate"),
    "rule": ("optimizer", "optimiser", "solver", "algorithm", "method", "update_rule", "optim"),
    "epochs": ("n_epochs", "num_epochs", "nb_epoch", "nb_epochs", "epoch", "max_iter", "n_iter", "iterations",
               "num_iterations", "max_epochs", "training_epochs"),
    "batch_size": ("batchsize", "batch", "minibatch_size", "mini_batch_size", "batch_rows"),
    "validation_size": ("validation_split", "validation_fraction", "val_size", "val_split", "validation"),
    "test_fraction": ("test_size", "test_split", "train_test_split"),
    "seed": ("random_state", "random_seed"),
    "hidden": ("hidden_layer_sizes", "hidden_units", "units", "hidden_sizes"),
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
    "run_eagerly": lambda value: ("engine", "eager" if _wanted(value) else "compiled"),
    "jit_compile": lambda value: ("xla", "on" if _wanted(value) else "off"),
    "jit": lambda value: ("xla", "on" if _wanted(value) else "off"),
    **dict.fromkeys(("layers", "hidden_layers", "n_layers", "num_layers", "n_hidden_layers", "depth"),
                    lambda value: ("hidden", _layers(value))),
    "shuffle": lambda value: ("order", "permutation" if _wanted(value) else "sequential"),
    "momentum": lambda value: ("rule", f"momentum:momentum={value}"),
    "nesterov": lambda value: ("rule", "nesterov" if _wanted(value) else "momentum"),
    "nesterovs_momentum": lambda value: ("rule", "nesterov" if _wanted(value) else "momentum"),
    "beta_1": lambda value: ("rule", f"adam:beta_1={value}"),
    "beta_2": lambda value: ("rule", f"adam:beta_2={value}"),
    "epsilon": lambda value: ("rule", f"adam:epsilon={value}"),
    "rho": lambda value: ("rule", f"rmsprop:rho={value}"),
    "amsgrad": lambda value: ("rule", "adam"),
    "verbose": lambda value: ("progress", bool(value)),
    "validation_data": lambda value: ("validation_size", 0.1),
    "warmup": lambda value: ("schedule", "warm-up"),
    "save_best_only": lambda value: ("patience", 5),
    "restore_best_weights": lambda value: ("patience", 5),
    "output": lambda value: ("out", value),
    "output_dir": lambda value: ("out", value),
    "path": lambda value: ("out", value),
    "log_dir": lambda value: ("tensorboard", value),
    "name": lambda value: ("out", f"runs/{value}"),
}  # fmt: skip
SAID = {  # names for which there is no setting, and what to do
    "class_weight": mark(
        "class weights belong to the estimator, in Python: descenso.Classifier(class_weight='balanced')"
    ),
    "sample_weight": mark(
        "row weights belong to the estimator, in Python: descenso.Classifier().fit(X, y, sample_weight=w)"
    ),
    "metrics": mark("accuracy and cost are measured always; try run.evaluate()"),
    "metric": mark("accuracy and cost are measured always; try run.evaluate()"),
    "decay": mark("of the learning rate: try --schedule cosine; of the weights: try --weight-decay 0.0005"),
    "models": mark("one model is trained at a time; train each of them, and compare run.test_accuracy"),
    **dict.fromkeys(("rules", "schedules", "learning_rates", "weight_decays", "batch_sizes", "seeds"), mark(
        "several values belong to a sweep: descenso.sweep(data, learning_rates=[0.01, 0.1], rules=['sgd', 'adam'])"
    )),
    **dict.fromkeys(("engines", "datasets"), mark(
        "several are compared: descenso.compare(data, engines=['eager', 'compiled'])"
    )),
    "device": mark("TensorFlow uses a graphics card where it finds one, so leave it out"),
    "gpu": mark("TensorFlow uses a graphics card where it finds one, so leave it out"),
    **dict.fromkeys(("test", "test_data", "x_test"), mark(
        "rows to test on belong to the data, in Python: descenso.from_arrays(X, y, test=(X_test, y_test))"
    )),
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
}  # fmt: skip
SAID_OF_ESTIMATORS = {  # what `descenso.train` takes, and an estimator does not
    **dict.fromkeys(("verbose", "progress"), mark("an estimator shows no progress, so leave it out; see loss_curve_")),
    **dict.fromkeys(("callbacks", "control", "tensorboard", "out"),
                    mark("an estimator makes no run, so leave it out; descenso.train(X, y) makes one")),
}  # fmt: skip
SAID_AT_A_TERMINAL = {  # where a command says it otherwise
    **dict.fromkeys(("metrics", "metric"), mark(
        "accuracy and cost are measured always, so leave it out; descenso evaluate RUN shows more"
    )),
    **dict.fromkeys(("test", "test_data", "x_test"), mark(
        "rows to test on belong to the data, or are drawn from it; try --test-fraction 0.2"
    )),
    "models": mark("one model is trained at a time; train each of them, and compare them by descenso runs"),
    **dict.fromkeys(("rules", "schedules", "learning_rates", "weight_decays", "batch_sizes", "seeds"), mark(
        "several values belong to a sweep: descenso sweep DATA --learning-rates 0.01,0.1 --rules sgd,adam"
    )),
    **dict.fromkeys(("engines", "datasets"), mark(
        "several are compared: descenso compare DATA --engines eager,compiled"
    )),
    "initial_epoch": mark("a run goes on where it stopped: descenso resume RUN --epochs 200"),
    "warm_start": mark("a run goes on where it stopped: descenso resume RUN --epochs 200"),
    "y": mark("labels are a column or an array of the data; try --label NAME of a table"),
    "labels": mark("labels are a column or an array of the data; try --label NAME of a table"),
    "verbose": mark("progress is shown where a terminal shows it, so leave it out; --json prints the result alone"),
    "quiet": mark("progress is shown where a terminal shows it, so leave it out; --json prints the result alone"),
    "progress": mark("progress is shown where a terminal shows it, so leave it out; --json prints the result alone"),
}  # fmt: skip
WITHOUT_OPTION = (  # what commands take as arguments
    "data", "dataset", "train_data", "input", "inputs", "file", "files", "path", "run", "run_dir", "model_path",
    "image", "images", "img", "folder", "csv", "x",
)  # fmt: skip
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
RENAMED_OF_COMPARE = {
    "rules": ("optimizers", "optimisers", "solvers"),
    "learning_rates": ("lrs", "rates", "etas"),
    "batch_sizes": ("batches", "batchsizes"),
}
ATTRIBUTES = {  # what users of Keras and scikit-learn look for in the module and in results, and what there is
    "descenso": {
        "fit": "descenso.train(X, y)",
        "load_model": "descenso.open_run(path)",
        "load_run": "descenso.open_run(path)",
        "open": "descenso.open_run(path)",
        "lr_find": "descenso.find_rate(data)",
        "lr_finder": "descenso.find_rate(data)",
        "find_lr": "descenso.find_rate(data)",
        "explain": "descenso.compare(data, explain=True)",
        "plot": "run.plot()",
        "datasets": "descenso.load('mnist')",
        "MLPClassifier": "descenso.Classifier('mlp')",
        "EarlyStopping": "descenso.train(data, patience=5, validation_size=0.1)",
    },
    "Run": {
        "fit": "run.resume(epochs=200)",
        "score": "run.evaluate(X, y).accuracy",
        "predict_proba": "run.predict(X).probabilities",
        "save": "run.export('keras')",
        "loss": "run.history.costs[-1]",
        "cost": "run.history.costs[-1]",
        "accuracy": "run.test_accuracy",
        "params": "run.weights",
        "get_weights": "run.weights",
        "coef_": "run.weights",
        "landscape": "descenso.landscape(run)",
    },
    "History": {
        "history": "run.history.costs",
        "loss": "run.history.costs",
        "val_loss": "run.history.validation_costs",
        "val_accuracy": "run.history.validation_accuracies",
        "accuracy": "run.history.validation_accuracies",
    },
    "Evaluation": {"loss": "evaluation.cost", "acc": "evaluation.accuracy", "confusion_matrix": "evaluation.confusion"},
    "Predictions": {
        "argmax": "predictions.labels",
        "classes": "predictions.labels",
        "max": "predictions.probabilities",
    },
}
FIRST = {name: ours for ours, names in RENAMED.items() for name in names}
OF_COMPARE = {name: ours for ours, names in RENAMED_OF_COMPARE.items() for name in names}
