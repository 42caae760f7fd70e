"""A scikit-learn estimator, for pipelines, grid searches and cross-validation (extra `sklearn`)."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from inspect import signature
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from descenso.api.fitted import TOGETHER, FittedInputs, Learned, Rows, answering, diverged, fitting, refusing, stopped
from descenso.api.train import own_of
from descenso.config import TrainConfig
from descenso.data.arrays import numbers
from descenso.data.checks import check_validation
from descenso.data.dataset import Dataset, Split, scaling
from descenso.descent import models
from descenso.descent.problem import Arrays, TrainState, weights
from descenso.errors import ConfigError, DataError, Interruption
from descenso.registry import OWN, is_own
from descenso.text import _
from descenso.training.control import Control, Outcome, Progress
from descenso.training.evaluation import Predictor
from descenso.training.loop import finite, train, trained_weights
from descenso.training.plan import Plan

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.class_weight import compute_sample_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError:
    raise ConfigError(
        _("descenso.Classifier is an estimator of scikit-learn, which is not installed; try {command}").format(
            command="pip install 'descenso[sklearn]'"
        )
    ) from None


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn publishes no types
    """A classifier by gradient descent, with the settings of `descenso train`.

    Args:
        model: "softmax", "mlp", "cnn", or a function that makes a keras.Model.
        rule, schedule, loss: names, or functions of your own (docs/own-rules.md).
        class_weight: the weight of each class by its label, "balanced", or None for 1 each.
        preset, hidden, filters, padding, activation, dropout, augment, learning_rate, weight_decay,
            clip_value, clip_norm, average, epochs, batch_size, order, validation_size, patience, engine, xla, dtype,
            seed: as those of `TrainConfig`; None for what the model brings, or TrainConfig's default. A batch_size
            beyond the rows means all of them, and for few rows both it and epochs are made to suit where they are None.
            Rows for validation are drawn by the seed, from each class its share.

    Attributes:
        classes_: (num_classes,), the labels, sorted.
        n_features_in_: size of the inputs' second axis; feature_names_in_ where a frame named its columns.
        loss_curve_: the cost of each epoch, or of each call of `partial_fit`, in nats.
        validation_scores_: after each epoch of `fit` the accuracy on rows kept back, in [0, 1]; None without such rows.
        n_iter_: number of epochs trained.
        params_: the parameters by name, as a textbook writes them.
        model_state_: what the model carries besides.

    Inputs are (rows, features), or images (rows, height, width[, channels]); they are scaled as `descenso train`
    scales them, so no scaler is needed before. Nothing is written to disk.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> Classifier(epochs=20, learning_rate=0.5, batch_size=10, engine="eager").fit(X, y).score(X, y) > 0.95
    True
    """

    @answering
    def __init__(
        self,
        model: Any = "softmax",
        *,
        class_weight: Mapping[Any, float] | str | None = None,
        preset: str | None = None,
        hidden: str | int | Sequence[int] | None = None,
        filters: str | int | Sequence[int] | None = None,
        padding: str | None = None,
        activation: str | None = None,
        dropout: float | None = None,
        augment: float | None = None,
        rule: Any = None,
        learning_rate: float | None = None,
        schedule: Any = None,
        loss: Any = None,
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

    @refusing
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> "Classifier":
        """Train from the start.

        Args:
            X: (rows, features) or (rows, height, width[, channels]), finite numbers; an array or a frame.
            y: (rows,), the label of each row, of any kind that can be sorted; two classes at least.
            sample_weight: (rows,), how much each row counts beside the others; only their ratios matter. A row of
                weight 0 is as if it were not there; scaling and validation weigh rows, too.

        Raises:
            ConfigError: for a setting out of range, and for a descent that diverges; what was learned before stays.
            ValueError: for rows that cannot be learned from.
        """
        rows = self._given(X, y, sample_weight)
        together = TOGETHER.get()
        learned = together.learned(self, rows) if together else None
        learned = learned or self._trained(rows)
        self.validation_scores_ = learned.accuracies
        self.loss_curve_ = learned.costs
        self._left_at: TrainState | None = None
        return self._learned(learned.known, self._settings(), learned.params, learned.model_state)

    def _given(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None) -> Rows:
        inputs, labels = self._rows(X, y, first=True)
        check_validation(len(labels), _config(self._settings())[0])
        return Rows(inputs, labels, self._weights(sample_weight, inputs, labels))

    def _trained(self, rows: Rows) -> Learned:
        """Train from the start, alone."""
        known, rows = rows.coded()
        plan, control = self._plan(known, rows), Control()
        with Interruption(control):
            epochs, progress = train(plan, control)
        _refuse(progress, plan.config, control)
        accuracies = [epoch.validation_accuracy for epoch in epochs] if len(plan.validation.labels) else None
        return Learned(known, [epoch.cost for epoch in epochs], accuracies, *trained_weights(plan, progress))

    def _plan(
        self, known: FittedInputs, rows: Rows, divided: Callable[[TrainConfig], tuple[Dataset, Split]] | None = None
    ) -> Plan:
        """Pose the training run on these rows; `divided` gives training and validation rows, where they are made."""
        settings = self._settings()
        config, own = _config(settings)
        data, validation = divided(config) if divided else known.divided(*rows, config)
        return Plan.of(fitting(config, settings, data.train), data, own, validation)

    @refusing
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> "Classifier":
        """Train for one epoch on these rows, at a constant rate, on the eager engine, which need not compile.

        Args:
            X, y: as of `fit`. Inputs are scaled as the first rows seen suggest.
            classes: (num_classes,), all labels that will ever come; needed in the first call.
            sample_weight: (rows,), how many times each row's cost counts; in all calls together, so not only ratios.
        """
        first = not hasattr(self, "classes_")
        inputs, labels = self._rows(X, y, first)
        if first and classes is None:
            raise ConfigError(_("classes must be given in the first call of partial_fit"))
        if self.class_weight == "balanced":
            raise ConfigError(_("class_weight: no call of partial_fit knows what is balanced; give a weight a class"))
        if first:
            known = FittedInputs(np.unique(np.asarray(classes)), inputs.shape[1:], scaling(inputs, "X"))
        else:
            known = self._known
        unseen = np.setdiff1d(labels if classes is None else np.union1d(classes, labels), known.classes)
        if len(unseen):
            message = _("y: labels {unseen} are not among the classes, {classes}")
            raise DataError(message.format(unseen=_listed(unseen), classes=_listed(known.classes)))
        settings = self._settings() | {"schedule": "constant", "validation_size": 0, "patience": 0}
        config, own = _config(settings)
        each = self._weights(sample_weight, inputs, labels)
        data = known.dataset(inputs, np.searchsorted(known.classes, labels), each, config)
        config = fitting(config, settings, data.train).model_copy(update={"engine": "eager"})
        plan = Plan.of(config, data, own)
        curve = [] if first else self.loss_curve_
        with closing(plan.bind()) as runner:
            state, trace = next(runner.walk(self._state(plan), [plan.order(len(curve))]))
        if not (trace.finite and finite(state)):
            raise diverged(config)
        self.loss_curve_ = [*curve, float(np.average(trace.costs, weights=plan.step_rows))]
        self._left_at = tf.nest.map_structure(np.asarray, state)
        return self._learned(known, settings, weights(plan.problem, state), self._left_at.model_state)

    @refusing
    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating]:
        """Predict the probability of each of `classes_`: (rows, num_classes), each in [0, 1]."""
        check_is_fitted(self, "classes_")
        inputs = self._numbers(validate_data(self, X, reset=False, allow_nd=True))
        return self._predictor().probabilities(inputs)

    @refusing
    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict the most probable of `classes_` for each row: (rows,)."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[likeliest]
        return labels

    score = refusing(ClassifierMixin.score)

    @property
    def n_iter_(self) -> int:
        """Number of epochs trained."""
        return len(self.loss_curve_)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {**state, "_made": []} if "_made" in state else state

    def _rows(self, X: ArrayLike, y: ArrayLike, first: bool) -> tuple[NDArray[Any], NDArray[Any]]:
        inputs, labels = validate_data(self, X, y, reset=first, allow_nd=True)
        check_classification_targets(labels)
        return numbers(inputs) if first else self._numbers(inputs), labels

    def _numbers(self, X: NDArray[Any]) -> NDArray[Any]:
        if X.shape[1:] != self._known.input_shape:
            raise DataError(
                _("X: rows of shape {got}, expected {expected} as in the first ones").format(
                    got=X.shape[1:], expected=self._known.input_shape
                )
            )
        return numbers(X)

    def _settings(self) -> dict[str, Any]:
        """Return the settings that the user gave."""
        given = {name: value for name, value in self.get_params().items() if value is not None}
        given.pop("class_weight", None)
        return given

    def _weights(
        self, sample_weight: ArrayLike | None, inputs: NDArray[Any], labels: NDArray[Any]
    ) -> NDArray[np.float64] | None:
        """Combine the weights of rows and classes: (rows,), or None for 1 each."""
        if sample_weight is None and self.class_weight is None:
            return None
        each = _check_sample_weight(sample_weight, inputs, dtype=np.float64, ensure_non_negative=True)
        if self.class_weight is not None:
            each = each * compute_sample_weight(self.class_weight, labels)
        return np.asarray(each)

    def _state(self, plan: Plan) -> TrainState:
        """Return the state that `partial_fit` continues from, at the rate of the settings."""
        begin, problem = plan.start(), plan.problem
        if not hasattr(self, "params_"):
            return begin
        if self._left_at:
            return TrainState(*tf.nest.map_structure(tf.constant, tuple(self._left_at)))._replace(rate=begin.rate)
        held = {name: tf.constant(value) for name, value in problem.model.from_user(self.params_).items()}
        carried = {name: tf.constant(value) for name, value in self.model_state_.items()}
        return begin._replace(params=held, model_state=carried, rule_state=problem.rule.init(held))

    def _learned(
        self, known: FittedInputs, settings: dict[str, Any], params: Arrays, model_state: Arrays
    ) -> "Classifier":
        """Set the fitted attributes; a fit that fails has changed none."""
        self._known, self._learned_by, self.classes_ = known, settings, known.classes
        self.params_, self.model_state_, self._made = params, model_state, list[Predictor]()
        return self

    def _predictor(self) -> Predictor:
        """Return the predictor: made at its first use, and not pickled."""
        if not self._made:
            known = self._known
            config, own = _config(self._learned_by)
            model = models.build(config, known.input_shape, len(known.classes), own and own.model)
            self._made.append(Predictor.of_weights(model, self.params_, self.model_state_, known.scaling))
        return self._made[0]


def _config(settings: dict[str, Any]) -> tuple[TrainConfig, Any]:
    """Return the config, and the user's own model, rule, schedule and loss."""
    named, own = own_of(settings)
    config = TrainConfig.of(**{**named, "data": "arrays"})
    if any(is_own(kind, getattr(config, kind)) for kind in OWN):
        from descenso.descent.own import completed

        own = completed(config, own)
    return config, own


def _listed(labels: NDArray[Any]) -> str:
    return ", ".join(map(str, labels))


def _refuse(progress: Progress, config: TrainConfig, control: Control) -> None:
    """Raise unless training came to its end."""
    if progress.outcome is Outcome.INTERRUPTED:
        raise stopped(control)
    if progress.outcome is Outcome.DIVERGED and not progress.best:
        raise diverged(config)
