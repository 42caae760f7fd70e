"""A search over the settings of a classifier, whose candidates are trained together on each fold (extra `sklearn`)."""

from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from descenso.api.estimator import Classifier
from descenso.api.fitted import TOGETHER, FittedInputs, Learned, Rows, diverged, stopped
from descenso.config import TrainConfig
from descenso.data.checks import check_validation
from descenso.data.dataset import Dataset, Split, fingerprint
from descenso.descent.problem import Arrays
from descenso.errors import ConfigError, DescensoError, Interruption
from descenso.studies.sweep.grid import Lane
from descenso.studies.sweep.groups import groups_of
from descenso.studies.sweep.ledger import Record
from descenso.studies.sweep.walk import Group
from descenso.text import _
from descenso.training.control import Control, Outcome
from descenso.training.plan import Plan

from sklearn.base import clone  # isort: skip # descenso.api.estimator says what to install where it is missing
from sklearn.model_selection import GridSearchCV, ParameterGrid  # isort: skip
from sklearn.pipeline import Pipeline  # isort: skip

CARRIED = "model_state:"  # before the names of what a model carries besides its parameters, in the arrays of a lane


class SweepCV(GridSearchCV):  # type: ignore[misc] # scikit-learn publishes no types
    """Search over settings with cross-validation, as GridSearchCV does; each fold's candidates are trained as a sweep.

    Candidates of softmax regression that differ in nothing but learning_rate, rule, schedule, weight_decay, clip_value,
    clip_norm, average and patience are one program, whose products are as wide as all of them together (docs/sweep.md).
    Others are trained one after another. Scores are those of GridSearchCV, up to rounding.

    Args:
        estimator: a `descenso.Classifier`, or a pipeline that ends in one.
        param_grid: values by the name of a parameter, or a list of such grids.
        scoring, refit, cv, verbose, error_score, return_train_score: as those of GridSearchCV.

    Attributes:
        best_params_, best_estimator_, best_score_, best_index_, cv_results_, scorer_, n_splits_, refit_time_, classes_:
            as those of GridSearchCV, but that the seconds of candidates that were trained together are divided equally
            among them.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> search = SweepCV(Classifier(epochs=5, dtype="float64"), {"learning_rate": [1e-6, 0.3]}, cv=3).fit(X, y)
    >>> search.best_params_
    {'learning_rate': 0.3}
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]],
        *,
        scoring: Any = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
            n_jobs=1,  # in this thread, in which the candidates are trained together
        )

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **params: Any) -> "SweepCV":
        """Train each candidate on each fold, score it on the rest, and train the best one on all rows.

        Args:
            X, y: as of `Classifier.fit`, or what the pipeline takes.
            **params: as of GridSearchCV, such as `sample_weight`, which goes to `Classifier.fit`.

        Raises:
            ConfigError: for another estimator.
            ValueError: as GridSearchCV does, for rows that cannot be learned from, and if all candidates failed.
        """
        _classifier(self.estimator)
        grid = list(ParameterGrid(self.param_grid))
        candidates = [_classifier(clone(self.estimator).set_params(**each)) for each in grid]
        folds = _Folds(candidates, len(y) if isinstance(y, Sized) else 0)
        token = TOGETHER.set(folds)
        try:
            super().fit(X, y, **params)
        finally:
            TOGETHER.reset(token)
        for group in folds.groups:
            for name in ("mean_fit_time", "std_fit_time"):
                self.cv_results_[name][group] = self.cv_results_[name][group].mean()
        return self


def _classifier(estimator: Any) -> Classifier:
    """Return the classifier in which an estimator ends."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(last, Classifier):
        message = _(
            "estimator must be a descenso.Classifier, or a pipeline that ends in one, got {value!r}; try {mend}"
        )
        raise ConfigError(message.format(value=estimator, mend="GridSearchCV(estimator, param_grid)"))
    return last


