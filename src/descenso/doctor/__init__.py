"""The doctor's public face: look at data, at a run, at one step of one's own loop, or at a `tf.function`.

>>> import numpy as np
>>> [finding.rule for finding in data(np.zeros((6, 2)), np.array([1, 2, 3, 1, 2, 3]))]
['labels-from-1']
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from descenso.api.inference import use
from descenso.api.train import rows_of
from descenso.data.catalog import load, raw_rows
from descenso.data.checks import check_split
from descenso.data.dataset import Dataset, Split
from descenso.data.limits import Sources
from descenso.doctor.evidence import Evidence, Finding, Rows
from descenso.doctor.table import RULES, examine
from descenso.errors import ConfigError, DataError
from descenso.registry import MODELS
from descenso.runs.directory import RunDirectory, open_directory
from descenso.text import _, closest

if TYPE_CHECKING:
    from descenso.doctor.steps import Watched

SECONDS = 1.0  # between two looks at a run that is being written


def data(
    inputs: Any,
    labels: Any = None,
    *,
    test: tuple[Any, Any] | None = None,
    one_hot: bool = False,
    order: str = "permutation",
) -> list[Finding]:
    """What is wrong with rows, before a step is taken on them.

    Args:
        inputs: (rows, *input_shape), as a model is to be given them; or a `Dataset`, alone.
        labels: (rows,) or (rows, num_classes).
        test: inputs and labels that are kept to test on.
        one_hot: whether the loss reads one-hot labels.
        order: in which they will be walked: "permutation", "sequential", or "buffer:N" for `shuffle(N)` of tf.data.

    Raises:
        DataError: where not every row has a label.
    """
    if isinstance(inputs, Dataset):
        return examine(Evidence(Rows.of(inputs, order)))
    kept = _paired("test", *test) if test else None
    return examine(Evidence(Rows(*_paired("data", inputs, labels), kept, one_hot, order=order)))


def _paired(what: str, inputs: Any, labels: Any) -> Split:
    """Inputs and labels as arrays, once each row has its label."""
    given = Split(np.asarray(inputs), np.asarray(labels))
    shapes = given.inputs.shape, given.labels.shape
    if shapes[0][:1] != shapes[1][:1] or len(shapes[0]) < 2 or len(shapes[1]) not in (1, 2):
        raise DataError(
            _("{what}: inputs of shape {inputs} and labels of shape {labels}; each row needs one label").format(
                what=what, inputs=shapes[0], labels=shapes[1]
            )
        )
    return given


def file(
    name: str,
    *,
    label: str = "",
    test_fraction: float = 0.0,
    resize: str = "",
    order: str = "permutation",
    sources: Sources | None = None,
) -> list[Finding]:
    """What is wrong with the dataset called `name`, or with that in the folder or file of that path.

    The arrays of an NPZ file are looked at as they stand in it, also where `descenso.load` would refuse them.

    Args:
        name, label, test_fraction, resize, sources: as of `descenso.load`.
        order: as of `data`.

    Raises:
        ConfigError, DataError: as of `descenso.load`.
    """
    raw = raw_rows(name, sources)
    if raw:
        rows, test = raw
        kept = _paired(name, *test) if test else None
        return examine(Evidence(Rows(*_paired(name, *rows), kept, order=order)))
    found = load(name, label=label, test_fraction=test_fraction, resize=resize, sources=sources)
    return examine(Evidence(Rows.of(found, order)))


def lesson(rule: str) -> tuple[str, list[Finding]]:
    """The mistake that `rule` is for, as one writes it, made on a few rows of MNIST; and what is found then.

    Raises:
        ConfigError: where there is no such rule.
    """
    if rule not in RULES:
        raise ConfigError(
            _("there is no rule {name!r}{hint}; the rules are {names}").format(
                name=rule, hint=closest(rule, RULES), names=", ".join(RULES)
            )
        )
    from descenso.doctor.faults import FAULTS

    return FAULTS[rule].line, examine(FAULTS[rule].plant())


def step(
    model: Callable[[Any], Any],
    loss: Callable[[Any, Any], Any],
    inputs: Any,
    labels: Any,
    variables: Sequence[Any] | None = None,
    *,
    first: bool = True,
    watched: bool = False,
) -> list[Finding]:
    """What is wrong with one step of a loop of one's own; nothing is updated.

    Args:
        model: inputs -> outputs (batch, num_classes); a Keras model, or any function.
        loss: labels, outputs -> costs of the rows, or their mean; Keras's, or any function.
        inputs, labels: one batch; a hundred rows show more than ten.
        variables: what is trained; by default the model's `trainable_variables`.
        first: whether nothing has been learned yet, so that the cost should be ln C.
        watched: whether the loop's tape watches plain tensors, of which no tape takes note by itself.

    Raises:
        ConfigError: where there are no variables.
        Exception: what the model or the loss raised, where no rule explains it.
    """
    from descenso.doctor.steps import evidence_of_step

    if variables is None:
        model(inputs)  # by which a Keras model that was told no input shape makes its variables
        variables = list(getattr(model, "trainable_variables", ()))
    if not variables:
        raise ConfigError(_("step: nothing is trained; try variables=[W, b]"))
    evidence = evidence_of_step(model, loss, inputs, labels, variables, first, watched)
    found = examine(evidence)
    if evidence.step and evidence.step.error and not found:
        raise evidence.step.error
    return found


def watch(function: Callable[..., Any]) -> "Watched":
    """`function`, made by `tf.function`, which from now on warns once when it is traced again and again.

    Returns:
        What is called in its place; its `findings()` name the argument that is the cause.

    Raises:
        ConfigError: where it is no `tf.function`.
    """
    from descenso.doctor.steps import Watched

    return Watched(function)


def run(
    path: str | Path,
    data: Dataset | None = None,
    model: Any = None,
    sources: Sources | None = None,
) -> list[Finding]:
    """What is wrong with the run in the directory `path`: its rows, its costs, a step from its start and one from its
    end; where the costs raise a suspicion, also a range test of the rate, of about a hundred steps.

    Args:
        path: of the run; nothing in it is changed.
        data, model: its rows and its model, where it was trained with one's own.
        sources: as of `descenso.train`.

    Raises:
        DataError: where there is no run, its files are damaged, or its rows are no longer those it learned from.
        ConfigError: where it was trained with a model of one's own, which is not given.
    """
    directory = open_directory(Path(path))
    return examine(_gathered(directory, data or rows_of(directory.config, sources), model))


def follow(path: str | Path, model: Any = None, sources: Sources | None = None) -> Iterator[Finding]:
    """What is wrong with a run, each finding as soon as it can be seen, until the run has ended.

    Args:
        path, model, sources: as of `run`.
    """
    directory = open_directory(Path(path))
    rows = rows_of(directory.config, sources)
    evidence, told = _gathered(directory, rows, model), set[str]()
    while True:
        for finding in examine(evidence):
            if finding.rule not in told:
                told.add(finding.rule)
                yield finding
        if evidence.course is None or evidence.course.outcome != "running":
            return
        time.sleep(SECONDS)
        evidence = _gathered(directory, rows, model, evidence)


def _gathered(directory: RunDirectory, rows: Dataset, model: Any, before: Evidence | None = None) -> Evidence:
    """What the run has come to by now."""
    from descenso.doctor.descents import Walked, evidence_of

    config, outcome = directory.config, directory.outcome
    trained = own = None
    if (directory.path / "model" / "weights.safetensors").is_file():
        trained = use(directory.path, model).trained
        what = _("{name}, training rows").format(name=rows.name)
        check_split(rows.train, len(trained.class_names), trained.input_shape, what)
    if model is not None or config.model not in MODELS:
        from descenso.descent.keras_models import own_model

        own = own_model(config, model)
    return evidence_of(Walked(config, rows, directory.history.epochs, outcome, trained, own), before)
