"""Choose the model that suits the data, where none is given."""

from collections.abc import Mapping
from typing import Any

from descenso.data.dataset import Dataset
from descenso.data.named import NAMED
from descenso.text import _

LEAST_PIXELS = 8  # on a side, from which on a picture has room for convolutions
WIDEST = "cnn"  # the model that reads all settings that any other reads


def before_data(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings to be checked before their data is read, by which the model may still be chosen.

    Where it may, the model is the one that reads the settings of all others, so that none is refused too early.

    >>> before_data({"data": "photos", "filters": "16"})["model"], before_data({"data": "mnist"})
    ('cnn', {'data': 'mnist'})
    """
    given = {name: value for name, value in settings.items() if name != "model" or value is not None}
    is_chosen = "model" in given or given.get("data", "mnist") in NAMED
    return given if is_chosen else {"model": WIDEST, **given}


def with_model(settings: Mapping[str, Any], data: Dataset) -> tuple[dict[str, Any], Dataset]:
    """Return settings with the model that suits the data where none is given, and data with a note that says so.

    A named dataset, such as MNIST, is trained on by softmax regression, as in the tutorial. Of other data, pictures of
    at least 8×8 pixels get cnn, and all else mlp.
    """
    given = {name: value for name, value in settings.items() if name != "model" or value is not None}
    if "model" in given or data.name in NAMED:
        return given, data
    shape = data.input_shape
    if len(shape) in (2, 3) and min(shape[:2]) >= LEAST_PIXELS:
        model, reason = "cnn", _("which suits pictures")
    elif len(shape) == 1:
        model, reason = "mlp", _("which suits rows of numbers")
    else:
        model = "mlp"
        reason = _("since inputs of {shape} are no pictures, or too small for cnn").format(
            shape="×".join(map(str, shape))
        )
    note = _("No model is named, so {model} is trained, {reason}; another: --model softmax")
    note = note.format(model=model, reason=reason)
    return {**given, "model": model}, data._replace(notes=(*data.notes, note))