class _Folds:
    """What the candidates of a search learn from each fold: all of them when the first is fitted on its rows.

    Args:
        candidates: in the order of the search.
        rows: of all folds; what is fitted on so many is the best candidate, alone.

    Attributes:
        groups: numbers of the candidates that were trained as one program.
    """

    def __init__(self, candidates: Sequence[Classifier], rows: int) -> None:
        self.candidates, self.rows = candidates, rows
        self.groups = list[list[int]]()
        self._learned = dict[str, dict[str, Learned | DescensoError]]()  # by digest of the rows, and by settings

    def learned(self, asked: Any, rows: Rows) -> Learned | None:
        """Return what the classifier `asked` learns from `rows`; None where it is to be trained alone.

        Raises:
            DescensoError: if it diverges.
        """
        if len(rows.labels) >= self.rows:
            return None
        classes, codes = np.unique(rows.labels, return_inverse=True)
        arrays = {"inputs": rows.inputs, "labels": codes, "classes": classes.astype(str)}
        key = fingerprint(arrays if rows.each is None else {**arrays, "each": rows.each})
        if key not in self._learned:
            self._learned[key] = self._train(asked, rows)
        found = self._learned[key].get(_settings(asked))
        if isinstance(found, DescensoError):
            raise found
        return found

    def _train(self, asked: Classifier, rows: Rows) -> dict[str, Learned | DescensoError]:
        """Train the candidates that can be trained with another one; return what each learned, by its settings."""
        known, rows = rows.coded()

        splits = dict[tuple[int, int, str], tuple[Dataset, Split]]()

        def divided(config: TrainConfig) -> tuple[Dataset, Split]:
            key = check_validation(len(rows.labels), config), config.seed, config.variable_dtype
            if key not in splits:
                splits[key] = known.divided(*rows, config)
            return splits[key]

        plans, numbers, seen = list[Plan](), list[int](), set[str]()
        for number, candidate in enumerate(self.candidates):
            settings = _settings(candidate)
            if settings in seen or repr(candidate.class_weight) != repr(asked.class_weight):
                continue
            seen.add(settings)
            try:
                plans.append(candidate._plan(known, rows, divided))
                numbers.append(number)
            except DescensoError:  # raised again when it is fitted alone
                continue
        lanes = [Lane("", plan.config, {}) for plan in plans]
        found = dict[str, Learned | DescensoError]()
        for group in groups_of(lanes, plans.__getitem__):
            if len(group) > 1:
                members = [numbers[place] for place in group]
                self.groups += [] if members in self.groups else [members]
                ended = _together(known, [plans[place] for place in group])
                found |= {_settings(self.candidates[number]): each
                          for number, each in zip(members, ended, strict=True) if each is not None}  # fmt: skip
        return found


def _settings(candidate: Classifier) -> str:
    return repr(sorted(candidate.get_params().items()))


def _together(known: FittedInputs, plans: Sequence[Plan]) -> list[Learned | DescensoError | None]:
    """Train classifiers as one program; return what each learned, the error of one that diverged, or None where it kept
    weights from before, which it finds alone.
    """
    group, control = Group(dict(enumerate(plans))), Control()
    begin = course = group.start()
    with Interruption(control):
        for course in group.walk(begin, control, until=plans[0].config.epochs):
            pass
    if course.going:
        raise stopped(control)
    return [_learned(known, plan, *group.result(course, number)) for number, plan in enumerate(plans)]


def _learned(known: FittedInputs, plan: Plan, record: Record, arrays: Arrays) -> Learned | DescensoError | None:
    if record.outcome == Outcome.DIVERGED.value:
        return None if plan.config.patience else diverged(plan.config)
    params = {name: array for name, array in arrays.items() if not name.startswith(CARRIED)}
    carried = {name.removeprefix(CARRIED): array for name, array in arrays.items() if name.startswith(CARRIED)}
    accuracies: list[float | None] | None = [*record.validation_accuracies] if len(plan.validation.labels) else None
    return Learned(known, [*record.costs], accuracies, params, carried)
