"""`descenso evaluate`."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from descenso.cli.options import (
    DataDirOption,
    Json,
    LimitOption,
    ModelOption,
    RunArgument,
    cell,
    say,
    say_json,
    setting_option,
)
from descenso.cli.quiet import quiet
from descenso.text import _

if TYPE_CHECKING:
    from descenso.data.dataset import Split
    from descenso.training.evaluation import Evaluation


def evaluate(
    run: RunArgument,
    data: Annotated[
        str | None,
        typer.Option(help=_("Dataset to test on: its test rows, or else all of them; by default the run's own.")),
    ] = None,
    label: Annotated[str, setting_option("label")] = "",
    resize: Annotated[str, setting_option("resize")] = "",
    model: ModelOption = None,
    limit: LimitOption = None,
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """Measure a run on test rows: accuracy, cost, accuracy per class, confusion matrix."""
    with quiet():
        from descenso.api import inference as using
        from descenso.data.limits import Sources
        from descenso.reports.figures import confusion_figure, is_picture, mistakes_figure, save_figure
        from descenso.runs.directory import open_directory

        found, rows = using.evaluate(run, data, model, label=label, resize=resize, sources=Sources.of(limit, data_dir))
    names = using.read_trained(run)[1].class_names
    directory = open_directory(run)
    of = f"-{Path(data).stem}" if data else ""  # the run's own pictures stay
    pictures = [save_figure(confusion_figure(found.confusion, names), directory.plot_path(f"confusion{of}.png"))]
    if is_picture(rows.inputs.shape[1:]):
        sheet = mistakes_figure(rows, found.costs, found.predicted, found.confidence, names)
        pictures.append(save_figure(sheet, directory.plot_path(f"mistakes{of}.png")))
    if as_json:
        say_json(_answer(found, rows, names))
        return
    say(_("Accuracy: {accuracy:.4f}, cost: {cost:.6f}").format(accuracy=found.accuracy, cost=found.cost))
    table = Table(_("class"), _("rows"), _("precision"), _("recall"))
    for name, total, *shares in zip(names, found.confusion.sum(axis=1), found.precision, found.recall, strict=True):
        table.add_row(cell(name), str(total), *("–" if share is None else f"{share:.4f}" for share in shares))
    Console().print(table)
    error = found.calibration_error(rows.labels)
    say(_("Calibration error: {error:.4f} (how far confidence lies from accuracy, on average)").format(error=error))
    for picture in pictures:
        say(_("Picture: {path}").format(path=picture))


def _answer(found: "Evaluation", rows: "Split", names: tuple[str, ...]) -> dict[str, Any]:
    tenths = found.calibration(rows.labels)
    return {
        "accuracy": found.accuracy,
        "cost": found.cost if math.isfinite(found.cost) else None,
        "classes": list(names),
        "precision": found.precision,
        "recall": found.recall,
        "confusion": found.confusion.tolist(),
        "calibration": [{"rows": n, "confidence": sure, "accuracy": right} for n, sure, right in tenths],
        "calibration_error": found.calibration_error(rows.labels),
    }
