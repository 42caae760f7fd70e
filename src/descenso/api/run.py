"""Read a run: settings, history, outcome, weights and pictures."""

import base64
import html
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from descenso.runs.directory import RunDirectory, open_directory
from descenso.runs.history import History
from descenso.runs.trained import parameters
from descenso.text import _, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Run:
    """A training run, as its directory holds it.

    Attributes:
        path: directory of the run.
        config: settings of the run.
        history: epochs of the run; `history.costs` are their costs in nats.
        outcome: "completed", "stopped early", "diverged" or "interrupted"; "running" or "killed" if it has not ended.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
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

    def plot(self) -> "Figure":
        """Draw the cost of each epoch as a matplotlib figure."""
        from descenso.reports.figures import curves, loss_figure

        return loss_figure(curves(self.path.name, self.history))

    def summary(self) -> dict[str, Any]:
        """Return the object that `descenso train --json` prints; a cost that is not finite is None."""
        settings = ("model", "rule", "engine", "dtype", "seed", "epochs")
        results = ("validation_accuracy", "best_epoch", "diverged_at", "compile_seconds", "train_seconds", "exact",
                   "fingerprint")  # fmt: skip
        return {
            "run": str(self.path),
            "outcome": self.outcome,
            **{name: getattr(self.config, name) for name in settings},
            "costs": [cost if math.isfinite(cost) else None for cost in self.history.costs],
            "validation_costs": self.history.validation_costs,
            "test_accuracy": self.test_accuracy,
            **{name: self.status.get(name) for name in results},
        }

    def __repr__(self) -> str:
        epochs = f"{len(self.history.epochs)}/{self.config.epochs} epochs"
        return f"<Run {printable(str(self.path))}: {self.outcome}, {epochs}, test accuracy {self.test_accuracy}>"

    def _repr_html_(self) -> str:
        from descenso.reports.figures import png

        last = self.history.costs[-1] if self.history.costs else math.nan
        rows = {
            _("run"): self.path,
            _("outcome"): _(self.outcome),
            _("engine"): f"{self.config.engine}, {self.config.dtype}",
            _("epochs"): f"{len(self.history.epochs)} / {self.config.epochs}",
            _("last cost"): f"{last:.6f}",
            _("test accuracy"): self.test_accuracy,
        }
        table = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(str(v))}</td></tr>" for k, v in rows.items())
        picture = base64.b64encode(png(self.plot())).decode()
        return f'<table>{table}</table><img alt="{_("Training Loss")}" src="data:image/png;base64,{picture}">'


def open_run(path: str | Path) -> Run:
    """Open the run in the directory `path`.

    Raises:
        DataError: if there is none, or its files are damaged.
    """
    return Run(open_directory(Path(path)))
