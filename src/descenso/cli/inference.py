"""`descenso evaluate`, `predict` and `export`: what a trained run is used for."""

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from descenso.cli.options import (
    Json,
    LimitOption,
    ModelOption,
    OutFile,
    RunArgument,
    SourcesOptions,
    completing,
    datasets,
    option,
    say,
    say_json,
    say_table,
    setting_option,
    with_settings,
)
from descenso.config import TrainConfig
from descenso.data.formats import input_titles
from descenso.errors import ConfigError
from descenso.runs.files import check_output
from descenso.settings import DATA
from descenso.studies import cell, plain
from descenso.text import _, printable, prose
from descenso.training.waiting import waiting

if TYPE_CHECKING:
    from descenso.data.dataset import Split
    from descenso.training.evaluation import Evaluation

TEST_DATA = _("Dataset to test on: its test rows, or all rows if it has none. Default: that of the run.")
PICTURES = _("Folder of the pictures. Default: plots/ in the run.")
FILES = _("Files to predict on: {formats}.")
FORMAT = _("Format: keras, savedmodel, onnx, litert, npz, numpy-script (see docs/export.md).")
EXPORT_OUT = _("File to write, or folder for savedmodel; it must not exist.")
MOST_SHOWN = 100  # rows of the table; all are in --json and --csv


def _formats() -> Iterable[str]:
    """Return the names of the formats of `export`."""
    from descenso import exporting

    return exporting.FORMATS


@with_settings(())
def evaluate(
    run: RunArgument,
    data: Annotated[
        str | None, option(TEST_DATA, panel=_(DATA), metavar=_("DATA"), autocompletion=completing(datasets))
    ] = None,
    label: Annotated[str, setting_option("label")] = "",
    resize: Annotated[str, setting_option("resize")] = "",
    skip_unreadable: Annotated[bool, setting_option("skip_unreadable")] = False,
    decimal: Annotated[str, setting_option("decimal")] = "",
    encoding: Annotated[str, setting_option("encoding")] = "",
    header: Annotated[str, setting_option("header")] = "",
    out: Annotated[Path | None, option(PICTURES, "--out", "-o", metavar=_("DIR"))] = None,
    model: ModelOption = None,
    sources: SourcesOptions = None,
    as_json: Json = False,
) -> None:
    """Evaluate a run on test rows: accuracy, cost, precision and recall per class, confusion matrix."""
    places = _places(run, data, out)
    how = _how(decimal=decimal, encoding=encoding, header=header)
    with waiting(_("Evaluating"), not as_json):
        from descenso.api.evaluation import evaluate as measure
        from descenso.api.inference import read_trained
        from descenso.runs.directory import open_directory

        evaluation, rows = measure(
            run, data, model=model, label=label, resize=resize, skip_unreadable=skip_unreadable, sources=sources, **how
        )
        names = read_trained(run)[1].class_names
        pictures = _draw(evaluation, rows, names, places)
    if as_json:
        say_json(_answer(evaluation, rows, names))
    else:
        _show(evaluation, rows, names)
        if open_directory(run).history.changes:
            say(_("Steered: the learning rate was changed by hand; descenso replay {run} repeats it").format(run=run))
        for picture in pictures:
            say(_("Picture: {path}").format(path=picture))


def _how(**how: str) -> dict[str, str]:
    """Check how a CSV file is said to be written, as the settings of training are checked."""
    TrainConfig.of(**how)
    return how


def _places(run: Path, data: str | None, out: Path | None) -> list[Path]:
    """Return the paths of both pictures, after checking that they can be written."""
    from descenso.runs.directory import open_directory

    directory = open_directory(run)
    of = f"-{Path(data).stem}" if data else ""  # the pictures of the run's own test rows stay
    names = [f"{kind}{of}.png" for kind in ("confusion", "mistakes")]
    return [check_output(directory.plot_path(name) if out is None else out / name) for name in names]


def _draw(evaluation: "Evaluation", rows: "Split", names: tuple[str, ...], places: list[Path]) -> list[Path]:
    """Save the confusion matrix and, of images, the worst mistakes."""
    from descenso.reports.figures import save_figure
    from descenso.reports.pictures import confusion_figure, is_picture, mistakes_figure

    pictures = [save_figure(confusion_figure(evaluation.confusion, names), places[0])]
    if is_picture(rows.inputs.shape[1:]):
        sheet = mistakes_figure(rows, evaluation.costs, evaluation.predicted, evaluation.confidence, names)
        pictures.append(save_figure(sheet, places[1]))
    return pictures


def _show(evaluation: "Evaluation", rows: "Split", names: tuple[str, ...]) -> None:
    say(prose(_("Accuracy: {accuracy:.4f}, cost: {cost:.6f}"), accuracy=evaluation.accuracy, cost=evaluation.cost))
    counts = evaluation.confusion.sum(axis=1)
    table = [
        [name, count, *map(cell, values)]
        for name, count, *values in zip(names, counts, evaluation.precision, evaluation.recall, strict=True)
    ]
    say_table([[_("class"), _("rows"), _("precision"), _("recall")], *table])
    error = evaluation.calibration_error(rows.labels)
    say(prose(_("Calibration error: {error:.4f} (mean difference between confidence and accuracy)"), error=error))


