"""Find mistakes in data, in a training run, in one step of a training loop, or in the calls of a `tf.function`.

>>> import numpy as np
>>> [finding.rule for finding in data(np.zeros((6, 2)), np.array([1, 2, 3, 1, 2, 3]))]
['labels-from-1']
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descenso.api.again import rows_again
from descenso.api.inference import load_trained
from descenso.data.batches import is_dataset
from descenso.data.checks import check_split
from descenso.data.dataset import Dataset
from descenso.data.sources import Sources
from descenso.doctor.checks import CHECKS, examine
from descenso.doctor.checks_labels import is_regression
from descenso.doctor.evidence import Evidence, Finding, Rows
from descenso.doctor.reading import batch_for, read_and_check, split_of
from descenso.errors import ConfigError
from descenso.registry import OWN, is_own
from descenso.runs.directory import RunDirectory, open_directory
from descenso.text import _, closest

if TYPE_CHECKING:
    from descenso.doctor.likeness import Likeness
    from descenso.doctor.steps import Watched
    from descenso.hints import RunPath

__all__ = ["Finding", "data", "file", "follow", "like", "run", "step", "watch"]
SECONDS = 1.0  # between two reads of a run that is training
STEP_ROWS = 100  # that are taken from a dataset for one step


def __dir__() -> list[str]:
    return __all__


def data(
    inputs: Any,
    labels: Any = None,
    *,
    test: Any = None,
    one_hot: bool | None = False,
    order: str = "permutation",
) -> list[Finding]:
    """Check training data.

    Args:
        inputs: (rows, *input_shape), as the model reads them; or, without labels, a `Dataset`, or a `tf.data.Dataset`
            of pairs, of which at most 100,000 rows are read, in its order.
        labels: (rows,) class numbers, (rows, num_classes) one-hot, or (rows,) numbers to predict.
        test: inputs and labels of the test rows; or a `tf.data.Dataset`.
        one_hot: whether the loss reads one-hot labels; None if labels are numbers to predict, as floats that are
            fractions, or hardly ever equal, are in any case.
        order: order of the rows in an epoch: "permutation", "sequential", or "buffer:N" for `shuffle(N)` of tf.data.

    Raises:
        DataError: if a row has no label, or several, as for each pixel of an image.
    """
    if isinstance(inputs, Dataset):
        return examine(Evidence(Rows.of(inputs, order)))
    if is_dataset(inputs):
        order = "sequential"  # the order in which they were taken
    train = split_of("data", inputs, labels)
    test_rows = None if test is None else split_of("test", *((test, None) if is_dataset(test) else test[:2]))
    regression = one_hot is None or is_regression(train.labels)
    return examine(Evidence(Rows(*train[:2], test_rows, one_hot, order=order, regression=regression)))


def file(
    name: str,
    *,
    order: str = "permutation",
    sources: Sources | None = None,
    **settings: Any,
) -> list[Finding]:
    """Check a dataset by its name, or by the path of its file or folder.

    Checked are the rows that training reads. Arrays that `descenso.load` refuses are checked as stored.

    Args:
        name, sources: see `descenso.load`.
        order: see `data`.
        **settings: those of `descenso.load`.

    Raises:
        ConfigError, DataError: see `descenso.load`.
    """
    return read_and_check(name, order=order, sources=sources, **settings)[0]


def lesson(rule: str) -> tuple[str, list[Finding]]:
    """Make the mistake that the check `rule` finds, on some rows of MNIST; return its line of code, and the findings.

    Raises:
        ConfigError: if there is no check of that name.
    """
    if rule not in CHECKS:
        message = _("there is no rule {name!r}{hint}; the rules are {names}")
        raise ConfigError(message.format(name=rule, hint=closest(rule, CHECKS), names=", ".join(CHECKS)))
    from descenso.doctor.faults import FAULTS

    return FAULTS[rule].line, examine(FAULTS[rule].plant())


def step(
    model: Callable[[Any], Any],
    loss: Callable[[Any, Any], Any],
    inputs: Any,
    labels: Any = None,
    variables: Sequence[Any] | None = None,
    *,
    first: bool = True,
    watched: bool = False,
) -> list[Finding]:
    """Check one step of the user's training loop; no parameter is updated.

    Args:
        model: inputs -> outputs (batch, num_classes); a Keras model, or any function.
        loss: labels, outputs -> costs of the rows, or their mean; a Keras loss, or any function.
        inputs, labels: one batch; some checks need about a hundred rows. Or a `tf.data.Dataset` of pairs without
            labels, of which the first 100 rows or the first batch are taken.
        variables: the parameters; by default the model's `trainable_variables`.
        first: whether the model is untrained, so that the cost should be ln C.
        watched: whether the loop's tape watches parameters that are tensors, not variables.

    Raises:
        ConfigError: if there are no variables.
        Exception: the exception of the model or the loss, if no finding explains it.
    """
    from descenso.doctor.steps import evidence_of_step

    if is_dataset(inputs):
        inputs, labels = batch_for(model, inputs, STEP_ROWS)
    if variables is None:
        model(inputs)  # a Keras model without an input shape makes its variables here
        variables = list(getattr(model, "trainable_variables", ()))
    if not variables and not getattr(model, "weights", ()):
        raise ConfigError(_("step: nothing is trained; try {mend}").format(mend="variables=[W, b]"))
    evidence = evidence_of_step(model, loss, inputs, labels, variables, first, watched)
    findings = examine(evidence)
    if evidence.step and evidence.step.error and not findings:
        raise evidence.step.error
    return findings


def watch(function: Callable[..., Any]) -> "Watched":
    """Wrap a `tf.function` so that it warns once if it is traced repeatedly.

    Returns:
        The function to call instead; its `findings()` name the argument that causes the traces.

    Raises:
        ConfigError: if `function` is no `tf.function`.
    """
    from descenso.doctor.steps import Watched

    return Watched(function)


def run(
    path: "RunPath",
    data: Any = None,
    model: Any = None,
    sources: Sources | None = None,
    **own: Any,
) -> list[Finding]:
    """Check a run: its data, its costs, a step from its initial weights and one from its final weights.

    If the costs suggest a wrong learning rate, a better one is searched for, in about twenty seconds.

    Args:
        path: directory of the run; nothing in it is changed.
        data: what `train` was given, if it was in memory.
        model: the model, if the run was trained with the user's own.
        sources: see `descenso.train`.
        **own: `rule`, `schedule` and `loss`, if the run was trained with the user's own.

    Raises:
        DataError: if there is no run, its files are damaged, or its data has changed.
        ConfigError: if it was trained with code of the user's own that is not given.
    """
    directory = open_directory(Path(path))
    rows = rows_again(directory, data, "doctor.run", sources)
    return examine(_evidence(directory, rows, {"model": model, **own}))


def follow(path: "RunPath", model: Any = None, sources: Sources | None = None, **own: Any) -> Iterator[Finding]:
    """Check a run after each of its epochs, until it ends, and yield each finding once; for the arguments see `run`."""
    directory = open_directory(Path(path))
    rows, given = rows_again(directory, None, "doctor.run", sources), {"model": model, **own}
    evidence, names, reported = _evidence(directory, rows, given), list(CHECKS), set[str]()
    while True:
        for finding in examine(evidence, names):
            if finding.rule not in reported:
                reported.add(finding.rule)
                yield finding
        course = evidence.course
        if course is None or course.outcome != "running":
            return
        names = [name for name, check in CHECKS.items() if check.looks_at != "rows"]  # rows do not change
        while directory.outcome == "running" and len(directory.history.epochs) == len(course.costs):
            time.sleep(SECONDS)
        evidence = _evidence(directory, rows, given, evidence)


def like(
    path: "RunPath",
    runs: "Sequence[RunPath]",
    data: Any = None,
    model: Any = None,
    sources: Sources | None = None,
    **own: Any,
) -> "Likeness":
    """Compare a run with earlier healthy ones, and return what departs from them, beyond their spread.

    Compared are the costs of the epochs and of the first steps, norms of gradients and changes by layer, shares of dead
    units, and seconds a step. Runs of other data, or of another model, batch size or loss, and runs that did not end
    well are left out.

    Args:
        path: directory of the run; nothing in it is changed.
        runs: directories of the healthy runs; two at least must be comparable.
        data, model, sources, **own: as of `run`.

    Raises:
        DataError: as `run` does.
        ConfigError: if fewer than two runs are comparable; it says why.
    """
    from descenso.doctor.likeness import comparable, likeness

    directory = open_directory(Path(path))
    healthy, left_out = comparable(directory, [Path(each) for each in runs])
    rows, given = rows_again(directory, data, "doctor.like", sources), {"model": model, **own}
    gathered = [(each, _evidence(each, rows, given, searched=False)) for each in (directory, *healthy)]
    return likeness(gathered[0], gathered[1:], left_out)


def _evidence(
    directory: RunDirectory,
    rows: Dataset,
    given: dict[str, Any],
    before: Evidence | None = None,
    searched: bool = True,
) -> Evidence:
    """Gather the evidence on a run; `before` is that of an earlier epoch, `searched` as of `evidence_of`."""
    from descenso.doctor.descents import Walked, evidence_of

    config, outcome = directory.config, directory.outcome
    trained = own = None
    if (directory.path / "model" / "weights.safetensors").is_file():
        trained = load_trained(directory.path, given["model"]).trained
        what = _("{name}, training rows").format(name=rows.name)
        check_split(rows.train, len(trained.class_names), trained.input_shape, what)
    if any(is_own(kind, getattr(config, kind)) for kind in OWN):
        from descenso.descent.own import given_again

        own = given_again(config, given)
    return evidence_of(Walked(config, rows, directory.history.epochs, outcome, trained, own), before, searched)
