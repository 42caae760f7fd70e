"""The laboratory of gradient descent: one descent, run every way TensorFlow can run it.

>>> import descenso as ds
>>> data = ds.load("mnist")
>>> run = ds.train(data, epochs=2, batch_size=1000, out=getfixture("tmp_path") / "run")
>>> run.outcome
'completed'

The public names are imported when first used: importing this package does not import TensorFlow.
"""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from descenso._version import __version__

if TYPE_CHECKING:
    from descenso import doctor as doctor
    from descenso.api import Run as Run
    from descenso.api import load as load
    from descenso.api import open_run as open_run
    from descenso.api import resume as resume
    from descenso.api import train as train
    from descenso.comparing import compare as compare
    from descenso.config import TrainConfig as TrainConfig
    from descenso.data.dataset import Dataset as Dataset
    from descenso.data.dataset import Split as Split
    from descenso.data.memory import from_arrays as from_arrays
    from descenso.data.memory import from_frame as from_frame
    from descenso.descent.keras_models import from_keras as from_keras
    from descenso.estimator import Classifier as Classifier
    from descenso.exporting import export as export
    from descenso.studies.gradcheck import gradcheck as gradcheck
    from descenso.using import evaluate as evaluate
    from descenso.using import predict as predict

_HOME = {
    "Classifier": "descenso.estimator",
    "Dataset": "descenso.data.dataset",
    "Run": "descenso.api",
    "Split": "descenso.data.dataset",
    "TrainConfig": "descenso.config",
    "compare": "descenso.comparing",
    "doctor": "descenso.doctor",
    "evaluate": "descenso.using",
    "export": "descenso.exporting",
    "from_arrays": "descenso.data.memory",
    "from_frame": "descenso.data.memory",
    "from_keras": "descenso.descent.keras_models",
    "gradcheck": "descenso.studies.gradcheck",
    "load": "descenso.api",
    "open_run": "descenso.api",
    "predict": "descenso.using",
    "resume": "descenso.api",
    "train": "descenso.api",
}
__all__ = [*_HOME, "__version__"]

if "tensorflow" not in sys.modules:  # which reads it once, and leaves oneDNN off on processors without AVX-512
    os.environ.setdefault(
        "TF_ENABLE_ONEDNN_OPTS", "1"
    )  # convolutions take less than half the time (docs/performance.md)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOME[name])
    return home if _HOME[name] == f"{__name__}.{name}" else getattr(home, name)


def __dir__() -> list[str]:
    return __all__