def _answer(evaluation: "Evaluation", rows: "Split", names: tuple[str, ...]) -> dict[str, Any]:
    tenths = evaluation.calibration(rows.labels)
    return {
        "accuracy": evaluation.accuracy,
        "cost": plain(evaluation.cost),
        "classes": list(names),
        "precision": evaluation.precision,
        "recall": evaluation.recall,
        "confusion": evaluation.confusion.tolist(),
        "calibration": [
            {"rows": count, "confidence": confidence, "accuracy": accuracy} for count, confidence, accuracy in tenths
        ],
        "calibration_error": evaluation.calibration_error(rows.labels),
    }


def _picture(path: Path, files: list[Path]) -> Path:
    """Check that the picture of what the model saw can be written to `path`, and replaces none of the inputs."""
    if path.exists() and any(file.exists() and file.samefile(path) for file in files):
        message = _("{path} is there already, and nothing is overwritten; try --out with a new name")
        raise ConfigError(message.format(path=path))
    return check_output(path)


def predict(
    run: RunArgument,
    files: Annotated[list[Path], typer.Argument(help=FILES.format(formats=input_titles()), metavar=_("FILE..."))],
    model: ModelOption = None,
    limit: LimitOption = None,
    skip_unreadable: Annotated[bool, setting_option("skip_unreadable")] = False,
    decimal: Annotated[str, setting_option("decimal")] = "",
    encoding: Annotated[str, setting_option("encoding")] = "",
    header: Annotated[str, setting_option("header")] = "",
    out: OutFile = None,
    as_csv: Annotated[bool, option(_("Print CSV: one row per input, with all probabilities."), "--csv")] = False,
    as_json: Json = False,
) -> None:
    """Predict classes and probabilities for images or rows."""
    picture = None if as_json or as_csv else _picture(out or Path(f"{run.name}-seen.png"), files)
    how = _how(decimal=decimal, encoding=encoding, header=header)
    with waiting(_("Predicting"), not as_json):
        from descenso.api import inference
        from descenso.data.sources import Sources
        from descenso.reports.figures import save_figure
        from descenso.reports.pictures import is_picture, predictions_figure

        predicted = inference.predict(run, files, model, Sources.of(limit), skip_unreadable=skip_unreadable, **how)
    classes = [predicted.class_names[place] for place in predicted.probabilities.argmax(axis=1)]
    rows = list(zip(predicted.names, classes, predicted.probabilities.tolist(), strict=True))
    if as_json or as_csv:
        (_say_json if as_json else _write_csv)(predicted.class_names, rows)
        return
    shown = ((name, label, f"{max(values):.4f}") for name, label, values in rows[:MOST_SHOWN])
    say_table([(_("input"), _("class"), _("probability")), *shown], text_columns=2)
    if len(classes) > MOST_SHOWN:
        say(_("… {more} more; --csv or --json prints all").format(more=len(classes) - MOST_SHOWN))
    if predicted.prepared:
        say(predicted.prepared)
    if picture and is_picture(predicted.inputs.shape[1:]):
        save_figure(predictions_figure(predicted.inputs, classes, prepared=predicted.prepared), picture)
        say(_("Inputs as the model sees them: {path}").format(path=picture))


def _say_json(class_names: tuple[str, ...], rows: list[tuple[str, str, list[float]]]) -> None:
    records = [{"input": name, "class": label, "probabilities": values} for name, label, values in rows]
    say_json({"classes": list(class_names), "predictions": records})


def _write_csv(class_names: tuple[str, ...], rows: list[tuple[str, str, list[float]]]) -> None:
    """Print a row for each input: its name, its class, and the probability of each class."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(map(printable, ("input", "class", *class_names)))
    writer.writerows([printable(name), printable(label), *values] for name, label, values in rows)


def export(
    run: RunArgument,
    to: Annotated[
        str | None,
        option(FORMAT, metavar=_("NAME"), autocompletion=completing(_formats)),
    ] = None,
    out: Annotated[Path | None, option(EXPORT_OUT, "--out", "-o", metavar=_("FILE"))] = None,
    model: ModelOption = None,
    as_json: Json = False,
) -> None:
    """Export a run's model to another library's format, with input scaling and softmax included."""
    with waiting(_("Exporting"), not as_json):
        from descenso import exporting

        path = exporting.export(run, to or "", out, model)
        about = exporting.readme_of(path, to or "")
    if as_json:
        say_json({"run": str(run), "format": to, "path": str(path), "readme": str(about)})
    else:
        say(_("Exported: {path}").format(path=path))
        say(_("How to call it: {path}").format(path=about))
