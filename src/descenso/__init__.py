"""The laboratory of gradient descent: one descent, run every way TensorFlow can run it.

>>> import descenso as ds
>>> data = ds.load("mnist")
>>> run = ds.train(data, epochs=2, batch_size=1000)
>>> run.outcome
'completed'

The public names are imported when first used: importing this package does not import TensorFlow.
"""

import contextlib
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from descenso._version import __version__

if TYPE_CHECKING:
    from descenso import doctor as doctor
    from descenso.api.compare import compare as compare
    from descenso.api.estimator import Classifier as Classifier
    from descenso.api.evaluation import evaluate as evaluate
    from descenso.api.film import film as film
    from descenso.api.find_rate import find_rate as find_rate
    from descenso.api.inference import predict as predict
    from descenso.api.landscape import landscape as landscape
    from descenso.api.replay import replay as replay
    from descenso.api.resume import resume as resume
    from descenso.api.run import Run as Run
    from descenso.api.run import open_run as open_run
    from descenso.api.search import SweepCV as SweepCV
    from descenso.api.sweep import open_sweep as open_sweep
    from descenso.api.sweep import resume_sweep as resume_sweep
    from descenso.api.sweep import sweep as sweep
    from descenso.api.train import train as train
    from descenso.config import TrainConfig as TrainConfig
    from descenso.data.catalog import load as load
    from descenso.data.dataset import Dataset as Dataset
    from descenso.data.dataset import Split as Split
    from descenso.data.memory import from_arrays as from_arrays
    from descenso.data.memory import from_frame as from_frame
    from descenso.data.sources import Limits as Limits
    from descenso.data.sources import Sources as Sources
    from descenso.descent.keras_models import from_keras as from_keras
    from descenso.descent.problem import Rule as Rule
    from descenso.exporting import export as export
    from descenso.exporting import to_keras as to_keras
    from descenso.lab.notebook import lab as lab
    from descenso.studies.gradcheck import gradcheck as gradcheck
    from descenso.training.control import Callback as Callback
    from descenso.training.control import Control as Control

_HOME = {
    "Callback": "descenso.training.control",
    "Classifier": "descenso.api.estimator",
    "Control": "descenso.training.control",
    "Dataset": "descenso.data.dataset",
    "Limits": "descenso.data.sources",
    "Rule": "descenso.descent.problem",
    "Run": "descenso.api.run",
    "Sources": "descenso.data.sources",
    "Split": "descenso.data.dataset",
    "SweepCV": "descenso.api.search",
    "TrainConfig": "descenso.config",
    "compare": "descenso.api.compare",
    "doctor": "descenso.doctor",
    "evaluate": "descenso.api.evaluation",
    "export": "descenso.exporting",
    "film": "descenso.api.film",
    "find_rate": "descenso.api.find_rate",
    "from_arrays": "descenso.data.memory",
    "from_frame": "descenso.data.memory",
    "from_keras": "descenso.descent.keras_models",
    "gradcheck": "descenso.studies.gradcheck",
    "lab": "descenso.lab",
    "landscape": "descenso.api.landscape",
    "load": "descenso.data.catalog",
    "open_run": "descenso.api.run",
    "open_sweep": "descenso.api.sweep",
    "predict": "descenso.api.inference",
    "replay": "descenso.api.replay",
    "resume": "descenso.api.resume",
    "resume_sweep": "descenso.api.sweep",
    "to_keras": "descenso.exporting",
    "sweep": "descenso.api.sweep",
    "train": "descenso.api.train",
}
__all__ = [*_HOME, "__version__"]

_STARTING = ("Classifier", "SweepCV", "from_keras", "gradcheck")  # their modules import TensorFlow

if "tensorflow" not in sys.modules:  # which reads these once, and leaves oneDNN off on processors without AVX-512
    os.environ.setdefault(
        "TF_ENABLE_ONEDNN_OPTS", "1"
    )  # convolutions take less than half the time (docs/performance.md)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no messages but of fatal errors


class _StartQuietly:
    """Module finder that suppresses what TensorFlow's import prints before that variable takes effect.

    It finds only TensorFlow, through the other finders, whichever module imports it: `import descenso, keras` would
    print five lines. The import removes it.
    """

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(cls)  # so that the other finders are asked
        try:
            spec = find_spec(name)
        finally:
            sys.meta_path.insert(0, cls)
        loader: Any = spec and spec.loader
        if loader:
            execute = loader.exec_module

            def exec_module(module: Any) -> None:
                if cls in sys.meta_path:
                    sys.meta_path.remove(cls)
                with import_module("descenso.training.display").quiet():
                    execute(module)

            loader.exec_module = exec_module
        return spec


if "tensorflow" not in sys.modules and os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3":
    sys.meta_path.insert(0, _StartQuietly)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        if not name.startswith("_") and not find_spec(f"{__name__}.{name}"):  # a module is asked for before it is there
            message = import_module("descenso.guesses").no_attribute(__name__, name)
        raise AttributeError(message, name=name, obj=sys.modules[__name__])  # for which Python suggests a near one
    with contextlib.nullcontext() if name not in _STARTING else _starting():
        home = import_module(_HOME[name])
    return home if _HOME[name] == f"{__name__}.{name}" else getattr(home, name)


def _starting() -> contextlib.AbstractContextManager[None]:
    from descenso.training.display import starting

    return starting()


def __dir__() -> list[str]:
    return __all__
