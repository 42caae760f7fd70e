"""`descenso export`."""

from pathlib import Path
from typing import Annotated

import typer

from descenso.cli.options import Json, ModelOption, RunArgument, say, say_json
from descenso.cli.quiet import quiet
from descenso.text import _


def export(
    run: RunArgument,
    to: Annotated[
        str,
        typer.Option(
            help=_("Format: keras, savedmodel, onnx, litert, npz, numpy-script (see docs/export.md)."),
            metavar="keras|savedmodel|onnx|litert|npz|numpy-script",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help=_("The file, or for savedmodel the folder, to write; never over another.")),
    ] = None,
    model: ModelOption = None,
    as_json: Json = False,
) -> None:
    """Write a run's model for other libraries: it reads rows as stored, and gives probabilities."""
    with quiet():
        from descenso import exporting

        path = exporting.export(run, to, out, model)
    if as_json:
        say_json({"run": str(run), "format": to, "path": str(path)})
    else:
        say(_("Exported: {path}").format(path=path))
