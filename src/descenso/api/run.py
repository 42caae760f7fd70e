"""A run: settings, history, outcome, weights and pictures, and what can be done with its model."""

import base64
import html
import math
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.runs.directory import RunDirectory, open_directory
from descenso.runs.history import History
from descenso.runs.trained import parameters
from descenso.text import _, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from typing_extensions import Unpack

    from descenso.api.predictions import Predictions
    from descenso.data.dataset import Dataset
    from descenso.hints import Resumed, RunPath
    from descenso.training.evaluation import Evaluation


class Replay(NamedTuple):
    """A run that was trained again.

    Attributes:
        run: the new run.
        equal: whether it has the same costs in each epoch, to the last bit, and weights of the same bytes.
        parting: where the two part, in words; "" where they are equal.
    """

    run: "Run"
    equal: bool
    parting: str


class Run:
    """A training run, as its directory holds it; every function that takes the path of a run takes a Run, too.

    The run that `train` returns has the dataset and the model that were given in memory; a run that is opened again
    needs them once more.

    >>> import descenso as ds
    >>> run = ds.train("mnist", epochs=1, batch_size=1000, learning_rate=0.1)
    >>> run.predict(ds.load("mnist").test.inputs[:3]).labels
    array(['7', '2', '1'], dtype='<U1')
    >>> run.evaluate().accuracy == run.test_accuracy
    True
    >>> len(run.resume(epochs=3, engine="compiled").history.costs)
    3

    Attributes:
        path: directory of the run.
        config: settings of the run.
        history: epochs of the run; `history.costs` are their costs in nats.
        outcome: "completed", "stopped early", "diverged" or "interrupted"; "running" or "killed" if it has not ended.
    """

    def __init__(
        self, directory: RunDirectory, data: "Dataset | None" = None, own: dict[str, Any] | None = None
    ) -> None:
        self._directory = directory
        self._data, self._own = data, own or {}
        self._model: Any = None
        self.path = directory.path
        self.config = directory.config
        self.history: History = directory.history
        self.outcome = directory.outcome
        self.status = directory.status

    @property
    def test_accuracy(self) -> float | None:
        """Fraction of the test rows that is classified correctly, in [0, 1]; None without weights."""
        value = self.status.get("test_accuracy")
        return None if value is None else float(value)

    @property
    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Final parameters by name; for softmax W (num_inputs, num_classes) and b (num_classes,).

        Raises:
            DataError: if the run has none.
        """
        arrays, _about = self._directory.weights()
        return parameters(arrays)

    @property
    def model(self) -> Any:
        """The trained model as a keras.Model: from rows as stored, (rows, *input_shape), to probabilities.

        Its first layers scale the inputs as in training and its last one is a softmax, so that its `predict` gives the
        probabilities of `Run.predict`; `export("keras")` writes the same model. To train it further, `compile` it with
        a loss of probabilities, such as "sparse_categorical_crossentropy"; the run itself stays as it is.
        """
        if self._model is None:
            self._model = _public("to_keras")(self, self._own.get("model"))
        return self._model

    def predict(self, inputs: Any, **how: str) -> "Predictions":
        """Predict the class probabilities of rows in memory or in files; see `descenso.predict`.

        Args:
            inputs: (rows, *input_shape) as the training data is stored, before scaling; a frame with the columns of the
                training data; or one path or several.
            **how: `encoding`, `decimal` and `header` of CSV files; by default those of the training data.
        """
        predicted: Predictions = _public("predict")(self, inputs, self._own.get("model"), **how)
        return predicted

    def evaluate(self, data: Any = None, labels: Any = None, *, label: str = "", **how: str) -> "Evaluation":
        """Evaluate the model on the test rows of its data, or on other rows; see `descenso.evaluate`.

        Args:
            data: a dataset, a name or a path; or inputs beside their labels, a pair of both, or a frame.
            labels: (rows,) of inputs.
            label: the column of labels of a frame or a file; by default that of the training data.
            **how: as of `predict`.
        """
        data = self._data if data is None else data
        model = self._own.get("model")
        evaluation: Evaluation = _public("evaluate")(self, data, labels, model=model, label=label, **how)[0]
        return evaluation

    def export(self, to: str = "", out: "RunPath | None" = None) -> Path:
        """Export the model to a file or folder, and return its path; see `descenso.export`.

        Args:
            to: "keras", "savedmodel", "onnx", "litert", "npz" or "numpy-script".
            out: the file or folder; by default of the run's name, in the working directory.
        """
        path: Path = _public("export")(self, to, out, self._own.get("model"))
        return path

    def resume(self, **changes: "Unpack[Resumed]") -> "Run":
        """Train on from the newest checkpoint, to `epochs` in all, and return the run; see `descenso.resume`."""
        given: dict[str, Any] = {"data": self._data, **self._own, **changes}
        resumed: Run = _public("resume")(self, **given)
        return resumed

    def replay(self, out: "RunPath | None" = None) -> Replay:
        """Train it again, the learning rate changed at the same steps, and compare the two; see `descenso.replay`."""
        replayed: Replay = _public("replay")(self, out, data=self._data, **self._own)
        return replayed

    def plot(self) -> "Figure":
        """Draw the cost of each epoch as a matplotlib figure, which a notebook shows."""
        from descenso.reports.figures import curves, loss_figure

        return loss_figure(curves(self.path.name, self.history))

    def watch(self, seconds: float = 1.0) -> None:
        """Show the curve of the costs in a notebook, and draw it again as the run is written, until it has ended.

        Nothing is served: it also works in Colab and VS Code. Interrupting the cell ends the watching, not the run.

        Args:
            seconds: between two readings of the history, in (0, inf).

        Raises:
            ConfigError: outside of a notebook.
        """
        from descenso.reports.live import watch

        watch(self.path, seconds)

    def summary(self) -> dict[str, Any]:
        """Return the object that `descenso train --json` prints; a cost that is not finite is None."""
        settings = ("model", "rule", "engine", "dtype", "seed", "epochs")
        results = ("validation_accuracy", "best_epoch", "diverged_at", "compile_seconds", "train_seconds",
                   "waiting_share", "exact", "fingerprint")  # fmt: skip
        return {
            "run": str(self.path),
            "outcome": self.outcome,
            "steered": bool(self.history.changes),
            **{name: getattr(self.config, name) for name in settings},
            "costs": [cost if math.isfinite(cost) else None for cost in self.history.costs],
            "validation_costs": self.history.validation_costs,
            "test_accuracy": self.test_accuracy,
            **{name: self.status.get(name) for name in results},
        }

    if not TYPE_CHECKING:  # type checkers refuse a name that there is not

        def __getattr__(self, name: str) -> Any:
            from descenso.guesses import no_attribute

            raise AttributeError(no_attribute("Run", name), name=name, obj=self)

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        epochs = f"{len(self.history.epochs)}/{self.config.epochs} epochs"
        accuracy = "" if self.test_accuracy is None else f", test accuracy {self.test_accuracy:.4f}"
        return f"<Run {printable(str(self.path))}: {self.outcome}, {epochs}{accuracy}>"

    def _repr_html_(self) -> str:
        from descenso.reports.figures import png

        last = self.history.costs[-1] if self.history.costs else math.nan
        rows = {
            _("run"): self.path,
            _("outcome"): _(self.outcome),
            _("engine"): f"{self.config.engine}, {self.config.dtype}",
            _("epochs"): f"{len(self.history.epochs)} / {self.config.epochs}",
            _("last cost"): f"{last:.6f}",
            _("test accuracy"): "–" if self.test_accuracy is None else f"{self.test_accuracy:.4f}",
        }
        table = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(str(v))}</td></tr>" for k, v in rows.items())
        picture = base64.b64encode(png(self.plot())).decode()
        return f'<table>{table}</table><img alt="{_("Training Loss")}" src="data:image/png;base64,{picture}">'


def _public(name: str) -> Any:
    """Return a public function of the package, which a method calls with the run; its module is above this one."""
    return getattr(import_module("descenso"), name)


def open_run(path: "RunPath") -> Run:
    """Open the run in the directory `path`; a Run is read again.

    Raises:
        DataError: if there is none, or its files are damaged.
    """
    return Run(open_directory(Path(path)))
