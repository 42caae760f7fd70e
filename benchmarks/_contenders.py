"""The table of contenders. It imports nothing heavy; the process of a contender imports what it needs."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from _work import Walk

__all__ = ["COMPILED", "CONTENDERS", "GEMM", "OWN_ORDER", "REFERENCE", "Contender"]

OWN_ORDER = "own order"
OTHER_ALGORITHM = "another algorithm"
OTHER_PRECISION = "another precision"


class Contender(NamedTuple):
    """One row of the table.

    Attributes:
        label: as the table shows it.
        home: "module:function" of its `Walk`, or of a function that makes it from `arguments`.
        precision: "float32", "float32 sum" (its running sum of costs is float32, too), "float32 layers" or "float64";
            determines how closely its costs must agree.
        package: that must be installed.
        exempt: reason why its costs differ from the others', or empty.
        model: that it trains.
        as_it_comes: whether TensorFlow starts with its own defaults, not with descenso's.
    """

    label: str
    home: str
    arguments: tuple[str, ...] = ()
    precision: str = "float32"
    package: str = "descenso"
    exempt: str = ""
    model: str = "softmax"
    as_it_comes: bool = False

    @property
    def installed(self) -> bool:
        return find_spec(self.package) is not None

    def walk(self) -> "Walk":
        """Import its home and dependencies; call it in the process of the contender."""
        module, name = self.home.split(":")
        found = getattr(import_module(module), name)
        return found(*self.arguments) if self.arguments else found


def _engines() -> Iterator[tuple[str, Contender]]:
    for name, dtype in (
        ("compiled", "float32"), ("function", "float32"), ("graph", "float32"), ("eager", "float32"),
        ("eager", "float64"),
    ):  # fmt: skip
        suffix = "" if dtype == "float32" else "-float64"
        yield name + suffix, Contender(f"descenso {name}, {dtype}", "_tensorflow:engine", (name, dtype), dtype)


def _with_layers() -> Iterator[tuple[str, Contender]]:
    precision = "float32 layers"
    for model in ("mlp", "cnn"):
        for engine in ("compiled", "function"):
            home = "_layers:descenso_layers", (model, engine), precision
            yield f"{engine}-{model}", Contender(f"descenso {engine}, {model}", *home, model=model)
        mixed = "_layers:descenso_layers", (model, "compiled", "mixed_bfloat16"), precision
        label = f"descenso compiled, {model}, mixed_bfloat16"
        yield f"mixed-{model}", Contender(label, *mixed, exempt=OTHER_PRECISION, model=model)
        keras, torch = (f"_layers:{name}_layers" for name in ("keras", "torch"))
        label = f"Keras `Model.fit`, {model}"
        yield f"keras-{model}", Contender(label, keras, (model,), precision, model=model, as_it_comes=True)
        yield f"keras-onednn-{model}", Contender(f"{label}, oneDNN on", keras, (model,), precision, model=model)
        label = "PyTorch, eager autograd"
        yield f"torch-{model}", Contender(f"{label}, {model}", torch, (model,), precision, "torch", model=model)


COMPILED = "descenso compiled"  # prefix of its labels
CONTENDERS = {
    **dict(_engines()),
    "article": Contender(
        "the article's second program: eager, float64, `tf.data`", "_tensorflow:article", (), "float64",
        exempt=OWN_ORDER, as_it_comes=True,
    ),
    "keras": Contender("Keras `Model.fit`", "_tensorflow:keras_fit", precision="float32 sum", as_it_comes=True),
    "numpy": Contender("NumPy, written out", "_others:numpy_by_hand", ("float32",)),
    "jax": Contender("JAX, `lax.scan` under `jit`", "_others:jax_scan", package="jax"),
    "torch": Contender("PyTorch, eager autograd", "_others:torch_autograd", package="torch"),
    "sklearn-mlp": Contender(
        "scikit-learn `MLPClassifier`, no hidden layer", "_others:sklearn_mlp", package="sklearn"
    ),
    "sklearn-sgd": Contender(
        "scikit-learn `SGDClassifier`", "_others:sklearn_sgd", package="sklearn", exempt=OTHER_ALGORITHM
    ),
    **dict(_with_layers()),
}  # fmt: skip
REFERENCE = Contender("reference", "_others:numpy_by_hand", ("float64",), "float64")
GEMM = Contender("float32 matrix product", "_gemm:products")
