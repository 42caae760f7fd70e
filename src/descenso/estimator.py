"""A descent as a scikit-learn estimator: for pipelines, grid searches and cross-validation (extra `sklearn`)."""

from collections.abc import Mapping
from inspect import signature
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from descenso.api import model_of
from descenso.config import TrainConfig
from descenso.data.arrays import numbers
from descenso.data.dataset import Dataset, Split
from descenso.data.order import epoch_order
from descenso.data.scaling import scaling
from descenso.data.split import stratified
from descenso.descent import models
from descenso.descent.problem import Arrays, Problem, TrainState, start, weights
from descenso.engines import bind
from descenso.errors import ConfigError, DataError
from descenso.runs.history import Epoch
from descenso.text import _
from descenso.training.evaluation import Predictor
from descenso.training.loop import Descent, Progress, descend_all, problem_of
from descenso.training.observer import Observer
from descenso.training.outcome import Outcome

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.class_weight import compute_sample_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data
except ImportError:
    raise ConfigError(
        _("descenso.Classifier is an estimator of scikit-learn, which is not installed; try {command}").format(
            command="pip install 'descenso[sklearn]'"
        )
    ) from None

__all__ = ["Classifier"]


class _Unkept:
    """A journal that keeps nothing: an estimator writes no files."""

    def epoch(self, record: Epoch) -> None: ...

    def commit(self, progress: Progress) -> None: ...


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn publishes no types
    """A classifier by gradient descent, with the settings of `descenso train`.

    Args:
        model: "softmax", "mlp", "cnn", or a function that makes a keras.Model.
        class_weight: the weight of each class by its label, "balanced", or None for 1 each.
        preset, hidden, filters, activation, dropout, augment, rule, learning_rate, schedule, loss, weight_decay,
            clip_value, clip_norm, average, epochs, batch_size, order, validation_size, patience, engine, xla, dtype,
            seed: as those of `TrainConfig`; None for what the model brings, or TrainConfig's default. A batch_size
            beyond the rows means all of them. Rows for validation are drawn by the seed, from each class its share.

    Attributes:
        classes_: (num_classes,), the labels, sorted.
        n_features_in_: size of the inputs' second axis; feature_names_in_ where a frame named its columns.
        loss_curve_: the cost of each epoch, or of each call of `partial_fit`, in nats.
        n_iter_: how many there were.
        params_: the parameters by name, as a textbook writes them.
        model_state_: what the model carries besides.

    Inputs are (rows, features), or images (rows, height, width[, channels]); they are scaled as `descenso train`
    scales them, so no scaler is needed before. Nothing is written to disk.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> Classifier(epochs=20, learning_rate=0.5, batch_size=10, engine="eager").fit(X, y).score(X, y) > 0.95
    True
    """

    def __init__(
        self,
        model: Any = "softmax",
        *,
        class_weight: Mapping[Any, float] | str | None = None,
        preset: str | None = None,
        hidden: str | None = None,
        filters: str | None = None,
        activation: str | None = None,
        dropout: float | None = None,
        augment: float | None = None,
        rule: str | None = None,
        learning_rate: float | None = None,
        schedule: str | None = None,
        loss: str | None = None,
        weight_decay: float | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        average: float | None = None,
        epochs: int | None = None,
        batch_size: int | str | None = None,
        order: str | None = None,
        validation_size: float | None = None,
        patience: int | None = None,
        engine: str | None = None,
        xla: str | None = None,
        dtype: str | None = None,
        seed: int | None = None,
    ) -> None:
        given = dict(locals())
        for name in signature(type(self)).parameters:
            setattr(self, name, given[name])

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> "Classifier":
        """Descend from the start.

        Args:
            X: (rows, features) or (rows, height, width[, channels]), finite numbers; an array or a frame.
            y: (rows,), the label of each row, of any kind that can be sorted; two classes at least.
            sample_weight: (rows,), how much each row counts beside the others; only their ratios matter.

        Raises:
            ConfigError: for a setting out of range, and for a descent that diverges.
            ValueError: for rows that cannot be learned from.
        """
        inputs, labels = self._rows(X, y, first=True)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self._scaling = scaling(inputs, "X")
        config, own = self._config()
        data, validation = self._dataset(inputs, codes, self._weights(sample_weight, inputs, labels), config)
        config = _fitting(config, data.train)
        descent = descend_all(config, data, Observer(), _Unkept(), None, validation, own)
        _refuse(descent, config)
        self.loss_curve_ = [epoch.cost for epoch in descent.epochs]
        self._left_at: TrainState | None = None
        best = descent.best or descent
        return self._learned(best.params, best.model_state)

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> "Classifier":
        """Go on by one epoch over these rows, at a constant rate, on the eager engine, which need not compile.

        Args:
            X, y, sample_weight: as of `fit`. Inputs are scaled as the first rows seen suggest.
            classes: (num_classes,), all labels that will ever come; needed in the first call.
        """
        first = not hasattr(self, "classes_")
        inputs, labels = self._rows(X, y, first)
        if first:
            if classes is None:
                raise ConfigError(_("classes must be given in the first call of partial_fit"))
            self.classes_ = np.unique(classes)
            self._scaling, self._left_at, self.loss_curve_ = scaling(inputs, "X"), None, []
        unseen = np.setdiff1d(labels if classes is None else np.union1d(classes, labels), self.classes_)
        if len(unseen):
            raise DataError(
                _("y: labels {unseen} are not among the classes, {classes}").format(
                    unseen=", ".join(map(str, unseen)), classes=", ".join(map(str, self.classes_))
                )
            )
        config, own = self._config(schedule="constant", validation_size=0)
        codes = np.searchsorted(self.classes_, labels)
        data, _none = self._dataset(inputs, codes, self._weights(sample_weight, inputs, labels), config)
        batch_rows = _fitting(config, data.train).batch_rows(len(labels))
        problem = problem_of(config, data, own)
        order = epoch_order(config.order, len(labels), batch_rows, config.seed, self.n_iter_)
        runner = bind("eager", problem, data.train, batch_rows)
        state, trace = next(runner.epochs(self._state(problem, config.seed), [order]))
        if not trace.finite:
            raise _diverged(config)
        self.loss_curve_.append(float(np.average(trace.costs, weights=order.weights)))
        self._left_at = tf.nest.map_structure(np.asarray, state)
        return self._learned(weights(problem, state), self._left_at.model_state)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating]:
        """(rows, num_classes), each in [0, 1]: the probability of each of `classes_`."""
        check_is_fitted(self)
        inputs = self._numbers(validate_data(self, X, reset=False, allow_nd=True))
        return self._predictor().probabilities(inputs)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """(rows,), of `classes_` the likeliest for each row."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[likeliest]
        return labels

    @property
    def n_iter_(self) -> int:
        """How many epochs there were."""
        return len(self.loss_curve_)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {**state, "_made": []} if "_made" in state else state

    def _rows(self, X: ArrayLike, y: ArrayLike, first: bool) -> tuple[NDArray[Any], NDArray[Any]]:
        inputs, labels = validate_data(self, X, y, reset=first, allow_nd=True)
        check_classification_targets(labels)
        if first:
            self._input_shape = inputs.shape[1:]
        return self._numbers(inputs), column_or_1d(labels)

    def _numbers(self, X: NDArray[Any]) -> NDArray[Any]:
        if X.shape[1:] != self._input_shape:
            raise DataError(
                _("X: rows of shape {got}, expected {expected} as in the first ones").format(
                    got=X.shape[1:], expected=self._input_shape
                )
            )
        return numbers(X)

    def _config(self, **changes: Any) -> tuple[TrainConfig, Any]:
        settings = {name: value for name, value in self.get_params().items() if value is not None}
        settings.pop("class_weight", None)
        name, own = model_of(settings.pop("model"), str(settings.get("dtype", "float32")))
        return TrainConfig.of(**{**settings, "data": "arrays", "model": name, **changes}), own

    def _dataset(
        self, inputs: NDArray[Any], codes: NDArray[np.intp], each: NDArray[np.float64] | None, config: TrainConfig
    ) -> tuple[Dataset, Split]:
        """What to learn from, where `each` row weighs so much, and the rows kept back for validation."""
        if len(self.classes_) < 2:
            raise DataError(_("y: one class only; give rows of at least two"))
        labels, names = codes.astype(np.int32), tuple(map(str, self.classes_))
        rows, held, none = np.arange(len(labels)), np.arange(0), inputs[:0]
        if config.validation_size:
            rows, held = stratified(labels, config.validation_rows(len(labels)) / len(labels), config.seed)
        wanted = labels if each is None else _weighted(labels, each, len(names), config.variable_dtype)
        train = Split(inputs[rows], wanted[rows])
        data = Dataset("arrays", train, Split(none, labels[:0]), names, self._scaling.scale, self._scaling.shift)
        return data, Split(inputs[held], labels[held])

    def _weights(
        self, sample_weight: ArrayLike | None, inputs: NDArray[Any], labels: NDArray[Any]
    ) -> NDArray[np.float64] | None:
        """(rows,), their mean 1; or None for 1 each."""
        if sample_weight is None and self.class_weight is None:
            return None
        each = _check_sample_weight(sample_weight, inputs, dtype=np.float64, ensure_non_negative=True)
        if self.class_weight is not None:
            each = each * compute_sample_weight(self.class_weight, labels)
        if not each.any():
            raise DataError(_("weights: all are zero; there is nothing to learn from"))
        return np.asarray(each / each.mean())

    def _state(self, problem: Problem, seed: int) -> TrainState:
        """Where the descent stands, which `partial_fit` goes on from."""
        if self._left_at:
            return TrainState(*tf.nest.map_structure(tf.constant, tuple(self._left_at)))
        begin = start(problem, seed)
        if not hasattr(self, "params_"):
            return begin
        held = {name: tf.constant(value) for name, value in problem.model.textbook(self.params_).items()}
        carried = {name: tf.constant(value) for name, value in self.model_state_.items()}
        return begin._replace(params=held, model_state=carried, rule_state=problem.rule.init(held))

    def _learned(self, params: Arrays, model_state: Arrays) -> "Classifier":
        self.params_, self.model_state_, self._made = params, model_state, list[Predictor]()
        return self

    def _predictor(self) -> Predictor:
        """What predicts: made when first asked, and not pickled."""
        if not self._made:
            config, own = self._config()
            model = models.build(config, self._input_shape, len(self.classes_), own)
            scaled = self._scaling.scale, self._scaling.shift
            self._made.append(Predictor.of_weights(model, self.params_, self.model_state_, *scaled))
        return self._made[0]


def _weighted(
    labels: NDArray[np.int32], each: NDArray[np.float64], num_classes: int, dtype: str
) -> NDArray[np.floating]:
    """(rows, num_classes): the weight of each row at its label, as `descenso.descent.losses` reads them."""
    weighted = np.zeros((len(labels), num_classes), dtype)
    weighted[np.arange(len(labels)), labels] = each
    return weighted


def _fitting(config: TrainConfig, train: Split) -> TrainConfig:
    """`config`, with a batch that is no larger than the rows."""
    rows = len(train.labels)
    return config.model_copy(update={"batch_size": min(config.batch_rows(rows), rows)})


def _refuse(descent: Descent, config: TrainConfig) -> None:
    """An estimator that did not get to its end is none."""
    if descent.outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt
    if descent.outcome is Outcome.DIVERGED and not descent.best:
        raise _diverged(config)


def _diverged(config: TrainConfig) -> ConfigError:
    return ConfigError(
        _("the cost stopped being finite; try a smaller learning_rate, such as {rate:g}").format(
            rate=config.learning_rate / 10
        )
    )
