"""`descenso predict`."""

import csv
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from descenso.cli.display import quiet
from descenso.cli.options import Json, LimitOption, ModelOption, RunArgument, option, say, say_json, say_table
from descenso.data.formats import input_titles
from descenso.text import _, printable

if TYPE_CHECKING:
    from descenso.api.inference import Predictions

MOST_SHOWN = 100  # rows of the table; all are in --json and --csv


def predict(
    run: RunArgument,
    files: Annotated[
        list[Path],
        typer.Argument(help=_("Files to predict on: {formats}.").format(formats=input_titles()), metavar="FILE..."),
    ],
    model: ModelOption = None,
    limit: LimitOption = None,
    as_csv: Annotated[bool, option(_("Print CSV: one row per input, with all probabilities."), "--csv")] = False,
    as_json: Json = False,
) -> None:
    """Predict classes and probabilities for images or rows."""
    with quiet():
        from descenso.api import inference
        from descenso.data.sources import Sources
        from descenso.reports.figures import is_picture, predictions_figure, save_figure

        predicted = inference.predict(run, files, model, Sources.of(limit))
    classes = [predicted.class_names[place] for place in predicted.probabilities.argmax(axis=1)]
    if as_json:
        rows = zip(predicted.names, classes, predicted.probabilities.tolist(), strict=True)
        records = [{"input": name, "class": label, "probabilities": values} for name, label, values in rows]
        say_json({"classes": list(predicted.class_names), "predictions": records})
        return
    if as_csv:
        _write_csv(predicted, classes)
        return
    rows = zip(predicted.names, classes, (f"{value:.4f}" for value in predicted.probabilities.max(axis=1)), strict=True)
    say_table([(_("input"), _("class"), _("probability")), *islice(rows, MOST_SHOWN)], text_columns=2)
    if len(classes) > MOST_SHOWN:
        say(_("… {more} more; --csv or --json prints all").format(more=len(classes) - MOST_SHOWN))
    if is_picture(predicted.inputs.shape[1:]):
        picture = save_figure(predictions_figure(predicted.inputs, classes), Path(f"{run.name}-seen.png"))
        say(_("Inputs as the model sees them: {path}").format(path=picture))


def _write_csv(predicted: "Predictions", classes: list[str]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    rows = zip(predicted.names, classes, predicted.probabilities.tolist(), strict=True)
    writer.writerow(map(printable, ("input", "class", *predicted.class_names)))
    writer.writerows([printable(name), printable(label), *values] for name, label, values in rows)
