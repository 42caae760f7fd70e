"""`descenso evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from descenso.cli.display import quiet
from descenso.cli.options import (
    DataDirOption,
    Json,
    LimitOption,
    ModelOption,
    RunArgument,
    say,
    say_json,
    say_table,
    setting_option,
)
from descenso.studies import plain
from descenso.text import _

if TYPE_CHECKING:
    from descenso.data.dataset import Split
    from descenso.training.evaluation import Evaluation


def evaluate(
    run: RunArgument,
    data: Annotated[
        str | None,
        typer.Option(
            help=_("Dataset to test on: its test rows, or all rows if it has none. Default: that of the run.")
        ),
    ] = None,
    label: Annotated[str, setting_option("label")] = "",
    resize: Annotated[str, setting_option("resize")] = "",
    model: ModelOption = None,
    limit: LimitOption = None,
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """Evaluate a run on test rows: accuracy, cost, precision and recall per class, confusion matrix."""
    with quiet():
        from descenso.api import inference
        from descenso.data.sources import Sources

        evaluation, rows = inference.evaluate(
            run, data, model, label=label, resize=resize, sources=Sources.of(limit, data_dir)
        )
        names = inference.read_trained(run)[1].class_names
    of = f"-{Path(data).stem}" if data else ""  # the pictures of the run's own test rows stay
    pictures = _draw(evaluation, rows, names, run, of)
    if as_json:
        say_json(_answer(evaluation, rows, names))
    else:
        _show(evaluation, rows, names)
        for picture in pictures:
            say(_("Picture: {path}").format(path=picture))


def _draw(evaluation: "Evaluation", rows: "Split", names: tuple[str, ...], run: Path, of: str) -> list[Path]:
    """Save the confusion matrix and, of images, the worst mistakes among the plots of the run."""
    from descenso.reports.figures import confusion_figure, is_picture, mistakes_figure, save_figure
    from descenso.runs.directory import open_directory

    directory = open_directory(run)
    pictures = [save_figure(confusion_figure(evaluation.confusion, names), directory.plot_path(f"confusion{of}.png"))]
    if is_picture(rows.inputs.shape[1:]):
        sheet = mistakes_figure(rows, evaluation.costs, evaluation.predicted, evaluation.confidence, names)
        pictures.append(save_figure(sheet, directory.plot_path(f"mistakes{of}.png")))
    return pictures


def _show(evaluation: "Evaluation", rows: "Split", names: tuple[str, ...]) -> None:
    say(_("Accuracy: {accuracy:.4f}, cost: {cost:.6f}").format(accuracy=evaluation.accuracy, cost=evaluation.cost))
    counts = evaluation.confusion.sum(axis=1)
    table = [
        [name, count, *("–" if value is None else f"{value:.4f}" for value in values)]
        for name, count, *values in zip(names, counts, evaluation.precision, evaluation.recall, strict=True)
    ]
    say_table([[_("class"), _("rows"), _("precision"), _("recall")], *table])
    error = evaluation.calibration_error(rows.labels)
    say(_("Calibration error: {error:.4f} (mean difference between confidence and accuracy)").format(error=error))


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
