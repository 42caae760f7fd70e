"""Build a Keras model for inference from a trained model, with layers of Keras only."""

from typing import Any

import keras
import numpy as np

from descenso.descent.keras_models import computing_in, variable_names
from descenso.descent.layers import Augment, Dropout
from descenso.descent.problem import Model
from descenso.errors import ConfigError
from descenso.runs.trained import Trained
from descenso.text import _


def from_scaled(model: Model, trained: Trained, dtype: str) -> Any:
    """Build the keras.Model from scaled inputs to logits in `dtype`, with the weights of `trained`.

    Dropout and augmentation of descenso are left out, so that descenso is not needed to load the model.

    Raises:
        ConfigError: if Keras cannot copy the model, or it is no Keras model.
    """
    values = {**trained.params, **trained.model_state}
    with computing_in(dtype):
        if model.layers is None and model.name == "softmax":
            shape, flatten = keras.layers.Input(model.input_shape), keras.layers.Flatten()
            plain = keras.Sequential([shape, flatten, keras.layers.Dense(model.num_classes)])
            values = {"dense/kernel": trained.params["W"], "dense/bias": trained.params["b"]}
        else:
            plain = _copy(model, dtype)
    for name, variable in named_variables(plain).items():
        variable.assign(values[name])
    return plain


def named_variables(plain: Any) -> dict[str, Any]:
    """Return the variables of a Keras model, by the names that they have in a run."""
    trainable, others = variable_names(plain)
    return dict(zip([*trainable, *others], [*plain.trainable_variables, *plain.non_trainable_variables], strict=True))


def _copy(model: Model, dtype: str) -> Any:
    def made_again(layer: Any) -> Any:
        if isinstance(layer, Dropout | Augment):
            return keras.layers.Identity(name=layer.name)
        precision = {"dtype": dtype} if isinstance(layer, keras.layers.Layer) else {}  # operations have no dtype
        return type(layer).from_config({**layer.get_config(), **precision})

    try:
        return keras.models.clone_model(model.layers, clone_function=made_again, recursive=True)
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        raise ConfigError(
            _("model: {name} cannot be copied by Keras ({reason}); try --to npz").format(
                name=model.name, reason=str(error).partition("\n")[0]
            )
        ) from error


def from_stored(plain: Any, trained: Trained, dtype: str, stored: str) -> Any:
    """Build the keras.Model from rows of type `stored`, before scaling, to probabilities in `dtype`, around `plain`.

    Inputs are shifted in their own precision and then scaled in that of the model, as in training.
    """
    shift, scale = np.atleast_1d(*trained.scaling)  # Keras rounds scalars to float32
    inputs = keras.Input(trained.input_shape, dtype=stored, name="inputs")
    with computing_in(dtype):
        x = keras.layers.Rescaling(1.0, -shift, dtype=stored)(inputs) if shift.any() else inputs
        x = keras.layers.Rescaling(scale)(x)
        for layer in plain.layers if isinstance(plain, keras.Sequential) else [plain]:
            x = layer(x)
        return keras.Model(inputs, keras.layers.Softmax(name="probabilities")(x))
