"""The mathematics of gradient descent: model, loss, rule, schedule, and one step, as pure functions."""

import gc
import sys
from contextlib import suppress
from importlib import import_module

_KERAS = "keras.src.optimizers"  # what TensorFlow imports of Keras at its end, if it is there


def import_tensorflow() -> None:
    """Import TensorFlow without Keras, which is half of the time and is not needed for softmax regression.

    TensorFlow does without Keras where it cannot be imported, and `tf.keras` imports it at its first use. So Keras is
    marked as not importable (None in `sys.modules`, as Python documents) for as long as TensorFlow's import lasts.
    Python's garbage collector rests meanwhile: it would search the new modules, which stay, again and again.
    """
    if "tensorflow" in sys.modules or "keras" in sys.modules:
        return
    sys.modules[_KERAS] = None  # type: ignore[assignment]
    collects = gc.isenabled()
    gc.disable()
    try:
        with suppress(ImportError):  # of a version that needs Keras at once
            import_module("tensorflow")
    finally:
        del sys.modules[_KERAS]
        if collects:
            gc.enable()
    import_module("tensorflow")
