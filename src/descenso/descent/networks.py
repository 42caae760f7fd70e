"""The networks that descenso brings, made of Keras layers: a multi-layer perceptron and a convolutional network."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import keras

from descenso.config import TrainConfig
from descenso.descent.keras_models import from_keras
from descenso.descent.layers import Augment, BatchNormalization, Dropout
from descenso.descent.problem import Model
from descenso.errors import ConfigError
from descenso.text import _

SIZE = 5  # rows and columns of a convolution's kernel
UNPADDED = 12  # rows and columns of a map from which on it is not padded


def mlp(config: TrainConfig, input_shape: tuple[int, ...], num_classes: int) -> Model:
    """Make dense layers of `config.hidden` units with an activation and dropout after each, then one of logits.

    Weights start as Glorot and Bengio (2010), section 4.2, or for relu as He et al. (2015), section 2.2; biases at 0.

    Source: Rumelhart, Hinton and Williams, Learning representations by back-propagating errors (1986).
    """
    return _mlp(config.hidden, config.activation, config.dropout, config.dtype, input_shape, num_classes)


@lru_cache
def _mlp(
    hidden: str, activation: str, dropout: float, dtype: str, input_shape: tuple[int, ...], num_classes: int
) -> Model:
    def make() -> Any:
        layers = [keras.layers.Input(input_shape), keras.layers.Flatten(), *_dense(hidden, activation, dropout)]
        return keras.Sequential([*layers, keras.layers.Dense(num_classes)])

    return _shared("mlp", from_keras(make, dtype))


def cnn(config: TrainConfig, input_shape: tuple[int, ...], num_classes: int) -> Model:
    """Make a block for each of `config.filters` (5×5 convolution, 2×2 maximum, batch normalisation, activation), then
    dense layers of `config.hidden` units, then one of logits; before all that `config.augment` moves the images.

    With `config.padding` "auto", maps of at least 12×12 are not padded, and lose 4 rows and columns in a convolution:
    the second one of 28×28 pixels then has a third of the products. Normalising after the maximum costs a quarter of
    doing it before.

    Sources: LeCun et al., Gradient-Based Learning Applied to Document Recognition (1998), section 2; Ioffe and Szegedy,
    Batch Normalization (2015), section 3.
    """
    if len(input_shape) not in (2, 3):
        raise ConfigError(
            _("model: cnn reads images, of height and width, got inputs of shape {shape}; try --model mlp").format(
                shape="×".join(map(str, input_shape))
            )
        )
    dense = config.hidden, config.activation, config.dropout
    return _cnn(config.filters, config.padding, config.augment, dense, config.dtype, input_shape, num_classes)


@lru_cache
def _cnn(
    filters: str,
    padding: str,
    augment: float,
    dense: tuple[str, str, float],
    dtype: str,
    input_shape: tuple[int, ...],
    num_classes: int,
) -> Model:
    last = {"data_format": "channels_last"}  # whatever Keras is set to

    def make() -> Any:
        layers: list[Any] = [keras.layers.Input(input_shape)]
        if len(input_shape) == 2:
            layers.append(keras.layers.Reshape((*input_shape, 1)))
        layers += [Augment(augment)] if augment else []
        least = min(input_shape[:2])  # rows or columns of the map
        for count in _numbers(filters):
            bare = padding == "auto" and least >= UNPADDED
            least = -(-(least - (SIZE - 1) * bare) // 2)
            shape = {"padding": "valid" if bare else "same", "use_bias": False, **last}
            layers += [
                keras.layers.Conv2D(count, SIZE, kernel_initializer="he_normal", **shape),
                keras.layers.MaxPooling2D(padding="same", **last),
                BatchNormalization(momentum=0.9),
                keras.layers.Activation(dense[1]),
            ]
        layers += [keras.layers.Flatten(), *_dense(*dense)]
        return keras.Sequential([*layers, keras.layers.Dense(num_classes)])

    return _shared("cnn", from_keras(make, dtype))


def _dense(hidden: str, activation: str, dropout: float) -> list[Any]:
    initializer = "he_normal" if activation == "relu" else "glorot_uniform"
    layers: list[Any] = []
    for units in _numbers(hidden):
        layers.append(keras.layers.Dense(units, activation=activation, kernel_initializer=initializer))
        layers += [Dropout(dropout)] if dropout else []
    return layers


def _numbers(written: str) -> list[int]:
    return [int(number) for number in written.split(",") if number]


def _shared(name: str, model: Model) -> Model:
    """Name a model that equal settings share; the last start is kept, since cross-validation uses one seed."""
    return model._replace(name=name, init=lru_cache(maxsize=1)(model.init), shared=True)


NETWORKS: dict[str, Callable[[TrainConfig, tuple[int, ...], int], Model]] = {"mlp": mlp, "cnn": cnn}
