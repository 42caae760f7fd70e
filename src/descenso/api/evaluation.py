"""Evaluate the model of a run on labelled rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from descenso.api.again import rows_again, rows_of_the_run
from descenso.api.inference import expected_of, predictor_of, read_trained, written
from descenso.config import TrainConfig
from descenso.data.arrays import as_model_reads, as_shape
from descenso.data.catalog import rows_to_test
from descenso.data.checks import check_split
from descenso.data.dataset import Dataset, Split, data_fingerprint
from descenso.data.labels import recoded
from descenso.data.sources import Sources, note
from descenso.errors import DataError
from descenso.runs.directory import open_directory
from descenso.runs.trained import Trained
from descenso.text import _

if TYPE_CHECKING:
    from descenso.hints import RunPath
    from descenso.training.evaluation import Evaluation


def evaluate(
    run: "RunPath",
    data: Any = None,
    labels: Any = None,
    *,
    model: Any = None,
    label: str = "",
    resize: str = "",
    skip_unreadable: bool = False,
    sources: Sources | None = None,
    **how: str,
) -> tuple["Evaluation", Split]:
    """Evaluate a run on the test rows of its data, or on other data; return the evaluation, and the rows.

    Args:
        run: the run, or its directory.
        data: a dataset, name or path as of `load`, all its rows if it has no test rows; or inputs beside `labels`, a
            pair of both, or a frame: all its rows, but only the test rows of the data that the run was trained on.
        labels: (rows,) the names of the classes of inputs in memory, or their numbers.
        label, skip_unreadable, sources: see `load`; the label is by default that of the run. **how: see `predict`.
        resize: height and width of the images that the model reads, which images are brought to anyway.
        model: the model, if the run was trained with the user's own.
    """
    config, trained = read_trained(run)
    recorded = written(config, how)
    directory = open_directory(Path(run))
    if data is None:
        rows = _unchanged(rows_again(directory, None, "evaluate", sources), config, Path(run))
    elif isinstance(data, str | Path):
        given = {"label": label, "resize": resize, "how": recorded if trained.columns else how, "skip": skip_unreadable}
        rows = _rows_at(str(data), config, trained, given, sources)
    elif isinstance(data, Dataset):
        rows = data
    else:
        data = data if labels is None else (data, labels)
        rows = rows_of_the_run(directory, data) or _in_memory(data, label or config.label, config, trained, recorded)
    test = _test_rows(rows, trained)
    from descenso.training.evaluation import evaluate as measure

    return measure(predictor_of(run, config, trained, model), test), test


def _rows_at(
    name: str, config: TrainConfig, trained: Trained, given: dict[str, Any], sources: Sources | None
) -> Dataset:
    """Load the dataset of a name or a path as the model reads it."""
    label = given["label"] or (config.label if trained.columns else "")
    expected = expected_of(config, trained)._replace(skip_unreadable=given["skip"])
    rows = rows_to_test(name, label=label, resize=given["resize"], encoded=trained.encoded, expected=expected,
                        how=given["how"], sources=sources)  # fmt: skip
    for sentence in rows.notes:
        note(name, sentence)
    return rows


def _in_memory(data: Any, label: str, config: TrainConfig, trained: Trained, how: dict[str, str]) -> Dataset:
    """Make a dataset of rows in memory to test on: a frame, or a pair of inputs and labels."""
    from descenso.data.batches import is_dataset, take_all
    from descenso.data.memory import inputs_of, is_frame, rows_to_test_on

    data = take_all(data, "data") if is_dataset(data) else data
    data, labels = data if type(data) in (tuple, list) and len(data) == 2 else (data, None)
    encoded = trained.encoded
    label = normalize("NFC", label or (encoded.label if encoded else ""))
    there = {normalize("NFC", str(name)): name for name in data.columns} if is_frame(data) else {}
    if labels is None and label in there:
        labels = data[there[label]]
    if labels is None:
        read = {column.name for column in encoded.columns} if encoded else set()
        others = [str(name) for name in data.columns if name not in read] if is_frame(data) else []
        mend = f"label={others[-1]!r}" if others else "labels=y"
        raise DataError(_("evaluate: the labels are missing; try {mend}").format(mend=mend))
    expected = expected_of(config, trained)._replace(how=how)
    coded = trained.class_names if _may_be_numbers(config) else ()
    return rows_to_test_on(inputs_of(data, expected), labels, coded, trained.columns)


def _may_be_numbers(config: TrainConfig) -> bool:
    """Tell whether labels may be numbers of classes; those in Parquet files may count classes without training rows."""
    from descenso.data.formats import FORMATS, of_folder

    path = Path(config.data)
    return path.suffix.lower() != ".parquet" and not (path.is_dir() and of_folder(path) is FORMATS["parquets"])


def _unchanged(rows: Dataset, config: TrainConfig, run: Path) -> Dataset:
    """Return `rows` after checking that the data of the run has not changed."""
    recorded = open_directory(run).status.get("data")
    if recorded is not None and recorded != data_fingerprint(rows):
        raise DataError(
            _(
                "{run}: its data has changed, and test rows may be among its training rows; try --data {data} to test "
                "on all rows"
            ).format(run=run, data=config.data)
        )
    return rows


def _test_rows(rows: Dataset, trained: Trained) -> Split:
    """Return the test rows with the columns, the type and the class numbers of the training data.

    Raises:
        DataError: if they do not fit it.
    """
    if trained.columns and rows.columns:
        rows = _in_columns(rows, trained.columns)
    what = _("{name}, test rows").format(name=rows.name)
    rows = rows._replace(test=rows.test._replace(inputs=as_shape(rows.test.inputs, trained.input_shape)))
    test = check_split(rows.test, rows.num_classes, trained.input_shape, what)
    first = 1 if rows.columns else 0  # rows of tables are counted from 1, those of arrays from 0
    split = recoded(rows.name, test, rows.class_names, trained.class_names, first)
    return split._replace(inputs=as_model_reads(rows.name, test.inputs, trained.stored))


def _in_columns(rows: Dataset, columns: tuple[str, ...]) -> Dataset:
    if rows.columns == columns:
        return rows
    missing = [name for name in columns if name not in rows.columns]
    if missing:
        raise DataError(
            _("{path}: the columns {missing} are missing, which the model reads; its columns are {columns}").format(
                path=rows.name, missing=", ".join(missing), columns=", ".join(rows.columns)
            )
        )
    places = [rows.columns.index(name) for name in columns]
    return rows._replace(test=rows.test._replace(inputs=rows.test.inputs[:, places]), columns=columns)
